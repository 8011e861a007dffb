"""Bytes cut into pieces, as a network might bring them.

Must not know: what they mean.
"""

from __future__ import annotations

import random
import zlib
from collections.abc import Sequence


def in_pieces(data: bytes, sizes: Sequence[int] = (1, 1, 2, 5, 100)) -> list[bytes]:
    """Cut at places that the bytes themselves decide, so that a seed is always cut alike."""
    draw = random.Random(zlib.crc32(data))
    found = []
    while data:
        size = draw.choice(sizes)
        found.append(data[:size])
        data = data[size:]
    return found
