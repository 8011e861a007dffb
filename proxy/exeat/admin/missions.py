"""``/v1/missions``: open, look at, change.

Must not know: who may call (``guard``), how a change is made (``missions.control``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, final

from exeat.admin.answers import MissionChanged, MissionList, MissionOpened, MissionShown, TokenShapes
from exeat.admin.bodies import ExtendBody, OpenBody, ReasonBody
from exeat.admin.call import Call
from exeat.admin.paging import page
from exeat.admin.parameters import LIMIT, MISSION, Text
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get, post
from exeat.errors import CeilingError, ConflictError, NotFoundError
from exeat.missions.changes import Change
from exeat.missions.control import MissionControl
from exeat.missions.ids import MISSION_ID
from exeat.missions.issued import Issued
from exeat.missions.request import OpenRequest
from exeat.missions.times import rfc3339
from exeat.model.issued import IssuedToken
from exeat.model.mission import Mission, MissionState

_BEFORE = Text("before", "The id of the last mission already seen.", MISSION_ID.pattern, MISSION.hint)
_STATE = Text("state", "Only missions in this state.", "|".join(MissionState), f"states are {', '.join(MissionState)}")

_Move = Callable[[str, str, str], Awaitable[Change]]


@final
class MissionCalls:
    """Handlers of the mission calls."""

    def __init__(self, control: MissionControl, issued: Issued) -> None:
        self._control = control
        self._issued = issued

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        read, operate = Permission.READ, Permission.OPERATE
        return [
            post(
                "/v1/missions",
                self.open,
                operate,
                "Open a mission; only this answer ever holds its passes",
                MissionOpened,
                body=OpenBody,
                status=201,
                problems=(NotFoundError, CeilingError, ConflictError),
            ),
            get("/v1/missions", self.list, read, "Missions, newest first", MissionList, query=(LIMIT, _BEFORE, _STATE)),
            get(
                "/v1/missions/{id}", self.show, read, "One mission", MissionShown,
                segments=(MISSION,), problems=(NotFoundError,),
            ),
            get(
                "/v1/missions/{id}/tokens", self.tokens, read, "Everything a mission got from issuers outside, oldest first",
                TokenShapes, segments=(MISSION,), problems=(NotFoundError,),
            ),
            post(
                "/v1/missions/{id}/extend",
                self.extend,
                operate,
                "Let a mission live longer; the answer holds new passes",
                MissionOpened,
                body=ExtendBody,
                segments=(MISSION,),
                problems=(NotFoundError, CeilingError, ConflictError),
            ),
            self._move("close", self._control.close, "End a mission whose task is done"),
            self._move("revoke", self._control.revoke, "End a mission at once"),
            self._move("suspend", self._control.suspend, "Stop a mission until it is resumed"),
            self._move("resume", self._control.resume, "Let a suspended mission go on"),
        ]  # fmt: skip

    async def open(self, call: Call, body: OpenBody) -> dict[str, Any]:
        """Open a mission; only this answer ever holds its passes."""
        wanted = OpenRequest(
            agents=tuple(body.agents),
            template=body.template,
            environment=body.environment,
            destinations=tuple(body.destinations),
            operations=tuple(body.operations),
            ttl=body.ttl,
            purpose=body.purpose,
            owner=body.owner,
            ticket=body.ticket,
            read_only=body.read_only,
            labels=body.labels,
            models=tuple(body.models),
            idle=body.idle,
            budget=body.budget.value(),
            parent=body.parent,
        )
        return (await self._control.open(wanted, call.by)).as_dict()

    async def list(self, call: Call) -> dict[str, Any]:
        """Return missions of one state or any, newest first; ``before`` continues after the last one seen."""
        state = call.text("state")
        found = await self._control.list(call.number("limit") + 1, call.text("before"), (state,) if state else ())
        return page(call, "missions", found, view, lambda mission: mission.id)

    async def show(self, call: Call) -> dict[str, Any]:
        """Return one mission, what it has used of its budget, and the live missions it delegated to."""
        mission = await self._control.get(call.path["id"])
        used, children = await self._control.used(mission.id), await self._control.children(mission.id)
        return view(mission) | {
            "used": {kind: used.get(kind, 0) for kind in mission.budget.bounds()},
            "children": [child.id for child in children],
        }

    async def tokens(self, call: Call) -> dict[str, Any]:
        """Return what was issued for a mission and what became of it; never a token."""
        mission = await self._control.get(call.path["id"])
        return {"tokens": [_line(each) for each in await self._issued.of_mission(mission.id)]}

    async def extend(self, call: Call, body: ExtendBody) -> dict[str, Any]:
        """Let a mission live longer; the answer holds new passes."""
        opened = await self._control.extend(
            call.path["id"], call.by, until=body.until_seconds, ttl=body.ttl, reason=body.reason
        )
        return opened.as_dict()

    def _move(self, verb: str, move: _Move, summary: str) -> Route:
        async def handler(call: Call, body: ReasonBody) -> dict[str, Any]:
            change = await move(call.path["id"], call.by, body.reason)
            return view(change.mission) | {"applied": change.applied.as_dict()}

        return post(
            f"/v1/missions/{{id}}/{verb}",
            handler,
            Permission.OPERATE,
            summary,
            MissionChanged,
            body=ReasonBody,
            segments=(MISSION,),
            problems=(NotFoundError, ConflictError),
        )


def view(mission: Mission) -> dict[str, Any]:
    """Return a mission for JSON; it holds no pass."""
    return {
        "mission": mission.id,
        "state": mission.state.value,
        "environment": mission.environment,
        "agents": list(mission.agents),
        "destinations": [str(pattern) for pattern in mission.destinations],
        "operations": list(mission.operations),
        "opened_at": rfc3339(mission.opened_at),
        "expires_at": rfc3339(mission.expires_at),
        "ended_at": None if mission.ended_at is None else rfc3339(mission.ended_at),
        "template": mission.template,
        "purpose": mission.purpose,
        "owner": mission.owner,
        "ticket": mission.ticket,
        "read_only": mission.read_only,
        "labels": dict(mission.labels),
        "models": list(mission.models),
        "idle": mission.idle,
        "budget": dict(mission.budget.bounds()),
        "parent": mission.parent or None,
        "cause": mission.cause,
        "revision": mission.revision,
    }


def _line(token: IssuedToken) -> dict[str, Any]:
    """One token of a mission; it is said to be over when it is, whatever was last heard of it."""
    return {
        "token": token.id,
        "service": token.service,
        "issuer": token.kind,
        "grade": token.grade,
        "session": token.session,
        "action": token.action,
        "issued_at": rfc3339(token.issued_at),
        "expires_at": None if token.expires_at is None else rfc3339(token.expires_at),
        "state": str(token.state),
    }
