"""What a reader gives back, and how it refuses.

Must not know: any format, operations, resources.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.reason import Reason

MOST_ASKED = 100
"""Things one request may ask for: root fields of a document, messages of a batch."""
_LONGEST_SELECT = 1024


class UnreadableError(Exception):
    """A body can't be read in exactly one way; the message is fixed text."""

    def __init__(self, detail: str, reason: Reason = Reason.REQUEST_MALFORMED) -> None:
        super().__init__(detail)
        self.detail = detail
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Asked:
    """One thing a request asks for; captures point into ``arguments``, a JSON value."""

    select: str
    arguments: object = None


def one_asked(select: str, arguments: object) -> Asked:
    """Make an Asked of a name an agent chose; raise UnreadableError for one that couldn't be written in a select."""
    if not 0 < len(select) <= _LONGEST_SELECT or not select.isprintable() or select != select.strip():
        raise UnreadableError("what is asked for has no plain name")
    return Asked(select, arguments)


def bounded(asked: list[Asked]) -> tuple[Asked, ...]:
    """Return what is asked, at least one thing and not too many; raise UnreadableError otherwise."""
    if not asked:
        raise UnreadableError("nothing is asked for")
    if len(asked) > MOST_ASKED:
        raise UnreadableError("too many things are asked for at once")
    return tuple(asked)
