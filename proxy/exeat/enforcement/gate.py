"""One request's orchestration: normalise → look up → decide → record → mint → the fields that leave.

Facts are gathered once, before the decision; nothing after it may loosen it; whatever is raised becomes a refusal. The
gate knows no engine: engines hand it a WireRequest and carry out what it returns.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from typing import final

from exeat.decision.decide import decide
from exeat.decision.normalize import normalize
from exeat.decision.snapshot import SessionView, Snapshot
from exeat.enforcement.accounts import Accounts
from exeat.enforcement.admission import UNASKED, Admission, Pending, Settled, Waiting
from exeat.enforcement.answers.keeping import Claim, Handing, Keeper
from exeat.enforcement.deviations import Deviations
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.headers import framed, outgoing
from exeat.enforcement.holding import NOT_APPROVED, Approved, Holding, question
from exeat.enforcement.identified import Identity
from exeat.enforcement.identify import Identifier
from exeat.enforcement.limits.budgets import Budgets, Wanted
from exeat.enforcement.limits.meter import Meter
from exeat.enforcement.openings import Opening, Openings
from exeat.enforcement.recorder import Recorder
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.signing import NO_READERS, NO_SIGNERS, SignatureReader, Signer, Signing
from exeat.enforcement.signing.bodies import with_digest
from exeat.enforcement.tally import Tally
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.identity.shown import Evidence, Shown
from exeat.model.decision import Decision, Deny, Hold, Inject, KeepTokens, NeedBody, Permit, Tag
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, WireRequest
from exeat.model.service import PlaceKind
from exeat.model.token import Token
from exeat.ports import AuditSink, Broker, Clock
from exeat.services.resources import MODEL

logger = logging.getLogger("exeat.gate")

_STALE = Reason.STATE_STALE, "the lease has run out"
_LARGEST_SIGNED = 64 * 1024 * 1024
"""Bytes that a body may have which must be known to be signed; ``proxy.limits.inspected_body`` bounds it too."""
_NOTHING_KEPT: frozenset[str] = frozenset()
_NONE_CARRIED: frozenset[bytes] = frozenset()


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
        signers: Mapping[PlaceKind, Signer] = NO_SIGNERS,
        readers: Mapping[PlaceKind, SignatureReader] = NO_READERS,
    ) -> None:
        self._world = world
        self._identifier = identifier
        self._broker = broker
        self._recorder = Recorder(audit, clock, deviations.known)
        self._accounts = Accounts(world, self._recorder, deviations, clock)
        self._clock = clock
        self._deadline = deadline
        self._pairwise_key = pairwise_key
        self._keeper = keeper
        self._holding = holding
        self._signers, self._readers = signers, readers
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
        return self._accounts.refuse(
            verdict, self._accounts.new_id(), identity, wire, now, close=close, challenge=challenge
        )

    def admit(
        self, identity: Identity, wire: WireRequest, body: bytes | None = None, *, whole: bool = True
    ) -> Admission:
        """Judge one request.

        The answer is final unless a token has to be minted (Pending) or somebody outside has to be asked first (Waiting).
        NeedBody asks for the body first and is given only once: the call with ``body`` returns anything but NeedBody.
        ``whole`` says that nothing of the body follows. Never raises an Exception.
        """
        return self._judge(identity, wire, body, self._accounts.new_id(), whole, UNASKED)

    def _judge(
        self,
        identity: Identity,
        wire: WireRequest,
        body: bytes | None,
        decision_id: str,
        whole: bool,
        asked: Settled,
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
        return self._accounts.refuse(verdict, decision_id, identity, wire, started, body=body)

    def _admit(
        self,
        identity: Identity,
        wire: WireRequest,
        body: bytes | None,
        decision_id: str,
        started: float,
        asked: Settled,
        *,
        whole: bool,
    ) -> Admission:
        snapshot = self._world.snapshot
        request = normalize(wire)
        if isinstance(request, Deny):
            return self._accounts.refuse(request, decision_id, identity, wire, started, close=True)
        if self._clock.time() >= identity.until:
            return self._accounts.refuse(_outlived(identity), decision_id, identity, wire, started, close=True)
        view = snapshot.sessions.get(identity.session)
        if view is None:
            return self._accounts.refuse(self._absent(identity), decision_id, identity, wire, started)
        if self._world.lifetimes.over(view.mission.id, started):
            ended = Deny(Reason.MISSION_ENDED, detail="expired; the clock was set back")
            return self._accounts.refuse(ended, decision_id, identity, wire, started, view=view)
        if self._world.draining:
            raise RefusalError(Reason.STATE_STALE, "the worker is stopping")
        if self._world.stale:
            raise RefusalError(*_STALE)
        if self._world.barred and (barred := self._deviations.barred(view.mission.id)):
            return self._accounts.refuse(barred, decision_id, identity, wire, started, view=view, body=body)
        if body is not None and whole:
            request = framed(request, body)
        claim = self._keeper.claim(view.session.key, request)
        if isinstance(claim, Deny):
            return self._accounts.refuse(claim, decision_id, identity, wire, started, view=view, body=body)
        given = asked.approved or NOT_APPROVED
        decision, handing = self._decide(request, view, snapshot, given, body, claim)
        if not self._clock.monotonic() - started <= self._deadline:
            raise RefusalError(Reason.INTERNAL_ERROR, "the decision came too late")
        if isinstance(decision, NeedBody):
            if body is not None:
                raise RefusalError(Reason.REQUEST_MALFORMED, "the body did not settle the operation")
            return decision
        if isinstance(decision, Hold) and asked.approved is None:
            judge = partial(self._judge, identity, wire, body, decision_id, whole)
            refuse = partial(
                self._accounts.refuse,
                decision_id=decision_id,
                identity=identity,
                wire=wire,
                started=started,
                view=view,
                body=body,
            )
            return self._hold(decision, request, view, judge, refuse, decision_id, body, whole=whole)
        if isinstance(decision, Deny | Hold):
            return self._accounts.refuse(decision, decision_id, identity, wire, started, view=view, body=body)
        signing = self._signing(decision, handing, body, whole=whole)
        if isinstance(signing, NeedBody):
            return signing
        if isinstance(signing, Deny):
            return self._accounts.refuse(signing, decision_id, identity, wire, started, view=view, body=body)
        meter = asked.paid or self._budgets.charge(
            view.mission.id, decision, request, len(body) if body is not None and whole else 0
        )
        if isinstance(meter, Deny):
            return self._accounts.refuse(meter, decision_id, identity, wire, started, view=view, body=body)
        if meter is not None and not isinstance(meter, Meter):
            judge = partial(self._judge, identity, wire, body, decision_id, whole)
            return Waiting(partial(self._once_paid, meter, judge, asked, identity, wire))
        # After what may have to wait: a request is judged by the rules once.
        if stopped := self._deviations.permitted(view, decision, request, body, decision_id):
            if meter is not None:
                meter.refund()
            return self._accounts.refuse(
                stopped, decision_id, identity, wire, started, view=view, body=body, judged=True
            )
        exchange = Exchange(
            decision_id=decision_id,
            request_id=f"r_{decision_id[2:]}",
            session=view.session.key,
            mission=view.mission.id,
            agent=view.session.agent.spiffe_id,
            request=signing[0],
            permit=decision,
            started=started,
            is_live=self._world.is_live,
        )
        exchange.claim, exchange.keep, exchange.body = handing.claim, handing.keep, handing.body
        exchange.signing = signing[1]
        if request.upgrade or (request.has_body and not (body is not None and whole)):
            exchange.search_with(self._deviations.search(view, exchange))
        # Before anything is minted, resolved or dialled.
        self._recorder.permit(exchange, identity, view, snapshot.version, given.approval)
        if meter is not None:
            exchange.meter = meter
            meter.begin()
        inject = _inject(decision)
        token = None if inject is None else self._broker.cached(inject.token)
        if inject is None or token is not None:
            return self._stamped(exchange, view, inject, token)
        return Pending(exchange, partial(self._mint, exchange, view, inject))

    def _decide(
        self,
        request: CanonicalRequest,
        view: SessionView,
        snapshot: Snapshot,
        given: Approved,
        body: bytes | None,
        claim: Claim | None,
    ) -> tuple[Decision, Handing]:
        """The decision, and what is then sent: where tokens are taken back in a body, that is read and filled too."""
        kept, carried = (_NOTHING_KEPT, _NONE_CARRIED) if claim is None else (claim.placeholders, claim.carried)
        decision = decide(
            request, view, snapshot, self._clock.time(), approvals=given.groups, body=body, kept=kept, carried=carried
        )
        if not isinstance(decision, Permit) or not isinstance(decision.obligations[-1], KeepTokens):
            return decision, Handing(request, claim)
        handing = self._keeper.handing(view.session.key, request, body, claim, decision.obligations[-1].what)
        return (decision, handing) if isinstance(handing, Handing) else (handing, Handing(request, claim))

    def _signing(
        self, permit: Permit, handing: Handing, body: bytes | None, *, whole: bool
    ) -> tuple[CanonicalRequest, Signing | None] | NeedBody | Deny:
        """The request as it is signed, and how, where its credential is a signature; whatever is wrong with that is known now."""
        sent = body if handing.body is None else handing.body
        request = with_digest(permit, handing.request, sent, whole=whole)
        inject = _inject(permit)
        reader = None if inject is None else self._readers.get(inject.place.kind)
        if reader is None or isinstance(request, NeedBody):
            return request if isinstance(request, NeedBody) else (request, None)
        try:
            signing = reader.read(request, sent if whole else None, self._clock.time())
        except RefusalError as error:  # its detail is fixed text, and tells the agent what to change
            return Deny(error.reason, permit.question, advice=error.detail, detail=error.detail)
        if not signing.needs_body:
            return request, signing
        if body is not None:
            return Deny(Reason.REQUEST_MALFORMED, permit.question, detail="the body is too large to be signed")
        return NeedBody(_LARGEST_SIGNED)

    def _hold(
        self,
        hold: Hold,
        request: CanonicalRequest,
        view: SessionView,
        judge: Callable[[Settled], Admission],
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
        found = self._world.snapshot.services.for_host(request.host, request.port, request.segments)
        place = None if found is None else found.service.credential
        asked = question(hold, request, view, decision_id, body, whole=whole, place=place)

        async def settle() -> Exchange | Refusal | Pending:
            outcome = await holding.verdict(hold, asked)
            if not isinstance(outcome, Approved):
                return refuse(outcome)
            admission = judge(Settled(outcome))
            while isinstance(admission, Waiting):
                admission = await admission.judge()
            if isinstance(admission, NeedBody):
                return refuse(Deny(Reason.INTERNAL_ERROR, hold.question, detail="what the request means has changed"))
            return admission

        return Waiting(settle)

    async def _once_paid(
        self,
        wanted: Wanted,
        judge: Callable[[Settled], Admission],
        asked: Settled,
        identity: Identity,
        wire: WireRequest,
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
            self._accounts.finish(exchange, None)
            raise
        except Exception:
            logger.exception("minting for %s failed", exchange.decision_id)
            verdict = Deny(Reason.INTERNAL_ERROR, exchange.permit.question, detail="minting failed")
        return self._accounts.fail(exchange, verdict.reason, verdict.detail)

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
            searched=exchange.claim is not None or exchange.keep is not None,
        )
        if exchange.claim is not None:
            fields, target = exchange.claim.put_back(fields, target)
        if inject is not None and token is not None and (signer := self._signers.get(inject.place.kind)) is not None:
            fields, target = signer.sign(exchange.request, fields, target, inject, token, self._clock.time())
        if inject is not None and inject.place.kind is PlaceKind.CERTIFICATE:
            exchange.certificate = token
        if inject is not None and token is not None and (signing := exchange.signing) is not None:
            fields, target = signing.sign(fields, target, inject, token, self._clock.time())
            exchange.sign_with(signing.body())
        exchange.headers, exchange.target = fields, target
        exchange.stamped = self._clock.monotonic()
        return exchange

    def _absent(self, identity: Identity) -> Deny:
        if identity.ended or identity.mission in self._world.snapshot.ended:
            return Deny(Reason.MISSION_ENDED)
        # A genuine pass whose mission isn't live: it ended too long ago to be remembered.
        return Deny(Reason.MISSION_ENDED) if identity.mission else Deny(Reason.MISSION_MISSING, detail=identity.lacking)

    def finish(self, exchange: Exchange, status: int | None, reason: Reason | None = None, detail: str = "") -> None:
        """See :meth:`Accounts.finish`."""
        self._accounts.finish(exchange, status, reason, detail)

    def fail(self, exchange: Exchange, reason: Reason, detail: str = "", advice: str = "") -> Refusal:
        """See :meth:`Accounts.fail`."""
        return self._accounts.fail(exchange, reason, detail, advice)

    def answered_by(self, exchange: Exchange) -> Callable[[str], None] | None:
        """Whom to tell which model an answer is from; None where nobody asks."""
        view = self._world.snapshot.sessions.get(exchange.session)
        resource = exchange.permit.question.resource
        if view is None or not view.mission.models or resource is None or not resource.type.endswith(f"::{MODEL}"):
            return None
        return partial(self._deviations.answered_by, view, exchange)


def _inject(permit: Permit) -> Inject | None:
    return next((duty for duty in permit.obligations if isinstance(duty, Inject)), None)


def _outlived(identity: Identity) -> Deny:
    """A tunnel lives no longer than what opened it: a pass ends with its mission, a token or certificate by itself."""
    if Evidence.PASS in identity.evidence:
        return Deny(Reason.MISSION_ENDED, detail="the pass has expired")
    return Deny(Reason.IDENTITY_INVALID, detail="what proved the identity has expired")
