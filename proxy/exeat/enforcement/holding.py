"""A request that people have to approve: what they are asked, and for how long it waits for them.

Waiting blocks nobody else on HTTP/1; on a shared HTTP/2 connection a held request is answered at once. Must not know: any
engine, who approves, how a request is judged.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
from dataclasses import dataclass, replace
from typing import final
from urllib.parse import unquote

import orjson

from exeat.decision.snapshot import SessionView
from exeat.errors import ExeatError, RefusalError
from exeat.model.approval import ApprovalAnswer, ApprovalAsked
from exeat.model.decision import Deny, Hold
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import CredentialPlace, PlaceKind
from exeat.ports import ApprovalDesk

logger = logging.getLogger("exeat.gate")

_SLACK = 5.0
"""Seconds beyond the wait in which the desk has to have answered."""
_MASKED = "…"
_LONGEST_VALUE = 64
"""Of a query's value that is shown: longer ones are tokens and signatures more often than words."""
_MEANING = (b"content-type", b"content-encoding")
"""Fields that say what a body means: another one, another request."""


@dataclass(frozen=True, slots=True)
class Approved:
    """The groups that have approved this request, and by which approval; none of either when it is judged without."""

    groups: frozenset[str] = frozenset()
    approval: str = ""


NOT_APPROVED = Approved()


@final
class Holding:
    """Asks the desk. ``seconds`` is how long a request waits, ``body`` the largest one that is read to be asked about.

    Without a ``desk`` nobody can be asked, and what needs an approval is refused at once.
    """

    def __init__(self, seconds: float, body: int) -> None:
        self._seconds = seconds
        self.body = body
        self.desk: ApprovalDesk | None = None

    async def verdict(self, hold: Hold, asked: ApprovalAsked) -> Approved | Deny | Hold:
        """Ask the desk, and return who has approved (nobody, where the mission isn't open any more and so has to be judged
        anew), or what the request is refused with. Never raises an Exception.
        """
        try:
            answer = await self._ask(asked)
        except RefusalError as error:
            return Deny(error.reason, hold.question, hold.policies, detail=error.detail)
        except ExeatError as error:
            return Deny(Reason.STATE_STALE, hold.question, hold.policies, detail=str(error))
        except Exception:
            logger.exception("asking about %s failed", asked.decision_id)
            return Deny(Reason.INTERNAL_ERROR, hold.question, detail="asking for approval failed")
        match answer.state:
            case "approved":
                return Approved(frozenset(hold.approvers), answer.approval)
            case "void":
                return NOT_APPROVED
            case "denied":
                return Deny(Reason.APPROVAL_DENIED, hold.question, hold.policies, detail=f"approval {answer.approval}")
            case _:
                return replace(hold, approval=answer.approval, ask=answer.ask, retry_after=answer.retry_after)

    async def _ask(self, asked: ApprovalAsked) -> ApprovalAnswer:
        if self.desk is None:
            raise RefusalError(Reason.APPROVAL_REQUIRED, "nobody can be asked")
        wait = 0.0 if asked.shared else self._seconds
        try:
            async with asyncio.timeout(wait + _SLACK):
                return await self.desk.ask(replace(asked, wait=wait))
        except TimeoutError:
            raise RefusalError(Reason.STATE_STALE, "the desk of approvals is late") from None


def question(
    hold: Hold,
    request: CanonicalRequest,
    view: SessionView,
    decision_id: str,
    body: bytes | None,
    *,
    whole: bool,
    place: CredentialPlace | None,
) -> ApprovalAsked:
    """What people are asked; ``place`` is where the service's credential stands, which nobody is shown."""
    meant = hold.question
    resource = "" if meant.resource is None else str(meant.resource)
    meaning = b"\n".join(value for name in _MEANING for value in request.header(name))
    # With a body of which only the beginning was read, the rest is unknown: no digest could stand for it.
    digest = hashlib.sha256(body).hexdigest() if body is not None and whole else ""
    parts = [
        view.session.key, request.verb, request.scheme, request.host, request.port, request.path, request.query,
        hashlib.sha256(meaning).hexdigest(), digest, meant.action, resource, meant.also, sorted(hold.approvers),
    ]  # fmt: skip
    return ApprovalAsked(
        binding=hashlib.sha256(orjson.dumps(parts)).hexdigest(),
        decision_id=decision_id,
        session=view.session.key,
        mission=view.mission.id,
        agent=view.session.agent.spiffe_id,
        method=request.verb,
        scheme=request.scheme,
        host=request.host,
        port=request.port,
        path=request.path,
        query=_shown(request.query, place),
        content_type=meaning.decode("latin-1")[:200],
        digest=digest,
        size=len(body) if body is not None and whole else 0,
        service=meant.service,
        action=meant.action,
        resource=resource,
        also=meant.also,
        groups=tuple(hold.approvers),
        exact=whole,
        shared=request.version == "HTTP/2",
    )


def _shown(query: str, place: CredentialPlace | None) -> str:
    """A query as people see it: without the credential, and without values as long as secrets are."""
    if not query:
        return ""
    places = () if place is None else (place, *place.also)
    hidden = {each.name for each in places if each.kind is PlaceKind.QUERY}
    shown = []
    for part in query.split("&"):
        key, equals, value = part.partition("=")
        secret = len(value) > _LONGEST_VALUE or unquote(key) in hidden
        shown.append(f"{key}{equals}{_MASKED}" if secret else part)
    return "&".join(shown)[:2048]
