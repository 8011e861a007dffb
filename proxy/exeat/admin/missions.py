"""``/v1/missions``: open, look at, change.

Must not know: who may call (``guard``), how a change is made (``missions.control``).
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, final

import orjson
from aiohttp import web

from exeat.admin.bodies import ExtendBody, OpenBody, ReasonBody, parse, read_bytes
from exeat.admin.parameters import ADMIN, limit, only
from exeat.admin.problems import answer
from exeat.admin.replay import Replays
from exeat.errors import NotFoundError
from exeat.missions.changes import Change
from exeat.missions.control import MissionControl
from exeat.missions.ids import MISSION_ID
from exeat.missions.request import OpenRequest
from exeat.missions.times import rfc3339
from exeat.model.mission import Mission

REPEATED = web.ResponseKey("repeated", bool)
"""Set on an answer given before: it changed nothing, so no mission record speaks of it."""

_Move = Callable[[str, str, str], Awaitable[Change]]


@final
class MissionCalls:
    """Handlers of the mission calls."""

    def __init__(self, control: MissionControl, replays: Replays) -> None:
        self._control = control
        self._replays = replays

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        moves: dict[str, _Move] = {
            "close": self._control.close,
            "revoke": self._control.revoke,
            "suspend": self._control.suspend,
            "resume": self._control.resume,
        }
        return [
            web.post("/v1/missions", self.open),
            web.get("/v1/missions", self.list, allow_head=False),
            web.get("/v1/missions/{id}", self.show, allow_head=False),
            web.post("/v1/missions/{id}/extend", self.extend),
            *(web.post(f"/v1/missions/{{id}}/{verb}", self._mover(move)) for verb, move in moves.items()),
        ]

    async def open(self, request: web.Request) -> web.Response:
        """Open a mission; only this answer ever holds its passes."""
        raw = await read_bytes(request)
        body = parse(raw, OpenBody)
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
        )

        async def work() -> str:
            return orjson.dumps((await self._control.open(wanted, ADMIN)).as_dict()).decode()

        key = request.headers.get("Idempotency-Key")
        text, repeated = (await work(), False) if key is None else await self._replays.answer(key, raw, work)
        response = web.Response(text=text, status=201, content_type="application/json")
        response[REPEATED] = repeated
        return response

    async def list(self, request: web.Request) -> web.Response:
        """Return missions of any state, newest first; ``before`` continues after the last one seen."""
        only(request, "limit", "before")
        before = request.query.get("before")
        missions = await self._control.list(limit(request, 100, 1000), None if before is None else _id(before))
        return answer({"missions": [view(mission) for mission in missions]})

    async def show(self, request: web.Request) -> web.Response:
        """Return one mission."""
        only(request)
        return answer(view(await self._control.get(_id(request.match_info["id"]))))

    async def extend(self, request: web.Request) -> web.Response:
        """Let a mission live longer; the answer holds new passes."""
        mission_id = _id(request.match_info["id"])
        body = parse(await read_bytes(request), ExtendBody)
        opened = await self._control.extend(
            mission_id, ADMIN, until=body.until_seconds, ttl=body.ttl, reason=body.reason
        )
        return answer(opened.as_dict())

    def _mover(self, move: _Move) -> Callable[[web.Request], Awaitable[web.Response]]:
        async def handler(request: web.Request) -> web.Response:
            mission_id = _id(request.match_info["id"])
            body = parse(await read_bytes(request), ReasonBody)
            change = await move(mission_id, ADMIN, body.reason)
            return answer(view(change.mission) | {"applied": change.applied.as_dict()})

        return handler


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
        "revision": mission.revision,
    }


def _id(text: str) -> str:
    if not MISSION_ID.fullmatch(text):
        raise NotFoundError("that is not a mission id", "Mission ids look like m_ and 26 letters and digits.")
    return text
