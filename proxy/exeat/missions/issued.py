"""Everything that missions got from issuers outside, listed before it was used, and ended with the mission.

A worker revokes what it holds. What a worker minted that is gone since is nobody's to revoke but ours: whoever settles a
mission's end revokes what no worker answered for, and names what lives on. Must not know: HTTP, SQL, how an issuer works.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import final

from exeat.credentials.sealing import Sealer
from exeat.errors import ExeatError
from exeat.model.issued import IssuedToken, TokenState
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Applied, Clock, IssuedTokens, Issuer, TokenLeft

logger = logging.getLogger("exeat.issued")

_KEPT = 30 * 86_400.0
"""Seconds that the list remembers a token that is over."""
_LONGEST = 5.0
"""Seconds for all revocations of one mission's orphans."""


@final
class Issued:
    """Implements ``ports.TokenList``. ``replica`` is this installation's name among those that share the store."""

    def __init__(
        self,
        store: IssuedTokens,
        sealer: Sealer,
        issuers: Mapping[str, Issuer],
        services: Mapping[str, IssuerSpec],
        clock: Clock,
        replica: str = "",
    ) -> None:
        self._store = store
        self._sealer = sealer
        self._issuers = issuers
        self._services = services
        self._clock = clock
        self._replica = replica

    async def issued(self, token: IssuedToken, opener: Secret | None) -> None:
        """See ``ports.TokenList``."""
        sealed = None if opener is None else self._sealer.seal(_name(token), 1, opener)
        await self._store.add(replace(token, replica=self._replica, sealed=sealed))

    async def of_mission(self, mission: str) -> Sequence[IssuedToken]:
        """Everything that a mission ever got, oldest first; raise UnavailableError."""
        return await self._store.of_mission(mission)

    async def settle(self, mission: str, applied: Applied) -> Applied:
        """After every worker has dropped and revoked what it held: note that, and end what none of them held.

        Return ``applied`` with what this added. Never fails: nothing of an ended mission is sent whatever the list says.
        """
        try:
            return await self._settled(mission, applied)
        except ExeatError as error:
            logger.warning("the tokens of %s are not settled: %s", mission, error)
            return applied

    async def sweep(self) -> int:
        """End what outlived its mission because whoever held it is gone; return how many there were. Call it now and then."""
        found = await self._store.stranded(self._replica, self._clock.time())
        revoked = await self._revoked(found)
        for mission in {each.mission for each in found}:
            ids = {each.id for each in found if each.mission == mission}
            await self._note(mission, ids & revoked, TokenState.REVOKED)
            await self._note(mission, ids - revoked, TokenState.LEFT)
        await self._store.forget(self._clock.time() - _KEPT)
        return len(found)

    async def _settled(self, mission: str, applied: Applied) -> Applied:
        now = self._clock.time()
        listed = [each for each in await self._store.of_mission(mission) if each.replica == self._replica]
        open_ = [each for each in listed if each.state is not TokenState.REVOKED and not _over(each, now)]
        left = {each.id for each in applied.left}
        ended = {each.id for each in open_}.intersection(applied.ended)
        orphans = [
            each for each in open_ if each.id not in left and each.id not in ended and each.state is TokenState.LIVE
        ]
        revoked = await self._revoked(orphans)
        await self._note(mission, ended | revoked, TokenState.REVOKED)
        still = [each for each in orphans if each.id not in revoked]
        await self._note(mission, left | {each.id for each in still}, TokenState.LEFT)
        if not orphans:
            return applied
        return replace(
            applied,
            tokens_dropped=applied.tokens_dropped + len(orphans),
            tokens_revoked=applied.tokens_revoked + len(revoked),
            left=(*applied.left, *(TokenLeft(each.service, each.id, each.expires_at) for each in still)),
        )

    async def _note(self, mission: str, ids: Collection[str], state: TokenState) -> None:
        if ids:
            await self._store.settle(mission, ids, state)

    async def _revoked(self, tokens: Sequence[IssuedToken]) -> set[str]:
        """Revoke what nobody holds any more; return the ids of those whose issuer says that they are over."""
        if not tokens:
            return set()
        answers = [asyncio.ensure_future(self._revoke(each)) for each in tokens]
        await asyncio.wait(answers, timeout=_LONGEST)
        done = set()
        for token, answer in zip(tokens, answers, strict=True):
            if not answer.done():
                answer.cancel()
            elif not answer.cancelled() and answer.result():
                done.add(token.id)
        return done

    async def _revoke(self, token: IssuedToken) -> bool:
        spec = self._services.get(token.service)
        issuer = None if spec is None or spec.kind != token.kind else self._issuers.get(spec.kind)
        if spec is None or issuer is None or token.sealed is None:
            return False
        try:
            opener = self._sealer.unseal(_name(token), 1, token.sealed)
            held = Token(opener, token.id, Grade(token.grade), token.expires_at, handle=opener)
            return await issuer.revoke(held, spec) is True
        except Exception:  # noqa: BLE001 it lives on then, and is named; no text, for it may quote the token
            return False


def _over(token: IssuedToken, now: float) -> bool:
    return token.expires_at is not None and token.expires_at <= now


def _name(token: IssuedToken) -> str:
    """What a sealed value is bound to: it revokes this token of this mission and no other."""
    return f"issued/{token.service}/{token.mission}/{token.id}"
