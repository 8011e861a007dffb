"""A refusal as bytes: what an agent gets instead of its answer.

Must not know: any engine, how the refusal was reached, how each form is written.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.enforcement.formats.asked import NOBODY, Asked
from exeat.enforcement.formats.choose import Form, choose
from exeat.enforcement.formats.problem import problem_of, reason_of
from exeat.enforcement.formats.written import write
from exeat.model.decision import Deny, Hold
from exeat.model.reason import EXPLANATIONS, Reason


@dataclass(frozen=True, slots=True)
class Refusal:
    """A complete HTTP answer. ``close`` says that the connection can't be trusted any more and must end."""

    reason: Reason
    decision_id: str
    status: int
    headers: tuple[tuple[bytes, bytes], ...]
    body: bytes
    close: bool = False

    @property
    def reason_phrase(self) -> bytes:
        """The HTTP/1.1 reason phrase: pip, wget and others print nothing else."""
        return f"Refused by Exeat: {self.reason} {self.decision_id}".encode("ascii", "replace")


def render(
    verdict: Deny | Hold, decision_id: str, asked: Asked = NOBODY, *, close: bool = False, challenge: bool = True
) -> Refusal:
    """Render a verdict in the form its caller reads, with RFC 9209 Proxy-Status and the decision's id in a field.

    Our own refusal is never a 401, which would make SDKs drop the credential they hold for the origin. A 407 is always
    problem details: it is the proxy that is spoken to. Without ``challenge`` the caller doesn't know of a proxy, and is
    answered 403 instead.
    """
    reason = reason_of(verdict)
    explanation = EXPLANATIONS[reason]
    challenged = explanation.status == 407 and challenge
    problem = problem_of(verdict, decision_id)
    if explanation.status == 407 and not challenge:
        problem["status"] = 403
    written = write(Form.PROBLEM if challenged else choose(asked), problem, asked)
    headers = [(b"content-type", written.content_type)]
    if written.body or not asked.http2:
        headers.append((b"content-length", b"%d" % len(written.body)))
    headers += [
        (b"cache-control", b"no-store"),
        (b"proxy-status", f'exeat; error={explanation.error}; details="{reason}"'.encode()),
        (b"exeat-decision-id", decision_id.encode()),
        *written.headers,
    ]
    if challenged:  # git shows its credentials only after a challenge
        headers.append((b"proxy-authenticate", b'Basic realm="exeat", charset="UTF-8"'))
    if explanation.retryable and explanation.status == 503:
        headers.append((b"retry-after", b"1"))
    elif isinstance(verdict, Hold) and verdict.retry_after:
        headers.append((b"retry-after", b"%d" % verdict.retry_after))
    body = b"" if asked.method == "HEAD" else written.body
    return Refusal(reason, decision_id, written.status, tuple(headers), body, close)
