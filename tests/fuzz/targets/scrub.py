"""Scrubbing: a stream cut anywhere shows no more of a secret than the whole body would, and nothing else is touched.

The first line of a seed is the secret, the rest the body, in which SECRET stands for it.
"""

from __future__ import annotations

import random
import zlib

from exeat.enforcement.answers.forms import Needles
from exeat.enforcement.answers.scrub import Scrubber
from exeat.model.secret import Secret

TOKENS = (b"SECRET", b"SECRE", b"ECRET", b"SECRETSECRET", b"%2F", b"\\/", b"=", b"==", b"%3D", b"*", b"********", b"\n", b"\r\n", b"\0", b"abababab", b"aaaa")  # fmt: skip
_SHORTEST = 8
"""Characters of what an issuer gives us; shorter ones aren't looked for."""


def check(data: bytes) -> None:
    first, _, rest = data.partition(b"\n")
    value = first.decode("latin-1")
    if not (_SHORTEST <= len(value) <= 64 and value.isascii() and value.isprintable()) or "*" in value:
        return
    body = rest.replace(b"SECRET", first)
    needles = Needles([Secret(value)])
    covered = _covered(body, needles)
    seen = _scrubbed(body, needles)
    assert len(seen) == len(body)
    assert not any(needle in seen for needle in needles.covered)
    for at, (before, after) in enumerate(zip(body, seen, strict=True)):
        assert before == after or (at in covered and after == ord("*")), "a byte that is part of no secret was changed"


def _scrubbed(body: bytes, needles: Needles) -> bytes:
    """Through the scrubber, cut at places that the bytes themselves decide."""
    draw = random.Random(zlib.crc32(body))
    scrubber = Scrubber(needles)
    out = []
    longest = max(map(len, needles.covered), default=0)
    given = 0
    while body:
        size = draw.choice([1, 1, 2, 5, 16, 200])
        out.append(scrubber.feed(body[:size]))
        given += len(body[:size])
        body = body[size:]
        assert given - sum(map(len, out)) < max(longest, 1), "more is held back than can be a beginning"
    return b"".join([*out, scrubber.feed(b"")])


def _covered(body: bytes, needles: Needles) -> set[int]:
    """Every byte of every occurrence, overlapping ones too."""
    found: set[int] = set()
    for needle in needles.covered:
        at = body.find(needle)
        while at >= 0:
            found.update(range(at, at + len(needle)))
            at = body.find(needle, at + 1)
    return found
