"""What a worker process is started with, and how it says that it can't start.

Must not know: what a worker does; the supervisor reads this too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import orjson

REFUSED = 2
"""Exit code of a worker that can't start, with the reason on stderr."""


@dataclass(frozen=True, slots=True)
class Spec:
    """What a worker is started with: its name, its configuration, and inherited descriptors."""

    name: str
    config: str
    channel: int
    sockets: tuple[int, ...]

    def encode(self) -> str:
        """As one argument."""
        return orjson.dumps([self.name, self.config, self.channel, self.sockets]).decode()

    @classmethod
    def decode(cls, text: str) -> Self:
        """From it."""
        name, config, channel, sockets = orjson.loads(text)
        return cls(name, config, channel, tuple(sockets))
