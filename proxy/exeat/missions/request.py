"""What somebody wants opened.

Must not know: whether it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A mission from a template, perhaps narrowed, or an ad hoc one, which needs ``purpose`` and ``owner``.

    ``agents`` are names, or ``environment/name``. ``ttl`` in seconds; None means the template's, or an hour.
    """

    agents: tuple[str, ...]
    template: str = ""
    environment: str = ""
    destinations: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    ttl: float | None = None
    purpose: str = ""
    owner: str = ""
    ticket: str = ""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
