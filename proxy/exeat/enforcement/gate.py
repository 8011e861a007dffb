"""One request's orchestration: normalise → look up → decide → record → mint → the fields that leave.

Facts are gathered once, before the decision; nothing after it may loosen it; whatever is raised becomes a refusal. The
gate knows no engine: engines hand it a WireRequest and carry out what it returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from functools import partial
from secrets import token_hex
from typing import final

from exeat.decision.decide import decide
from exeat.decision.normalize import normalize
from exeat.decision.snapshot import SessionView
from exeat.enforcement.answers.keeping import Keeper
from exeat.enforcement.deviations import Deviations
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.formats.asked import Asked, asked_by
from exeat.enforcement.headers import framed, outgoing
from exeat.enforcement.holding import NOT_APPROVED, Approved, Holding, question
from exeat.enforcement.identified import Conflicting, Identity
from exeat.enforcement.identify import Identifier
from exeat.enforcement.limits.budgets import Budgets, Wanted
from exeat.enforcement.limits.meter import Meter
from exeat.enforcement.openings import Opening, Openings
from exeat.enforcement.recorder import Recorder, where
from exeat.enforcement.refusal import Refusal, render
from exeat.enforcement.tally import Tally
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.identity.shown import Evidence, Shown
from exeat.model.decision import Deny, Hold, Inject, NeedBody, Tag
from exeat.model.destination import host_port
from exeat.model.reason import Reason
from exeat.model.record import Sent
from exeat.model.request import CanonicalRequest, WireRequest
from exeat.model.token import Token
from exeat.ports import AuditSink, Broker, Clock
from exeat.services.resources import MODEL

logger = logging.getLogger("exeat.gate")

_STALE = Reason.STATE_STALE, "the lease has run out"
_NOTHING_KEPT: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Pending:
    """A permit whose token has to be minted first. Whoever holds it owes ``exchange`` an outcome from now on."""

    exchange: Exchange
    mint: Callable[[], Awaitable[Exchange | Refusal]]


@dataclass(frozen=True, slots=True)
class Waiting:
    """Not judged yet: something outside has to answer first. Nothing is recorded, minted, resolved or dialled before it has.

    ``judge`` waits for that and judges the request anew; it never raises an Exception and never answers NeedBody.
    """

    judge: Callable[[], Awaitable[Exchange | Refusal | Pending]]


@dataclass(frozen=True, slots=True)
class _Asked:
    """What came of asking outside for a request that is judged again: people's approval, and the ledger's word."""

    approved: Approved | None = None
    paid: Meter | Deny | None = None


_UNASKED = _Asked()

Admission = Exchange | Refusal | NeedBody | Pending | Waiting


@final
class Gate:
    """Judges requests for one worker and keeps the account of each."""

    def __init__(
        self,
        world: World,
        identifier: Identifier,
        broker: Broker,
        audit: AuditSink,
        clock: Clock,
        keeper: Keeper,
        deviations: Deviations,
        budgets: Budgets,
        openings: Openings,
        *,
        deadline: float,
        pairwise_key: bytes,
        holding: Holding | None = None,
    ) -> None:
        self._world = world
        self._identifier = identifier
        self._broker = broker
        self._recorder = Recorder(audit, clock, deviations.known)
        self._clock = clock
        self._deadline = deadline
        self._pairwise_key = pairwise_key
        self._keeper = keeper
        self._holding = holding
        self._deviations = deviations
        self._budgets = budgets
        self._openings = openings

    @property
    def deviations(self) -> Deviations:
        """The rules that watch over missions."""
        return self._deviations

    @property
    def tally(self) -> Tally:
        """What its account adds up to."""
        return self._recorder.tally

    def identify(self, shown: Shown) -> Identity | Deny:
        """Return who a connection speaks for by what it shows, or why it speaks for nobody. Never raises."""
        return self._identifier.identify(shown)

    def opening(self, identity: Identity, wire: WireRequest) -> Opening | None:
        """How the mission is opened that a request begins, if it begins one: then ask anew for whom it speaks."""
        return self._openings.opening(identity, wire)

    def refuse(
        self,
        verdict: Deny,
        identity: Identity | None,
        wire: WireRequest | None,
        *,
        close: bool = False,
        challenge: bool = True,
    ) -> Refusal:
        """Record and render a refusal that came about before there was anything to judge."""
        now = self._clock.monotonic()
        return self._refuse(verdict, self._new_id(), identity, wire, now, close=close, challenge=challenge)

    def admit(
        self, identity: Identity, wire: WireRequest, body: bytes | None = None, *, whole: bool = True
    ) -> Admission:
        """Judge one request.

        The answer is final unless a token has to be minted (Pending) or somebody outside has to be asked first (Waiting).
        NeedBody asks for the body first and is given only once: the call with ``body`` returns anything but NeedBody.
        ``whole`` says that nothing of the body follows. Never raises an Exception.
        """
        return self._judge(identity, wire, body, self._new_id(), whole, _UNASKED)

    def _judge(
        self,
        identity: Identity,
        wire: WireRequest,
        body: bytes | None,
        decision_id: str,
        whole: bool,
        asked: _Asked,
    ) -> Admission:
        """As :meth:`admit`, after some were asked: nobody is asked again."""
        started = self._clock.monotonic()
        try:
            return self._admit(identity, wire, body, decision_id, started, asked, whole=whole)
        except RefusalError as error:
            verdict = Deny(error.reason, detail=error.detail)
        except Exception:
            logger.exception("decision %s failed", decision_id)
            verdict = Deny(Reason.INTERNAL_ERROR, detail="judging failed")
        return self._refuse(verdict, decision_id, identity, wire, started, body=body)

    def _admit(
        self,
        identity: Identity,
        wire: WireRequest,
        body: bytes | None,
        decision_id: str,
        started: float,
        asked: _Asked,
        *,
        whole: bool,
    ) -> Admission:
        snapshot = self._world.snapshot
        request = normalize(wire)
        if isinstance(request, Deny):
            return self._refuse(request, decision_id, identity, wire, started, close=True)
        if self._clock.time() >= identity.until:
            return self._refuse(_outlived(identity), decision_id, identity, wire, started, close=True)
        view = snapshot.sessions.get(identity.session)
        if view is None:
            return self._refuse(self._absent(identity), decision_id, identity, wire, started)
        if self._world.lifetimes.over(view.mission.id, started):
            ended = Deny(Reason.MISSION_ENDED, detail="expired; the clock was set back")
            return self._refuse(ended, decision_id, identity, wire, started, view=view)
        if self._world.draining:
            raise RefusalError(Reason.STATE_STALE, "the worker is stopping")
        if self._world.stale:
            raise RefusalError(*_STALE)
        if self._world.barred and (barred := self._deviations.barred(view.mission.id)):
            return self._refuse(barred, decision_id, identity, wire, started, view=view, body=body)
        if body is not None and whole:
            request = framed(request, body)
        claim = self._keeper.claim(view.session.key, request)
        if isinstance(claim, Deny):
            return self._refuse(claim, decision_id, identity, wire, started, view=view, body=body)
        kept = _NOTHING_KEPT if claim is None else claim.placeholders
        given = asked.approved or NOT_APPROVED
        decision = decide(request, view, snapshot, self._clock.time(), approvals=given.groups, body=body, kept=kept)
        if not self._clock.monotonic() - started <= self._deadline:
            raise RefusalError(Reason.INTERNAL_ERROR, "the decision came too late")
        if isinstance(decision, NeedBody):
            if body is not None:
                raise RefusalError(Reason.REQUEST_MALFORMED, "the body did not settle the operation")
            return decision
        judge = partial(self._judge, identity, wire, body, decision_id, whole)
        if isinstance(decision, Hold) and asked.approved is None:
            refuse = partial(
                self._refuse,
                decision_id=decision_id,
                identity=identity,
                wire=wire,
                started=started,
                view=view,
                body=body,
            )
            return self._hold(decision, request, view, judge, refuse, decision_id, body, whole=whole)
        if isinstance(decision, Deny | Hold):
            return self._refuse(decision, decision_id, identity, wire, started, view=view, body=body)
        size = len(body) if body is not None and whole else 0
        meter = asked.paid or self._budgets.charge(view.mission.id, decision, request, size)
        if isinstance(meter, Deny):
            return self._refuse(meter, decision_id, identity, wire, started, view=view, body=body)
        if meter is not None and not isinstance(meter, Meter):
            return Waiting(partial(self._once_paid, meter, judge, asked, identity, wire))
        # After what may have to wait: a request is judged by the rules once.
        if stopped := self._deviations.permitted(view, decision, request, body, decision_id):
            if meter is not None:
                meter.refund()
            return self._refuse(stopped, decision_id, identity, wire, started, view=view, body=body, judged=True)
        exchange = Exchange(
            decision_id=decision_id,
            request_id=f"r_{decision_id[2:]}",
            session=view.session.key,
            mission=view.mission.id,
            agent=view.session.agent.spiffe_id,
            request=request,
            permit=decision,
            started=started,
            is_live=self._world.is_live,
        )
        exchange.claim = claim
        if request.upgrade or (request.has_body and not (body is not None and whole)):
            exchange.search_with(self._deviations.search(view, exchange))
        # Before anything is minted, resolved or dialled.
        self._recorder.permit(exchange, identity, view, snapshot.version, given.approval)
        if meter is not None:
            exchange.meter = meter
            meter.begin()
        inject = next((duty for duty in decision.obligations if isinstance(duty, Inject)), None)
        if inject is None:
            return self._stamped(exchange, view, None, None)
        token = self._broker.cached(inject.token)
        if token is not None:
            return self._stamped(exchange, view, inject, token)
        return Pending(exchange, partial(self._mint, exchange, view, inject))

    def _hold(
        self,
        hold: Hold,
        request: CanonicalRequest,
        view: SessionView,
        judge: Callable[[_Asked], Admission],
        refuse: Callable[[Deny | Hold], Refusal],
        decision_id: str,
        body: bytes | None,
        *,
        whole: bool,
    ) -> Admission:
        """Have people asked; where they approve, everything is judged anew."""
        holding = self._holding
        if holding is None or holding.desk is None:
            return refuse(hold)
        if request.has_body and body is None:
            return NeedBody(holding.body)  # people approve a request with its body, or not at all
        found = self._world.snapshot.services.for_host(request.host, request.port)
        place = None if found is None else found.service.credential
        asked = question(hold, request, view, decision_id, body, whole=whole, place=place)

        async def settle() -> Exchange | Refusal | Pending:
            outcome = await holding.verdict(hold, asked)
            if not isinstance(outcome, Approved):
                return refuse(outcome)
            admission = judge(_Asked(outcome))
            while isinstance(admission, Waiting):
                admission = await admission.judge()
            if isinstance(admission, NeedBody):
                return refuse(Deny(Reason.INTERNAL_ERROR, hold.question, detail="what the request means has changed"))
            return admission

        return Waiting(settle)

    async def _once_paid(
        self, wanted: Wanted, judge: Callable[[_Asked], Admission], asked: _Asked, identity: Identity, wire: WireRequest
    ) -> Exchange | Refusal | Pending:
        """Judge anew once the ledger has said whether the budget suffices."""
        paid = await wanted()
        answer = judge(replace(asked, paid=paid))
        if isinstance(paid, Meter) and not paid.begun:
            paid.refund()
        if isinstance(answer, NeedBody | Waiting):  # the policies were changed meanwhile
            return self.refuse(Deny(Reason.STATE_STALE, detail="judged differently meanwhile"), identity, wire)
        return answer

    async def _mint(self, exchange: Exchange, view: SessionView, inject: Inject) -> Exchange | Refusal:
        asked = self._clock.monotonic()
        try:
            async with asyncio.timeout(self._deadline):
                token = await self._broker.token(inject.token)
            self._recorder.tally.minted(self._clock.monotonic() - asked)
            if not exchange.is_live():  # the mission may have ended while the issuer worked
                stale = self._world.stale
                raise RefusalError(*(_STALE if stale else (Reason.MISSION_ENDED, "ended while a token was minted")))
            return self._stamped(exchange, view, inject, token)
        except RefusalError as error:
            verdict = Deny(error.reason, exchange.permit.question, detail=error.detail)
        except TimeoutError:
            verdict = Deny(Reason.TOKEN_UNAVAILABLE, exchange.permit.question, detail="the issuer is late")
        except asyncio.CancelledError:
            self.finish(exchange, None)
            raise
        except Exception:
            logger.exception("minting for %s failed", exchange.decision_id)
            verdict = Deny(Reason.INTERNAL_ERROR, exchange.permit.question, detail="minting failed")
        return self.fail(exchange, verdict.reason, verdict.detail)

    def _stamped(self, exchange: Exchange, view: SessionView, inject: Inject | None, token: Token | None) -> Exchange:
        tag = next((duty for duty in exchange.permit.obligations if isinstance(duty, Tag)), Tag("spiffe"))
        exchange.token = token
        fields, target = outgoing(
            exchange.request,
            inject,
            token,
            tag,
            view.session.agent,
            view.mission.id,
            exchange.request_id,
            self._pairwise_key,
            searched=exchange.claim is not None,
        )
        if exchange.claim is not None:
            fields, target = exchange.claim.put_back(fields, target)
        exchange.headers, exchange.target = fields, target
        exchange.stamped = self._clock.monotonic()
        return exchange

    def _absent(self, identity: Identity) -> Deny:
        if identity.ended or identity.mission in self._world.snapshot.ended:
            return Deny(Reason.MISSION_ENDED)
        # A genuine pass whose mission isn't live: it ended too long ago to be remembered.
        return Deny(Reason.MISSION_ENDED) if identity.mission else Deny(Reason.MISSION_MISSING, detail=identity.lacking)

    def finish(self, exchange: Exchange, status: int | None, reason: Reason | None = None, detail: str = "") -> None:
        """Write the one outcome of an admitted request; later calls do nothing.

        ``status`` is what the agent was answered with. Without one the outcome is ``not_sent`` when nothing was handed
        over, ``unknown`` otherwise.
        """
        if exchange.finished:
            return
        exchange.finished = True
        if exchange.meter is not None:
            exchange.meter.end()
        if not exchange.sent:
            outcome = Sent.NOT_SENT
        else:
            unsure = status is None or (reason is not None and not exchange.answered)
            outcome = Sent.UNKNOWN if unsure else Sent.SENT
        self._recorder.outcome(exchange, outcome, status, reason, detail)

    def fail(self, exchange: Exchange, reason: Reason, detail: str = "", advice: str = "") -> Refusal:
        """End an admitted request that could not be sent, or whose answer may not pass, and render why."""
        request = exchange.request
        asked = asked_by(request, self._setting(request.host, request.port))
        verdict = Deny(reason, exchange.permit.question, advice=advice, detail=detail)
        refusal = render(verdict, exchange.decision_id, asked)
        self.finish(exchange, refusal.status, reason, detail)
        return refusal

    def _refuse(
        self,
        verdict: Deny | Hold,
        decision_id: str,
        identity: Identity | None,
        wire: WireRequest | None,
        started: float,
        *,
        view: SessionView | None = None,
        body: bytes | None = None,
        close: bool = False,
        challenge: bool = True,
        judged: bool = False,
    ) -> Refusal:
        asked = self._asked(wire, body)
        about = None if judged else view or self._about(verdict, identity)
        if about is not None:
            host, port, _ = where(wire)
            verdict = self._deviations.refused(
                verdict, about, wire, decision_id, host_port(host, port) if port else host
            )
        refusal = render(verdict, decision_id, asked, close=close, challenge=challenge)
        try:
            self._recorder.refusal(verdict, refusal, identity, wire, view, self._world.snapshot.version, started)
        except RefusalError as error:
            return render(Deny(error.reason, detail=error.detail), decision_id, asked, close=close)
        except Exception:
            logger.exception("recording %s failed", decision_id)
            return render(Deny(Reason.AUDIT_UNAVAILABLE), decision_id, asked, close=close)
        return refusal

    def _about(self, verdict: Deny | Hold, identity: Identity | None) -> SessionView | None:
        """Whose session a refusal tells something about that came before there was anything to judge."""
        if isinstance(verdict, Conflicting) and verdict.session:
            return self._world.snapshot.sessions.get(verdict.session)
        return None if identity is None else self._world.snapshot.sessions.get(identity.session)

    def answered_by(self, exchange: Exchange) -> Callable[[str], None] | None:
        """Whom to tell which model an answer is from; None where nobody asks."""
        view = self._world.snapshot.sessions.get(exchange.session)
        resource = exchange.permit.question.resource
        if view is None or not view.mission.models or resource is None or not resource.type.endswith(f"::{MODEL}"):
            return None
        return partial(self._deviations.answered_by, view, exchange)

    def _asked(self, wire: WireRequest | None, body: bytes | None) -> Asked:
        """What the caller shows of itself; a plain request's service isn't known before its target was judged."""
        tunnel = None if wire is None else wire.tunnel
        return asked_by(wire, "" if tunnel is None else self._setting(tunnel.host, tunnel.port), body)

    def _setting(self, host: str, port: int) -> str:
        found = self._world.snapshot.services.for_host(host, port)
        return "" if found is None else found.service.refusal

    def _new_id(self) -> str:
        """Sortable by time, unique without coordination: 48 bits of milliseconds and 80 random ones."""
        try:
            now = int(self._clock.time() * 1000)
        except Exception:  # noqa: BLE001 without a clock nothing is admitted, but a refusal needs its id all the same
            now = 0
        return f"d_{now & 0xFFFFFFFFFFFF:012x}{token_hex(10)}"


def _outlived(identity: Identity) -> Deny:
    """A tunnel lives no longer than what opened it: a pass ends with its mission, a token or certificate by itself."""
    if Evidence.PASS in identity.evidence:
        return Deny(Reason.MISSION_ENDED, detail="the pass has expired")
    return Deny(Reason.IDENTITY_INVALID, detail="what proved the identity has expired")
