"""Where secrets are kept by ourselves, and how those are looked after that others keep.

Must not know: behaviour.
"""

from __future__ import annotations

from exeat.config.values import LocalReference, Table


class SecretsTable(Table):
    """``[secrets]``: the key under which secrets in the store are sealed."""

    key: LocalReference | None = None
    """Where that key is: 32 characters or more, made at random. Without it one is made in the state folder."""
    previous_keys: tuple[LocalReference, ...] = ()
    """Keys that were replaced; what is still sealed under one is opened, and ``exeat secret reseal`` ends that."""
