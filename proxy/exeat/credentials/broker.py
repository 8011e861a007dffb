"""The broker: a token for each decision, minted once for many waiters, gone with its mission.

Order matters to callers: take a mission out of what ``is_live`` reads first, then call :meth:`TokenBroker.end`. Must
not know: policies, any proxy engine, how an issuer works.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from typing import final

from exeat.counting import Counts
from exeat.credentials.cache import Held, TokenCache
from exeat.credentials.figures import Figures
from exeat.credentials.granted import check_granted
from exeat.credentials.revoker import Revoker
from exeat.credentials.tasks import Tasks
from exeat.credentials.throttle import Throttle
from exeat.errors import RefusalError, UnavailableError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock, Ended, Issuer

Note = Callable[[TokenRequest, Token, IssuerSpec], Awaitable[None]]
"""Told of each token before it is used."""


async def nobody(request: TokenRequest, token: Token, spec: IssuerSpec) -> None:
    """Where nobody keeps a list."""


_RETRY = 1.0
"""Seconds at least between two early renewals when the first failed."""


@dataclass(slots=True, eq=False)
class _Mint:
    """A mint under way. ``outcome`` never holds an exception, so that nobody has to be there to see it."""

    outcome: asyncio.Future[Token | RefusalError]
    ended: bool = False

    def settle(self, outcome: Token | RefusalError) -> None:
        if not self.outcome.done():
            self.outcome.set_result(outcome)


@final
class TokenBroker:
    """Implements the Broker port on one event loop.

    ``services`` names each service's issuer, ``is_live`` says whether a session (by its key) may still act,
    ``timeout`` bounds one mint and one revocation in seconds, ``capacity`` the tokens held. ``share`` is this worker's part of
    what an issuer may be asked. ``note`` is told of each token before anybody may use it.
    """

    def __init__(
        self,
        issuers: Mapping[str, Issuer],
        services: Mapping[str, IssuerSpec],
        clock: Clock,
        *,
        is_live: Callable[[str], bool],
        timeout: float = 5.0,
        capacity: int = 10_000,
        share: float = 1.0,
        note: Note = nobody,
    ) -> None:
        self._issuers = issuers
        self._services = services
        self._clock = clock
        self._is_live = is_live
        self._timeout = timeout
        self._cache = TokenCache(capacity)
        self._minting: dict[TokenRequest, _Mint] = {}
        self._tasks = Tasks()
        self._revoker = Revoker(issuers, services, self._tasks, timeout)
        self._throttles = {
            name: Throttle(spec.rate * share, clock) for name, spec in services.items() if spec.rate is not None
        }
        self._note = note
        self._figures = Figures(services)
        self._counts = dict.fromkeys(("joined", "minted", "renewed", "failed", "dropped", "evicted"), 0)

    def cached(self, request: TokenRequest) -> Token | None:
        """A live token for exactly this request, or None; one past three quarters of its life is renewed meanwhile."""
        held = self._cache.get(request)
        if held is None:
            return None
        now = self._clock.time()
        if now >= held.usable_until:
            return None
        if now >= held.renew_at and request not in self._minting:
            held.renew_at = now + max(_RETRY, 0.1 * (held.usable_until - now))
            self._counts["renewed"] += 1
            self._start(request)
        self._figures.hits.add((request.service,))
        return held.token

    async def token(self, request: TokenRequest) -> Token:
        """A token for exactly this request: held, or minted now, or from the mint under way.

        Raise RefusalError: MISSION_ENDED when the session isn't live, or not any more; TOKEN_TOO_WIDE or
        TOKEN_UNAVAILABLE when there is no token as asked for, for whatever reason, in time.
        """
        if not self._is_live(request.session):
            raise RefusalError(Reason.MISSION_ENDED)
        held = self.cached(request)
        if held is not None:
            return held
        mint = self._minting.get(request)
        if mint is None:
            mint = self._start(request)
        else:
            self._counts["joined"] += 1
        # A waiter that goes away must not take the mint from the others.
        outcome = await asyncio.shield(mint.outcome)
        if isinstance(outcome, RefusalError):
            raise RefusalError(outcome.reason, outcome.detail)
        if mint.ended or not self._is_live(request.session):
            raise RefusalError(Reason.MISSION_ENDED)
        return outcome

    def end(self, mission: str) -> Awaitable[Ended]:
        """Drop every token of a mission before returning, and begin to revoke what can be.

        A mint under way counts as dropped; its waiters are refused at once, its token is revoked when it comes. What is
        returned waits for revocations as long as one may take; what takes longer goes on behind.
        """
        now = self._clock.time()
        dropped = self._cache.drop(mission)
        minting = [request for request in self._minting if request.mission == mission]
        for request in minting:
            mint = self._minting.pop(request)
            mint.ended = True
            mint.settle(RefusalError(Reason.MISSION_ENDED))
        self._counts["dropped"] += len(dropped) + len(minting)
        return self._tasks.spawn(self._revoke(len(dropped) + len(minting), _living(dropped, now)))

    def outdate(self, services: Collection[str]) -> None:
        """Use no token of these services again that is held now: what they are made of was replaced. They end as any other."""
        for request, held in self._cache.everything():
            if request.service in services:
                held.usable_until = 0.0

    async def _revoke(self, dropped: int, living: list[tuple[TokenRequest, Token]]) -> Ended:
        left = await self._revoker.revoke_all(living)
        alive = {each.id for each in left}
        over = tuple(token.id for _, token in living if token.id not in alive)
        return Ended(dropped, len(living) - len(left), tuple(left), over)

    def stats(self) -> Mapping[str, int]:
        """Counts since the start, and how much is held now."""
        held = {"tokens": len(self._cache), "missions": self._cache.missions, "minting": len(self._minting)}
        hits = sum(self._figures.hits.values.values())
        return {"hits": hits, **self._counts, **held, "revoked": self._revoker.revoked}

    def read(self) -> Counts:
        """What was counted, by metric and kind of issuer."""
        return self._figures.read(self._revoker.outcomes, self._cache.everything(), self._clock.time())

    async def close(self) -> None:
        """Refuse whoever waits, stop every task, forget every token."""
        for mint in self._minting.values():
            mint.ended = True
            mint.settle(RefusalError(Reason.TOKEN_UNAVAILABLE, "shutting down"))
        self._minting.clear()
        self._cache.clear()
        await self._tasks.close()

    def _start(self, request: TokenRequest) -> _Mint:
        mint = self._minting[request] = _Mint(asyncio.get_running_loop().create_future())
        self._tasks.spawn(self._mint(request, mint))
        return mint

    async def _mint(self, request: TokenRequest, mint: _Mint) -> None:
        token: Token | None = None
        evicted: list[tuple[TokenRequest, Held]] = []
        outcome: Token | RefusalError = RefusalError(Reason.TOKEN_UNAVAILABLE, "the mint was interrupted")
        try:
            token = await self._ask(request)
            self._check(request, mint, token)
            await self._told(request, token)
            evicted = self._keep(request, mint, token)
            outcome = token
        except RefusalError as error:
            # Made anew: a traceback would keep the token alive.
            outcome = RefusalError(error.reason, error.detail)
        except Exception as error:  # noqa: BLE001 refused; no text, for it may quote a secret
            outcome = RefusalError(Reason.TOKEN_UNAVAILABLE, f"the mint failed: {type(error).__name__}")
        finally:
            if self._minting.get(request) is mint:
                del self._minting[request]
            if isinstance(outcome, RefusalError):
                self._counts["failed"] += 1
                self._figures.failed.add((request.service, str(outcome.reason)))
            else:
                self._counts["minted"] += 1
                self._figures.issued.add((request.service,))
            mint.settle(outcome)
        if isinstance(outcome, RefusalError) and isinstance(token, Token):
            await self._revoker.revoke(request, token)
        if evicted:
            self._counts["evicted"] += len(evicted)
            await self._revoker.revoke_all(_living(evicted, self._clock.time()))

    async def _ask(self, request: TokenRequest) -> Token:
        spec = self._services.get(request.service)
        issuer = None if spec is None else self._issuers.get(spec.kind)
        if spec is None or issuer is None:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"no issuer for {request.service}")
        if (throttle := self._throttles.get(request.service)) is not None:
            throttle.take()
        try:
            async with asyncio.timeout(self._timeout):
                return await issuer.mint(request, spec)
        except TimeoutError:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"{spec.kind} did not answer in time") from None

    async def _told(self, request: TokenRequest, token: Token) -> None:
        """Say what was issued before anybody may use it: whoever is asked for everything a mission got knows it.

        What can't be said isn't used. Raise RefusalError(TOKEN_UNAVAILABLE) then.
        """
        spec = self._services[request.service]
        if not spec.listed:
            return
        try:
            async with asyncio.timeout(self._timeout):
                await self._note(request, token, spec)
        except (UnavailableError, TimeoutError):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "what was issued couldn't be noted") from None

    def _check(self, request: TokenRequest, mint: _Mint, token: Token) -> None:
        """Raise RefusalError unless a token came in time and is as asked for."""
        if mint.ended or not self._is_live(request.session):
            raise RefusalError(Reason.MISSION_ENDED)
        check_granted(token, self._services[request.service], self._clock.time())

    def _keep(self, request: TokenRequest, mint: _Mint, token: Token) -> list[tuple[TokenRequest, Held]]:
        """Keep a token, checked anew, for it was waited meanwhile; return what had to make room for it."""
        self._check(request, mint, token)
        return self._cache.put(request, Held.begin(token, self._clock.time(), self._services[request.service].ttl))


def _living(gone: list[tuple[TokenRequest, Held]], now: float) -> list[tuple[TokenRequest, Token]]:
    return [(request, token) for request, held in gone for token in held.living(now)]
