"""An approval as JSON: for the API, the command line and webhooks.

Must not know: who reads it.
"""

from __future__ import annotations

from typing import Any

from exeat.approvals.rules import missing
from exeat.missions.times import rfc3339
from exeat.model.approval import Approval, ApprovalAsked, ApprovalState, Approvers
from exeat.model.destination import host_port


def describe(approval: Approval, groups: Approvers, *, outside: bool = False) -> dict[str, Any]:
    """Return what is asked and what became of it. ``outside`` leaves out the query, which could hold a secret."""
    asked = approval.asked
    granted = approval.state in (ApprovalState.APPROVED, ApprovalState.USED)
    return {
        "approval": approval.id,
        "state": approval.state.value,
        "agent": asked.agent,
        "mission": asked.mission,
        "service": asked.service,
        "action": asked.action,
        "resource": asked.resource,
        "also": list(asked.also),
        "request": {
            "method": asked.method,
            "url": _url(asked),
            **({} if outside else {"query": asked.query}),
            "body": {"sha256": asked.digest, "bytes": asked.size, "content_type": asked.content_type},
            "exact": asked.exact,
        },
        "groups": list(asked.groups),
        "missing": dict(missing(approval, groups)) if approval.state is ApprovalState.PENDING else {},
        "decision_id": asked.decision_id,
        "created_at": rfc3339(approval.created_at),
        "expires_at": rfc3339(approval.until),
        "scope": approval.terms.scope.value if granted else "",
        "times": approval.terms.times if granted else 0,
        "used": approval.used,
        "cause": approval.cause,
        "votes": [
            {
                "by": vote.by,
                "groups": list(vote.groups),
                "via": vote.via,
                "at": rfc3339(vote.at),
                "reason": vote.reason,
            }
            for vote in approval.votes
        ],
    }


def _url(asked: ApprovalAsked) -> str:
    default = 443 if asked.scheme == "https" else 80
    where = asked.host if asked.port == default else host_port(asked.host, asked.port)
    return f"{asked.scheme}://{where}{asked.path}"
