"""The application: every call passes problems → guard → record → handler.

Must not know: what a call does, where the application listens.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from exeat.admin.bodies import BODY_LIMIT
from exeat.admin.context import AdminContext
from exeat.admin.guard import Guard
from exeat.admin.missions import REPEATED, MissionCalls
from exeat.admin.parameters import ADMIN
from exeat.admin.problems import problem, status_and_code
from exeat.admin.reading import ReadingCalls
from exeat.admin.replay import Replays
from exeat.errors import ExeatError, RefusalError, UnavailableError
from exeat.missions.ids import MISSION_ID
from exeat.model.record import RecordKind
from exeat.ports import AuditSink

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "exeat",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""No page ever shows, frames or keeps an answer: some hold passes."""


def build_app(context: AdminContext) -> web.Application:
    """Return the admin API over ``context``."""
    guard = Guard(context.token, context.hosts)

    @web.middleware
    async def problems(request: web.Request, handler: _Handler) -> web.StreamResponse:
        try:
            return await handler(request)
        except (ExeatError, web.HTTPException) as error:
            return problem(error)
        except Exception as error:  # noqa: BLE001 whatever failed, the caller gets a refusal
            _log.error("an admin call failed: %s", _call(request), exc_info=error)
            return problem(error)

    @web.middleware
    async def guarded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        guard.check(request)
        return await handler(request)

    @web.middleware
    async def recorded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method in ("GET", "HEAD"):
            return await handler(request)
        try:
            response = await handler(request)
        except UnavailableError as error:
            with contextlib.suppress(UnavailableError):  # it is a 503 either way, and keeps its own words
                _record(context.audit, request, *status_and_code(error))
            raise
        except Exception as error:
            _record(context.audit, request, *status_and_code(error))
            raise
        if response.get(REPEATED, False):
            _record(context.audit, request, response.status, "repeated")
        return response

    app = web.Application(middlewares=[problems, guarded, recorded], client_max_size=BODY_LIMIT)
    app.add_routes(MissionCalls(context.control, Replays(context.clock)).routes())
    app.add_routes(ReadingCalls(context, guard).routes())
    app.on_response_prepare.append(_secure)
    return app


async def _secure(_request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(_HEADERS)


def _record(audit: AuditSink, request: web.Request, status: int, code: str) -> None:
    """Record a call that left no mission record of its own."""
    mission = request.match_info.get("id", "")
    record: dict[str, Any] = {
        "kind": RecordKind.ADMIN.value,
        "event": _call(request),
        "by": ADMIN,
        "mission": mission if MISSION_ID.fullmatch(mission) else "",
        "status": status,
        "code": code,
    }
    try:
        audit.append(record)
    except RefusalError as error:
        raise UnavailableError("the audit log can't be written") from error


def _call(request: web.Request) -> str:
    """The call by its pattern: what a caller wrote into a path doesn't belong into records."""
    resource = request.match_info.route.resource
    method = request.method if request.method.isalpha() else "?"
    return f"{method[:16]} {resource.canonical if resource else 'unknown path'}"
