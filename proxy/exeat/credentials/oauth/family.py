"""A *family*: the refresh tokens that follow one another from one authorization, and how the newest is kept.

It is kept sealed, with a mark while the server has been asked and hasn't answered. Must not know: servers, leases.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import final

import orjson

from exeat.credentials.safe import Safe
from exeat.errors import UnavailableError
from exeat.model.secret import Secret

PREFIX = "oauth/"
"""Before the names of families among the sealed secrets."""
_SEEDS = 16
"""Beginnings that are remembered, so that an old one never replaces a newer."""


@dataclass(frozen=True, slots=True)
class Family:
    """The newest refresh token; ``seeds`` are digests of those that it has begun with, the last one last.

    ``asked_at`` is when the server was first asked with this token and the answer not kept, in epoch seconds. ``lost`` says why it is
    of no use any more.
    """

    token: Secret = field(repr=False)
    seeds: tuple[str, ...]
    asked_at: float | None = None
    lost: str = ""

    def begun(self, token: Secret, seed: str) -> Family:
        """The family that begins anew with a token that somebody authorized."""
        return Family(token, (*self.seeds, seed)[-_SEEDS:])


@final
class KeptFamilies:
    """Read and write them; each write names the version that it follows, and is refused when that isn't the newest."""

    def __init__(self, safe: Safe) -> None:
        self._safe = safe

    async def read(self, name: str) -> tuple[Family | None, int]:
        """The family of a name and its version, 0 where there is none; raise UnavailableError when it can't be read."""
        found = await self._safe.read(PREFIX + name)
        if found is None:
            return None, 0
        try:
            said = orjson.loads(found.value.reveal())
            return Family(Secret(said["token"]), tuple(said["seeds"]), said["asked_at"], said["lost"]), found.version
        except (ValueError, LookupError, TypeError):
            raise UnavailableError(f"the refresh token kept as {found.name} can't be read") from None

    async def write(self, name: str, version: int, family: Family) -> int:
        """Keep it as the version after this one, and return that; raise ConflictError when somebody was faster."""
        said = {
            "token": family.token.reveal(),
            "seeds": family.seeds,
            "asked_at": family.asked_at,
            "lost": family.lost,
        }
        return await self._safe.write(
            PREFIX + name, Secret(orjson.dumps(said).decode()), seen=version, by="refresh token"
        )
