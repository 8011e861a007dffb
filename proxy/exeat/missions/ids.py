"""Ids of missions and their like: opaque, sortable by age, safe in a header, a path and a Cedar id.

A prefix (``m_``) and 26 characters of Crockford's base 32: 48 bits of milliseconds, then 80 random bits (the ULID layout). Must not
know: what a mission is.
"""

from __future__ import annotations

import re
import secrets
from typing import final

MISSION_ID = re.compile(r"m_[0-7][0-9A-HJKMNP-TV-Z]{25}")
"""Exactly the ids made here; anything else is refused before it is looked up."""
DESTINATION_ID = re.compile(r"dst_[0-7][0-9A-HJKMNP-TV-Z]{25}")

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_BITS = 80


@final
class MissionIds:
    """Makes ids that grow, also within one millisecond and when the clock steps back."""

    def __init__(self, prefix: str = "m_") -> None:
        self._prefix = prefix
        self._last = 0

    def __call__(self, now: float) -> str:
        """Return the next id; ``now`` in seconds since the epoch."""
        number = int(now * 1000) << _RANDOM_BITS | secrets.randbits(_RANDOM_BITS)
        if number >> _RANDOM_BITS <= self._last >> _RANDOM_BITS:
            number = self._last + 1 + secrets.randbits(32)  # later than the last, and still not guessable from it
        self._last = number
        return self._prefix + "".join(_ALPHABET[number >> shift & 31] for shift in range(125, -1, -5))
