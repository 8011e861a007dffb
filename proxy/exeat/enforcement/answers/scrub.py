"""Keep a secret from coming back to the agent: mask it in what an origin answers, without buffering the stream.

``forms`` lists what is looked for, also across chunk borders. The mask has the length of what it covers, so framing holds.
Must not know: any engine, whose secret it is.
"""

from __future__ import annotations

from typing import Protocol, final

from exeat.enforcement.answers.forms import Needles
from exeat.model.request import Headers

_TELLING = 8
"""So many bytes of a secret at a part's edge are covered; fewer could be anything."""


class AnswerError(Exception):
    """An answer, or the rest of one, may not reach the agent; the message is fixed text."""


class BodyReader(Protocol):
    """What an answer's body goes through on its way to the agent."""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now; an empty chunk ends the body and returns the rest. Raise AnswerError to cut it."""
        ...


def mask_fields(fields: Headers, needles: Needles) -> Headers:
    """Cover every needle in names and values."""
    together = b"\n".join(
        [part for field in fields for part in field]
    )  # no needle holds a line feed, so none lies across two
    if needles.mask(together) is together:
        return fields
    return tuple((needles.mask(name), needles.mask(value)) for name, value in fields)


@final
class Scrubber:
    """One direction of one message. Holds back only a tail that could be the beginning of a needle."""

    __slots__ = ("_held", "_needles")

    def __init__(self, needles: Needles) -> None:
        self._needles = needles
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go on now; an empty chunk ends the message and returns the rest."""
        text = self._held + chunk if self._held else chunk
        masked = self._needles.mask(text)
        keep = self._needles.begun(masked) if chunk else 0
        if not keep:
            self._held = b""
            return masked
        self._held = masked[-keep:]
        return masked[:-keep]


@final
class PartScrubber:
    """A part of a representation (RFC 9110 §14): what its edges cut in two is covered too.

    ``left`` and ``right`` say that something lies beyond that edge. An agent could put a secret together from the parts.
    """

    __slots__ = ("_begun", "_inner", "_needles", "_right")

    def __init__(self, needles: Needles, *, left: bool, right: bool) -> None:
        self._needles = needles
        self._inner = Scrubber(needles)
        self._begun: bytes | None = b"" if left else None
        self._right = right

    def feed(self, chunk: bytes) -> bytes:
        """As :class:`Scrubber`; the first bytes, as many as the longest needle has, are held until they are all there."""
        text = chunk
        if self._begun is not None:
            text = self._begun + chunk
            if chunk and len(text) < self._needles.longest:
                self._begun = text
                return b""
            self._begun = None
            cut = self._needles.ended(text)
            text = b"*" * cut + text[cut:]
        if chunk:
            return self._inner.feed(text)
        rest = (self._inner.feed(text) if text else b"") + self._inner.feed(b"")
        begun = self._needles.begun(rest) if self._right else 0
        return rest[: len(rest) - begun] + b"*" * begun if begun >= _TELLING else rest
