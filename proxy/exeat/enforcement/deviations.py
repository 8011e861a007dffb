"""What a worker notices of missions that leave their path, and what the request that made a rule fire is told.

Must not know: any engine, the store, how rules judge, what becomes of a firing (``reports``).
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import final

from exeat.decision.pins import Unpinned, may_answer
from exeat.decision.snapshot import SessionView
from exeat.deviation.events import Event, Subject, refused
from exeat.deviation.watch import Watch
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.known_values import BodySearch, Found, KnownValues, LeakError
from exeat.enforcement.registry import Registry
from exeat.enforcement.reports import OVER, Reports
from exeat.enforcement.world import World
from exeat.model.decision import Deny, Hold, Permit
from exeat.model.destination import host_port
from exeat.model.deviation import When
from exeat.model.mission import MissionState
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, WireRequest
from exeat.model.service import Group
from exeat.ports import Clock, Watchtower
from exeat.services.resources import MODEL

logger = logging.getLogger("exeat.deviations")

_SHOWN = 200
"""Characters of a model's name in evidence: agents choose it."""
_REASONS = {MissionState.SUSPENDED: Reason.MISSION_SUSPENDED, MissionState.REVOKED: Reason.MISSION_ENDED}


@final
class Deviations:
    """The rules of one worker at work. Single-threaded: everything happens on the worker's loop."""

    def __init__(self, world: World, watch: Watch, known: KnownValues, registry: Registry, clock: Clock) -> None:
        self._world = world
        self._watch = watch
        self.known = known
        self._clock = clock
        self._reports = Reports(world, registry)

    @property
    def watch(self) -> Watch:
        """The rules with what they remember."""
        return self._watch

    def report_to(self, tower: Watchtower) -> None:
        """Whom to tell of firings."""
        self._reports.to(tower)

    # --- what the gate tells --------------------------------------------------------------------------------------------

    def barred(self, mission: str) -> Deny | None:
        """Why a mission that a rule stopped here may do nothing, or None."""
        state = self._world.barred.get(mission)
        return None if state is None else Deny(_REASONS[state], detail="a rule has fired")

    def refused(
        self, verdict: Deny | Hold, view: SessionView, wire: WireRequest | None, decision_id: str, destination: str
    ) -> Deny | Hold:
        """Take note of a refusal; what the agent is told of it, which is more when a rule fires. Never raises."""
        try:
            if view.mission.state is not MissionState.OPEN or view.mission.id in self._world.barred:
                return verdict
            code = Reason.APPROVAL_REQUIRED if isinstance(verdict, Hold) else verdict.reason
            events = []
            if wire is not None and (found := self.known.honeytoken(wire.target, wire.headers)):
                events.append(_found(found, "head", decision_id, destination))
            evidence, known = self._evidence(verdict, view)
            events.append(refused(code, decision_id, destination, evidence, known=known))
            return self._stop(view, events, str(code), verdict) or verdict
        except Exception:
            logger.exception("a refusal could not be judged by the rules")
            return verdict

    def permitted(
        self, view: SessionView, permit: Permit, request: CanonicalRequest, body: bytes | None, decision_id: str
    ) -> Deny | None:
        """Take note of what is about to be permitted; the refusal when a rule fires that doesn't let it pass."""
        events = []
        destination = host_port(request.host, request.port)
        if self.known:
            found, where = self._in_head(request), "head"
            if found is None and body is not None:
                found, where = self.known.in_text(body), "body"
            if found is not None:
                events.append(_found(found, where, decision_id, destination))
        if self._writes(permit):
            events.append(Event((When.BURST,), decision_id, None, destination, {"action": permit.question.action}))
        return self._stop(view, events, "", permit) if events else None

    def search(self, view: SessionView, exchange: Exchange) -> BodySearch | None:
        """What a body that streams goes through on its way out; None when there is nothing to look for."""
        if not self.known:
            return None

        def on_found(found: Found) -> None:
            destination = host_port(exchange.request.host, exchange.request.port)
            event = _found(found, "body", exchange.decision_id, destination)
            verdict = self._stop(view, [event], "", exchange.permit)
            if verdict is not None:
                raise LeakError(verdict)

        return BodySearch(self.known, on_found)

    def answered_by(self, view: SessionView, exchange: Exchange, model: str) -> None:
        """Take note of the model that an answer says it is from: too late for the request, not for the mission."""
        if may_answer(view.mission.models, model) or view.mission.id in self._world.barred:
            return
        evidence = self._models(view, model, "answer")
        destination = host_port(exchange.request.host, exchange.request.port)
        self._stop(view, [Event((When.MODEL,), exchange.decision_id, None, destination, evidence)], "", exchange.permit)

    def forget(self, mission: str) -> None:
        """A mission has ended: drop what is remembered of it."""
        self._watch.forget(mission)

    # --- what is noticed ------------------------------------------------------------------------------------------------

    def _in_head(self, request: CanonicalRequest) -> Found | None:
        target = f"{request.path}?{request.query}".encode("utf-8", "surrogateescape")
        compiled = self._world.snapshot.services.for_host(request.host, request.port, request.segments)
        place = None if compiled is None else compiled.service.credential
        return self.known.honeytoken(target, request.headers) or self.known.in_url(request, place)

    def _writes(self, permit: Permit) -> bool:
        """Whether it changes something. A call of a language model doesn't, though it is a POST."""
        question = permit.question
        if question.resource is not None and question.resource.type.endswith(f"::{MODEL}"):
            return False
        actions = self._world.snapshot.services.actions()
        return any(
            info.group is not Group.READ
            for action in (question.action, *question.also)
            if (info := actions.get(action)) is not None
        )

    def _evidence(self, verdict: Deny | Hold, view: SessionView) -> tuple[Mapping[str, str], bool]:
        """What a refusal shows beyond its code, and whether it shows what a rule of its own watches for."""
        if isinstance(verdict, Unpinned):
            return self._models(view, verdict.model, "request"), True
        if isinstance(verdict, Deny) and verdict.reason is Reason.MODEL_NOT_ALLOWED:
            return {}, False  # no model was seen
        if isinstance(verdict, Deny) and verdict.reason in (Reason.CREDENTIAL_FOREIGN, Reason.IDENTITY_CONFLICT):
            return {"detail": verdict.detail}, True
        return {}, True

    @staticmethod
    def _models(view: SessionView, seen: str, where: str) -> Mapping[str, str]:
        return {"seen": seen[:_SHOWN], "pinned": ", ".join(view.mission.models)[:_SHOWN], "in": where}

    # --- what follows ---------------------------------------------------------------------------------------------------

    def _stop(self, view: SessionView, events: list[Event], code: str, verdict: Deny | Hold | Permit) -> Deny | None:
        """Have the rules judge; carry out what fires, and return what the request is then refused with."""
        agent = view.session.agent
        mission = view.mission
        subject = Subject(mission.id, agent.name, agent.spiffe_id, mission.environment, mission.template)
        now = self._clock.monotonic()
        firings = [firing for event in events for firing in self._watch.see(subject, event, now)]
        for firing in firings:
            self._reports.carry_out(firing)
        state = self._world.barred.get(mission.id)
        if state is None:
            return None
        fired = next((each.rule for each in firings if OVER.get(each.then) is state), "of before")
        detail = f"rule {fired}" + (f": {code}" if code else "")
        return Deny(_REASONS[state], verdict.question, verdict.policies, detail=detail)


def _found(found: Found, where: str, decision_id: str, destination: str) -> Event:
    return Event((found.when,), decision_id, None, destination, {"name": found.name, "in": where})
