"""What a request leaves behind when it is over or goes no further: its outcome, or its refusal, rendered and recorded.

Must not know: how a request is judged, any engine.
"""

from __future__ import annotations

import logging
from secrets import token_hex
from typing import final

from exeat.decision.snapshot import SessionView
from exeat.enforcement.deviations import Deviations
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.formats.asked import Asked, asked_by
from exeat.enforcement.identified import Conflicting, Identity
from exeat.enforcement.recorder import Recorder, where
from exeat.enforcement.refusal import Refusal, render
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.model.decision import Deny, Hold
from exeat.model.destination import host_port
from exeat.model.reason import Reason
from exeat.model.record import Sent
from exeat.model.request import WireRequest
from exeat.ports import Clock

logger = logging.getLogger("exeat.gate")


@final
class Accounts:
    """The accounts of one worker's requests. ``deviations`` hear of refusals, and may make them stricter."""

    def __init__(self, world: World, recorder: Recorder, deviations: Deviations, clock: Clock) -> None:
        self._world, self._recorder, self._deviations, self._clock = world, recorder, deviations, clock

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

    def refuse(
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
        """Record and render a refusal; one that can't be recorded says so. ``judged``: the rules have seen it already."""
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

    def _asked(self, wire: WireRequest | None, body: bytes | None) -> Asked:
        """What the caller shows of itself; a plain request's service isn't known before its target was judged."""
        tunnel = None if wire is None else wire.tunnel
        return asked_by(wire, "" if tunnel is None else self._setting(tunnel.host, tunnel.port), body)

    def _setting(self, host: str, port: int) -> str:
        found = self._world.snapshot.services.for_host(host, port)
        return "" if found is None else found.service.refusal

    def new_id(self) -> str:
        """Sortable by time, unique without coordination: 48 bits of milliseconds and 80 random ones."""
        try:
            now = int(self._clock.time() * 1000)
        except Exception:  # noqa: BLE001 without a clock nothing is admitted, but a refusal needs its id all the same
            now = 0
        return f"d_{now & 0xFFFFFFFFFFFF:012x}{token_hex(10)}"
