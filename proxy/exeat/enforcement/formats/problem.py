"""The members of a refusal (RFC 9457), from which every form is made.

Fixed texts only: nothing an upstream, a user or another agent wrote ever joins them, except a policy's own ``@advice`` and
where admins say that approvers are found.
Must not know: who reads it.
"""

from __future__ import annotations

from typing import Any

from exeat.model.decision import Deny, Hold
from exeat.model.reason import EXPLANATIONS, Reason

_GUIDANCE = "Do not retry or work around this. Continue without the call, or ask as the hint says."
_GUIDANCE_RETRY = "Trying again later may work. Do not work around it."


def reason_of(verdict: Deny | Hold) -> Reason:
    """The code a verdict is told with."""
    return Reason.APPROVAL_REQUIRED if isinstance(verdict, Hold) else verdict.reason


def problem_of(verdict: Deny | Hold, decision_id: str) -> dict[str, Any]:
    """Return the problem's members.

    ``message`` and ``error`` repeat the text because SDKs print only those; ``error`` is an object because some crash on
    a string.
    """
    reason = reason_of(verdict)
    explanation = EXPLANATIONS[reason]
    detail = verdict.advice or explanation.title
    hint = explanation.hint
    more: dict[str, Any] = {}
    if isinstance(verdict, Hold) and verdict.approval:
        hint = f"{hint} Approval {verdict.approval}" + (f": {verdict.ask}" if verdict.ask else ".")
        more = {"approval_id": verdict.approval, "approvers": list(verdict.approvers)}
    message = f"{detail.rstrip('.')}. {hint} (exeat {reason}, decision {decision_id})"
    return {
        "type": f"urn:exeat:problem:{reason}",
        "title": explanation.title,
        "status": explanation.status,
        "detail": detail,
        "instance": f"urn:exeat:decision:{decision_id}",
        "code": str(reason),
        "hint": hint,
        "decision_id": decision_id,
        "retryable": explanation.retryable,
        "next_steps": _next_steps(verdict, reason),
        "agent_guidance": _GUIDANCE_RETRY if explanation.retryable else _GUIDANCE,
        "message": message,
        "error": {"type": "exeat_refusal", "code": str(reason), "message": message},
        **more,
    }


def _next_steps(verdict: Deny | Hold, reason: Reason) -> list[dict[str, str]]:
    if isinstance(verdict, Hold):
        who = ", ".join(verdict.approvers)
        step = {"action": "request_approval", "description": f"Ask {who} to approve this."}
        if verdict.ask.startswith(("https://", "http://")) and " " not in verdict.ask:
            step["url"] = verdict.ask
        elif verdict.ask:
            step["description"] = f"Ask {who} to approve this: {verdict.ask}"
        if verdict.approval:
            step["command"] = f"exeat approval approve {verdict.approval}"
        return [step]
    if reason in (Reason.MISSION_ENDED, Reason.APPROVAL_DENIED):
        return [{"action": "stop", "description": EXPLANATIONS[reason].hint}]
    return []
