"""Records of approvals: who was asked what, who said what, and each use.

Neither query nor body ever stands in one. Must not know: the chain, the store.
"""

from __future__ import annotations

from typing import Any, final

from exeat.errors import RefusalError, UnavailableError
from exeat.missions.times import rfc3339
from exeat.model.approval import Approval, ApprovalState
from exeat.model.record import RecordKind
from exeat.ports import AuditSink


@final
class Journal:
    """Writes them; every method raises UnavailableError when the audit log can't be written."""

    def __init__(self, audit: AuditSink) -> None:
        self._audit = audit

    def requested(self, approval: Approval) -> None:
        """A question is about to be put."""
        self._write(RecordKind.MISSION, "approval_requested", approval, by=approval.asked.agent)

    def said(self, event: str, approval: Approval, code: str = "") -> None:
        """Somebody's word is about to be taken, or wasn't (``code``); it is the last one in ``approval``."""
        vote = approval.votes[-1]
        more: dict[str, Any] = {"via": vote.via, "reason": vote.reason, "voted_groups": list(vote.groups)}
        if approval.state is ApprovalState.APPROVED:
            terms = approval.terms
            more |= {"scope": terms.scope.value, "times": terms.times}
        if code:
            more["code"] = code
        self._write(RecordKind.ADMIN, event, approval, by=vote.by, **more)

    def used(self, approval: Approval, decision_id: str) -> None:
        """A grant was used."""
        more = {"decision_id": decision_id, "scope": approval.terms.scope.value, "used": approval.used}
        self._write(RecordKind.MISSION, "approval_used", approval, by=approval.asked.agent, **more)

    def expired(self, approval: Approval) -> None:
        """A question or a grant is over."""
        self._write(RecordKind.MISSION, "approval_expired", approval, by="exeat", cause=approval.cause)

    def _write(self, kind: RecordKind, event: str, approval: Approval, by: str, **more: Any) -> None:
        asked = approval.asked
        record = {
            "kind": kind.value,
            "event": event,
            "approval": approval.id,
            "by": by,
            "decision_id": asked.decision_id,
            "mission": asked.mission,
            "agent": asked.agent,
            "service": asked.service,
            "action": asked.action,
            "resource": asked.resource,
            "method": asked.method,
            "host": asked.host,
            "port": asked.port,
            "path": asked.path,
            "body_sha256": asked.digest,
            "groups": list(asked.groups),
            "expires_at": rfc3339(approval.until),
            **more,
        }
        try:
            self._audit.append(record)
        except RefusalError as error:
            raise UnavailableError("the audit log can't be written") from error
