"""Using refresh tokens (RFC 6749 §6): one process at a time, over all workers and replicas.

Servers rotate them: each answer brings the next one and ends the last, and whoever shows an ended one is taken for a thief,
upon which the server ends the whole family (RFC 9700 §4.14.2). So the next one is stored before the access token is handed out.

A server that is slow is waited for longer than the request that wanted a token: the token that follows must not be lost.

What a crash costs. Before the server is asked, a mark says so in the store. If we die between its answer and our commit,
the token that followed is lost: nobody can get it back. The next use finds the mark and asks once more with the
token it has. A server that doesn't rotate, or gives grace, answers, and nothing was lost. One that rotates strictly
refuses and ends the family; then that is stored, an alert in log and audit, told in every refusal, and nothing is asked any more
until somebody authorizes again and another first token is found in its source. Must not know: workers, SQL, what a token is for.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, final

from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.endpoint import Answer
from exeat.credentials.oauth.family import Family, KeptFamilies
from exeat.credentials.oauth.grant import granted_value
from exeat.credentials.tasks import Tasks
from exeat.errors import ConflictError, RefusalError, StartError, UnavailableError
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.oauth_client import OAuthClient
from exeat.model.reason import Reason
from exeat.model.record import RecordKind
from exeat.model.secret import Secret
from exeat.ports import AuditSink, Clock, Leases

logger = logging.getLogger("exeat.refresh")

_WORK = "oauth refresh "
"""Before a family's name in the name of its lease."""
_SLOW = 20.0
"""Seconds that a server may take to answer; who wants the token is refused long before."""
_LEASE = 30.0
"""Seconds; more than a use takes, its commits included."""
_PATIENCE = 3.5
"""Seconds to wait for another replica's turn; a little less than a mint may take."""
_LOOK = 0.05
"""Seconds between two looks at a lease."""
_TRIES = 4
"""Attempts to store what a server has answered, before it is left for the next use."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """What is kept at this moment, while nobody else may change it."""

    name: str
    version: int
    family: Family


@final
class Refreshing:
    """Implements ``ports.Refresher``. ``load`` returns the first token of a source reference and may take long; ``key`` keys digests.

    ``holder`` is who takes the turns: one that begins again under the same name needn't wait for the turn that it died in.
    """

    def __init__(
        self,
        services: Mapping[str, IssuerSpec],
        client: Client,
        load: Callable[[str], Secret],
        kept: KeptFamilies,
        leases: Leases,
        audit: AuditSink,
        holder: str,
        key: bytes,
        clock: Clock,
    ) -> None:
        self._services = {
            name: spec.details
            for name, spec in services.items()
            if isinstance(spec.details, OAuthClient) and spec.details.grant == "refresh_token"
        }
        self._client = client
        self._load = load
        self._kept = kept
        self._leases = leases
        self._key = hmac.digest(key, b"exeat refresh token seed v1", hashlib.sha256)
        self._clock = clock
        self._audit = audit
        self._holder = holder
        self._turns: dict[str, asyncio.Lock] = {}
        self._seeds: dict[str, Secret] = {}
        self._unsaved: dict[str, _Turn] = {}
        self._tasks = Tasks()

    def check(self) -> None:
        """Load every first token; raise StartError when one is missing."""
        for details in self._services.values():
            self._seeds[_name(details)] = self._load(details.refresh_token)

    async def refresh(self, service: str, scope: str) -> Mapping[str, Any]:
        """See ``ports.Refresher``. Once begun it is finished, whoever still waits."""
        details = self._services.get(service)
        if details is None:
            raise _unavailable(f"no refresh token belongs to {service}")
        return await asyncio.shield(self._tasks.spawn(self._in_turn(details, scope)))

    async def close(self) -> None:
        """Wait for what is under way: what a server has answered has to be stored."""
        await self._tasks.finish(_LEASE)

    async def _in_turn(self, details: OAuthClient, scope: str) -> Mapping[str, Any]:
        name = _name(details)
        async with self._turns.setdefault(name, asyncio.Lock()):
            try:
                lease = await self._take(name)
                try:
                    return await self._use(await self._current(name, details), details, scope)
                finally:
                    with suppress(UnavailableError):
                        await self._leases.give_back(_WORK + name, lease)
            except ConflictError:
                raise _unavailable("the refresh token was changed by somebody else meanwhile") from None
            except UnavailableError as error:
                raise _unavailable(f"the refresh token can't be kept: {error}") from None

    async def _take(self, name: str) -> int:
        deadline = self._clock.monotonic() + _PATIENCE
        while True:
            lease = await self._leases.take(_WORK + name, self._holder, _LEASE)
            if lease is not None:
                return lease
            if self._clock.monotonic() >= deadline:
                raise _unavailable("another replica uses the refresh token and doesn't finish")
            await asyncio.sleep(_LOOK)

    async def _current(self, name: str, details: OAuthClient) -> _Turn:
        """What is kept now; what is not, because it couldn't be or is new, is kept first."""
        unsaved = self._unsaved.pop(name, None)
        if unsaved is not None:
            try:
                await self._keep(unsaved, unsaved.family)
            except UnavailableError:
                self._unsaved[name] = unsaved
                raise
        family, version = await self._kept.read(name)
        if family is None or family.lost or name not in self._seeds:
            # A lost one may have been replaced in its source meanwhile.
            self._seeds[name] = await self._first(details)
        seed = self._seeds[name]
        digest = hmac.digest(self._key, seed.reveal().encode(), hashlib.sha256).hex()[:32]
        if family is None:
            return await self._keep(_Turn(name, version, Family(seed, ())), Family(seed, (digest,)))
        turn = _Turn(name, version, family)
        return turn if digest in family.seeds else await self._keep(turn, family.begun(seed, digest))

    async def _first(self, details: OAuthClient) -> Secret:
        try:
            return await asyncio.to_thread(self._load, details.refresh_token)
        except StartError as error:
            raise _unavailable(f"the first refresh token can't be had: {error}") from None

    async def _keep(self, turn: _Turn, family: Family) -> _Turn:
        return _Turn(turn.name, await self._kept.write(turn.name, turn.version, family), family)

    async def _use(self, turn: _Turn, details: OAuthClient, scope: str) -> Mapping[str, Any]:
        if turn.family.lost:
            raise _unavailable(turn.family.lost)
        doubt = turn.family.asked_at
        if doubt is None:
            turn = await self._keep(turn, replace(turn.family, asked_at=self._clock.time()))
        form = {"grant_type": "refresh_token", "refresh_token": turn.family.token.reveal(), "scope": scope}
        if details.resource:
            form["resource"] = details.resource
        answer = await self._client.post(details, details.token_url, form, patience=_SLOW)
        if answer.status == 200:
            return await self._follow(turn, details, answer)
        if answer.error == "invalid_grant":
            lost = _lost(doubt, details)
            logger.error("%s: %s", turn.name, lost)
            services = sorted(name for name, each in self._services.items() if _name(each) == turn.name)
            self._audit.append(
                {
                    "kind": RecordKind.ALERT,
                    "event": "refresh_token_lost",
                    "service": " ".join(services),
                    "reason": lost,
                }
            )
            await self._keep(turn, replace(turn.family, lost=lost))
            raise _unavailable(lost)
        # It wasn't used; what was in doubt before still is.
        await self._keep(turn, replace(turn.family, asked_at=doubt))
        raise answer.refusal()

    async def _follow(self, turn: _Turn, details: OAuthClient, answer: Answer) -> Mapping[str, Any]:
        """Store the token that follows, then hand out the rest of the answer."""
        following = answer.fields.get("refresh_token")
        token = Secret(following) if isinstance(following, str) and following else turn.family.token
        family = replace(turn.family, token=token, asked_at=None)
        for attempt in range(_TRIES):
            try:
                await self._keep(turn, family)
                break
            except UnavailableError:
                if attempt + 1 < _TRIES:
                    await asyncio.sleep(0.1 * 2**attempt)
                    continue
                logger.error("%s: what follows can't be stored, and is lost if we end now", turn.name)  # noqa: TRY400
                self._unsaved[turn.name] = replace(turn, family=family)
                with suppress(RefusalError):
                    await self._client.withdraw(details, granted_value(answer.fields))
                raise
        return {name: value for name, value in answer.fields.items() if name != "refresh_token"}


def _name(details: OAuthClient) -> str:
    """Services that begin with one authorization share its family: each token may be used once, whoever needs it."""
    begins = f"{details.token_url}\0{details.client_id}\0{details.refresh_token}"
    return hashlib.sha256(begins.encode()).hexdigest()[:24]


def _lost(doubt: float | None, details: OAuthClient) -> str:
    if doubt is None:
        why = "the authorization server ended the refresh token: it was revoked, has expired, or somebody else used it"
    else:
        when = datetime.fromtimestamp(doubt, UTC).isoformat(timespec="seconds")
        why = f"the refresh token is lost: the answer to its use at {when} was never stored, and the server ended the one before"
    kind = details.refresh_token.partition(":")[0]
    return f"{why}; authorize again, and put the new one into its source ({kind})"


def _unavailable(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, what)
