"""How a request is signed with a key that the service knows too.

Must not know: the key, how a file describes it.
"""

from __future__ import annotations

from dataclasses import dataclass

Template = tuple[tuple[str, str], ...]
"""A text in pieces: a literal, then the name of a field that follows it, or "" at the end."""


@dataclass(frozen=True, slots=True)
class SignatureForm:
    """What is signed, how, and where it is written.

    ``text`` is signed: over ``method``, ``host``, ``path``, ``query``, ``target``, ``date`` and ``digest`` (SHA-256 of the
    body). ``value`` becomes the field ``header``: of ``signature``, ``key_id``, ``date`` and ``digest``. The date and the
    digest also get fields of their own where ``date_header`` and ``digest_header`` name one. Names are in lower case.
    """

    header: str
    value: Template
    text: Template
    algorithm: str = "sha256"
    encoding: str = "hex"
    date: str = "unix"
    date_header: str = ""
    digest_header: str = ""
    max_body: int = 1024 * 1024

    @property
    def of_body(self) -> bool:
        """Whether the body has to be there before anything can be signed."""
        return bool(self.digest_header) or any(name == "digest" for _, name in (*self.text, *self.value))
