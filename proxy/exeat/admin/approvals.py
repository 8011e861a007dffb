"""``/v1/approvals``: look at, approve, deny; and ``/hooks/approvals``, where a group's own system answers.

Must not know: who may approve what (``approvals.rules``), how an answer reaches a waiting request.
"""

from __future__ import annotations

from typing import Any, final

from exeat.admin.answers import ApprovalList, ApprovalShape
from exeat.admin.bodies import APPROVAL_ID, ApproveBody, HookBody, ReasonBody
from exeat.admin.call import CALLER, Call, Caller
from exeat.admin.paging import page
from exeat.admin.parameters import LIMIT, MISSION, Segment, Text
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get, post
from exeat.approvals.desk import Approvals, Word
from exeat.approvals.errors import ApproverError, ReplayedError, SignatureError
from exeat.approvals.inbox import Inbox
from exeat.approvals.view import describe
from exeat.errors import ConflictError, NotFoundError, UnavailableError
from exeat.model.approval import Approval, ApprovalState, Scope

_APPROVAL = Segment("id", "approval id", APPROVAL_ID, "Approval ids look like a_ and 26 letters and digits.")
_BEFORE = Text("before", "The id of the last one already seen.", APPROVAL_ID, _APPROVAL.hint)
_STATE = Text("state", "Only those.", "|".join(ApprovalState), f"write one of {', '.join(ApprovalState)}")
_MISSION = Text("mission", "Only those of one mission.", MISSION.pattern, MISSION.hint)


@final
class ApprovalCalls:
    """Handlers of the approval calls."""

    def __init__(self, approvals: Approvals, inbox: Inbox) -> None:
        self._approvals = approvals
        self._inbox = inbox

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        read, may = Permission.READ, Permission.APPROVE
        own = (NotFoundError, ConflictError, ApproverError)
        return [
            get(
                "/v1/approvals", self.list, read, "Approvals, newest first", ApprovalList,
                query=(LIMIT, _BEFORE, _STATE, _MISSION),
            ),
            get(
                "/v1/approvals/{id}", self.show, read, "One approval", ApprovalShape,
                segments=(_APPROVAL,), problems=(NotFoundError,),
            ),
            post(
                "/v1/approvals/{id}/approve", self.approve, may, "Agree that a request may go", ApprovalShape,
                body=ApproveBody, segments=(_APPROVAL,), problems=own,
            ),
            post(
                "/v1/approvals/{id}/deny", self.deny, may, "Refuse a request, and for a while the same one again",
                ApprovalShape, body=ReasonBody, segments=(_APPROVAL,), problems=own,
            ),
            post(
                "/hooks/approvals", self.hook, None, "Answer for a member of the group that signs this (Standard Webhooks)",
                ApprovalShape, body=HookBody, problems=(*own, SignatureError, ReplayedError),
            ),
        ]  # fmt: skip

    async def list(self, call: Call) -> dict[str, Any]:
        """Return approvals, newest first; ``before`` continues after the last one seen."""
        found = await self._approvals.list(
            call.number("limit") + 1, call.text("state") or "", call.text("mission") or "", call.text("before")
        )
        return page(call, "approvals", found, self._view, lambda approval: approval.id)

    async def show(self, call: Call) -> dict[str, Any]:
        """Return one approval."""
        return self._view(await self._approvals.get(call.path["id"]))

    async def approve(self, call: Call, body: ApproveBody) -> dict[str, Any]:
        """Agree; the answer says whether somebody else has to as well."""
        return await self._approve(call.path["id"], Word(call.by, reason=body.reason), body)

    async def deny(self, call: Call, body: ReasonBody) -> dict[str, Any]:
        """Refuse: the same request is then refused for a while without anybody being asked."""
        return self._view(await self._approvals.deny(call.path["id"], Word(call.by, reason=body.reason)))

    async def hook(self, call: Call, body: HookBody) -> dict[str, Any]:
        """Take a group member's word from the group's own system, which signs it."""
        group = self._inbox.take(call.request.headers, await call.request.read())
        call.request[CALLER] = Caller(f"webhook:{group}", None, "nobody")  # from here on a failure is recorded
        word = Word(body.approver, "webhook", group, body.reason)
        try:
            if body.decision == "approve":
                return await self._approve(body.approval, word, body)
            return self._view(await self._approvals.deny(body.approval, word))
        except UnavailableError:
            self._inbox.give_back(call.request.headers)
            raise

    async def _approve(self, approval_id: str, word: Word, body: ApproveBody) -> dict[str, Any]:
        return self._view(await self._approvals.approve(approval_id, word, Scope(body.scope), body.times, body.ttl))

    def _view(self, approval: Approval) -> dict[str, Any]:
        return describe(approval, self._approvals.groups)
