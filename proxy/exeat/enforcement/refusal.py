"""A refusal as bytes: what an agent gets instead of its answer.

Fixed texts only: nothing an upstream, a user or another agent wrote ever joins them, except a policy's own ``@advice``.
Must not know: any engine, how the refusal was reached.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

from exeat.model.decision import Deny, Hold
from exeat.model.reason import EXPLANATIONS, Reason

_GUIDANCE = "Do not retry or work around this. Continue without the call, or ask as the hint says."
_GUIDANCE_RETRY = "Trying again later may work. Do not work around it."


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete HTTP answer. ``close`` says that the connection can't be trusted any more and must end."""

    reason: Reason
    decision_id: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    close: bool = False


def render(verdict: Deny | Hold, decision_id: str, *, close: bool = False) -> Refusal:
    """Render a verdict as RFC 9457 problem details, with RFC 9209 Proxy-Status.

    ``message`` and ``error`` repeat the text because SDKs print only those members; our own refusal is never a 401,
    which would make them drop the credential they hold for the origin.
    """
    reason = Reason.APPROVAL_REQUIRED if isinstance(verdict, Hold) else verdict.reason
    explanation = EXPLANATIONS[reason]
    detail = verdict.advice or explanation.title
    problem: dict[str, Any] = {
        "type": f"urn:exeat:problem:{reason}",
        "title": explanation.title,
        "status": explanation.status,
        "detail": detail,
        "instance": f"urn:exeat:decision:{decision_id}",
        "code": str(reason),
        "hint": explanation.hint,
        "decision_id": decision_id,
        "retryable": explanation.retryable,
        "next_steps": _next_steps(verdict, reason),
        "agent_guidance": _GUIDANCE_RETRY if explanation.retryable else _GUIDANCE,
        "message": f"{detail.rstrip('.')}. {explanation.hint} (exeat {reason}, decision {decision_id})",
        "error": {"type": "exeat_refusal", "code": str(reason), "message": ""},
    }
    problem["error"]["message"] = problem["message"]
    body = orjson.dumps(problem)
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        (b"proxy-status", f'exeat; error={explanation.error}; details="{reason}"'.encode()),
        (b"exeat-decision-id", decision_id.encode()),
    ]
    if explanation.status == 407:  # git shows its credentials only after a challenge
        headers.append((b"proxy-authenticate", b'Basic realm="exeat", charset="UTF-8"'))
    if explanation.retryable and explanation.status == 503:
        headers.append((b"retry-after", b"1"))
    return Refusal(reason, decision_id, explanation.status, tuple(headers), body, close)


def _next_steps(verdict: Deny | Hold, reason: Reason) -> list[dict[str, str]]:
    if isinstance(verdict, Hold):
        return [{"action": "request_approval", "description": f"Ask {', '.join(verdict.approvers)} to approve this."}]
    if reason in (Reason.MISSION_ENDED, Reason.APPROVAL_DENIED):
        return [{"action": "stop", "description": EXPLANATIONS[reason].hint}]
    return []
