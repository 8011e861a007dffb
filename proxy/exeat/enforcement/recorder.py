"""What the gate writes down: the decision before anything happens, the outcome after (DESIGN §7).

Paths are recorded without their query, which may hold secrets, and without the secrets of this site. Must not know: chains, files.
"""

from __future__ import annotations

import logging
from typing import Any, final

from exeat.decision.snapshot import SessionView
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.identified import Identity
from exeat.enforcement.known_values import KnownValues
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.tally import Tally
from exeat.errors import RefusalError
from exeat.model.decision import Deny, Hold, Question
from exeat.model.reason import Reason
from exeat.model.record import RecordKind, Sent
from exeat.model.request import WireRequest
from exeat.ports import AuditSink, Clock

logger = logging.getLogger("exeat.recorder")


@final
class Recorder:
    """Turns decisions and outcomes into records."""

    def __init__(self, audit: AuditSink, clock: Clock, known: KnownValues) -> None:
        self._audit = audit
        self._clock = clock
        self._known = known
        self.tally = Tally()

    def permit(
        self, exchange: Exchange, identity: Identity, view: SessionView, snapshot: str, approval: str = ""
    ) -> None:
        """Write a permit; raise RefusalError(AUDIT_UNAVAILABLE) when it can't be written, so that nothing goes."""
        question = exchange.permit.question
        request = exchange.request
        self._audit.append(
            {
                "kind": RecordKind.DECISION,
                "decision_id": exchange.decision_id,
                "request_id": exchange.request_id,
                "agent": exchange.agent,
                "mission": exchange.mission,
                "environment": view.mission.environment,
                **({"act": view.delegators} if view.delegators else {}),
                "evidence": identity.evidence,
                "service": question.service,
                "action": question.action,
                "resource": self._known.shown(str(question.resource or "")),
                "method": request.method,
                "host": request.host,
                "port": request.port,
                "path": self._known.shown(request.path),
                "decision": "permit",
                "enforced": True,
                "code": "",
                "policies": exchange.permit.policies,
                "snapshot": snapshot,
                "credential": _credential(question),
                **({"also": question.also} if question.also else {}),
                **({"approval": approval} if approval else {}),
            }
        )
        self.tally.decided("permit", "", question.service, self._clock.monotonic() - exchange.started)

    def refusal(
        self,
        verdict: Deny | Hold,
        refusal: Refusal,
        identity: Identity | None,
        wire: WireRequest | None,
        view: SessionView | None,
        snapshot: str,
        started: float,
    ) -> None:
        """Write a refusal and its outcome, ``not_sent``; count it also when it can't be written."""
        seconds = self._clock.monotonic() - started
        name, service = "hold" if isinstance(verdict, Hold) else "deny", verdict.question.service
        try:
            self._refusal(verdict, refusal, identity, wire, view, snapshot, seconds)
        except BaseException:
            self.tally.decided("deny", Reason.AUDIT_UNAVAILABLE, service, seconds)
            raise
        self.tally.decided(name, refusal.reason, service, seconds)

    def _refusal(
        self,
        verdict: Deny | Hold,
        refusal: Refusal,
        identity: Identity | None,
        wire: WireRequest | None,
        view: SessionView | None,
        snapshot: str,
        seconds: float,
    ) -> None:
        question = verdict.question
        host, port, path = where(wire)
        self._audit.append(
            {
                "kind": RecordKind.DECISION,
                "decision_id": refusal.decision_id,
                "request_id": f"r_{refusal.decision_id[2:]}",
                "agent": view.session.agent.spiffe_id if view else _who(identity),
                "mission": identity.mission if identity else "",
                "environment": view.mission.environment if view else "",
                **({"act": view.delegators} if view and view.delegators else {}),
                "evidence": identity.evidence if identity else (),
                "service": question.service,
                "action": question.action,
                "resource": self._known.shown(str(question.resource or "")),
                "method": wire.method if wire else "",
                "host": host,
                "port": port,
                "path": self._known.shown(path),
                "decision": "hold" if isinstance(verdict, Hold) else "deny",
                "enforced": True,
                "code": refusal.reason,
                "detail": verdict.detail if isinstance(verdict, Deny) else "",
                "policies": verdict.policies,
                "snapshot": snapshot,
                "credential": _credential(question),
                **({"also": question.also} if question.also else {}),
                **({"approval": verdict.approval} if isinstance(verdict, Hold) and verdict.approval else {}),
            }
        )
        self._audit.append(
            {
                "kind": RecordKind.OUTCOME,
                "decision_id": refusal.decision_id,
                "request_id": f"r_{refusal.decision_id[2:]}",
                "mission": identity.mission if identity else "",
                "outcome": Sent.NOT_SENT,
                "status": refusal.status,
                "code": refusal.reason,
                "bytes": {"sent": 0, "received": 0},
                "ms": round(seconds * 1000, 3),
            }
        )

    def outcome(
        self, exchange: Exchange, outcome: Sent, status: int | None, reason: Reason | None, detail: str = ""
    ) -> None:
        """Write what became of a permitted request. What is already sent can't be refused, so a failure is only logged."""
        now = self._clock.monotonic()
        self.tally.failed(reason)
        if exchange.sent:
            self.tally.answered(exchange.permit.question.service, status, now - exchange.stamped)
        token: dict[str, Any] = {"state": exchange.credential, "grade": exchange.permit.question.grade}
        if exchange.token is not None:
            token = {"state": exchange.credential, "grade": exchange.token.grade, "token": exchange.token.id}
        try:
            self._audit.append(
                {
                    "kind": RecordKind.OUTCOME,
                    "decision_id": exchange.decision_id,
                    "request_id": exchange.request_id,
                    "agent": exchange.agent,
                    "mission": exchange.mission,
                    "outcome": outcome,
                    "status": status,
                    "code": reason or "",
                    **({"detail": detail} if detail else {}),
                    "credential": token,
                    "bytes": {"sent": exchange.sent_bytes, "received": exchange.received},
                    "ms": round((now - exchange.started) * 1000, 3),
                }
            )
        except RefusalError:
            logger.error("the outcome of %s could not be recorded", exchange.decision_id)  # noqa: TRY400 the log says why


def _credential(question: Question) -> dict[str, Any]:
    """What was brought; a real credential by its public id, and in which kind of place it stood."""
    told: dict[str, Any] = {"state": question.credential, "grade": question.grade}
    return told | {"fingerprint": question.fingerprint, "in": question.place} if question.fingerprint else told


def _who(identity: Identity | None) -> str:
    return "" if identity is None else identity.spiffe_id or identity.agent


def where(wire: WireRequest | None) -> tuple[str, int, str]:
    """Host, port and path as far as they are known; hostile text, capped and escaped by the chain."""
    if wire is None:
        return "", 0, ""
    target = wire.target.split(b"?", 1)[0].decode("utf-8", "replace")
    if wire.tunnel is not None:
        return wire.tunnel.host, wire.tunnel.port, target
    _, separator, rest = target.partition("://")
    if not separator:
        return wire.authority, 0, target
    authority, slash, path = rest.partition("/")
    return authority.rpartition("@")[2], 0, slash + path
