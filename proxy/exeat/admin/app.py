"""The application: every call passes problems → guard → record → handler.

Must not know: what a call does, where the application listens.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Awaitable, Callable
from dataclasses import fields
from functools import partial
from typing import Any

from aiohttp import web

from exeat.admin.answers import OpenApi
from exeat.admin.approvals import ApprovalCalls
from exeat.admin.authzen import EvaluationCalls
from exeat.admin.bodies import BODY_LIMIT
from exeat.admin.call import CALLER, NOBODY, RECHECK, Call, Recheck, write
from exeat.admin.context import AdminContext
from exeat.admin.description import describe
from exeat.admin.destinations import DestinationCalls
from exeat.admin.dispatch import REPEATED, handler_of
from exeat.admin.events import Events
from exeat.admin.guard import Guard
from exeat.admin.login.calls import LoginCalls
from exeat.admin.login.sessions import Sessions
from exeat.admin.metrics import MetricCalls
from exeat.admin.migration import MigrationCall
from exeat.admin.missions import MissionCalls
from exeat.admin.pages import page_routes
from exeat.admin.problems import ForbiddenError, problem, status_and_code
from exeat.admin.reading import ReadingCalls
from exeat.admin.replay import Replays
from exeat.admin.roles import Permission
from exeat.admin.route import Answer, Route, get
from exeat.admin.token_calls import TokenCalls
from exeat.admin.top import TopCall
from exeat.counting import Counts, merge
from exeat.errors import ExeatError, UnavailableError
from exeat.missions.ids import MISSION_ID
from exeat.ports import AuditSink

_log = logging.getLogger(__name__)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_ONE_WORD = re.compile(r"[!-~]{1,128}")
_POLICY = "Content-Security-Policy"
_HEADERS = {
    "Cache-Control": "no-store",
    _POLICY: "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "Server": "exeat",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
}
"""No page ever shows, frames or keeps an answer: some hold passes."""


def routes_of(context: AdminContext, guard: Guard, sessions: Sessions, events: Events | None = None) -> list[Route]:
    """Return every call there is. Its description is one of them, and describes itself."""
    questions = EvaluationCalls(context.evaluate, context.url)

    async def counts() -> Counts:
        return merge([await context.counts(), questions.read(), guard.read()])

    routes = [
        *MissionCalls(context.control, context.issued).routes(),
        *ApprovalCalls(context.approvals, context.inbox).routes(),
        *ReadingCalls(context, guard).routes(),
        *MetricCalls(counts).routes(),
        *TokenCalls(context.tokens).routes(),
        *questions.routes(),
        *DestinationCalls(context.places, context.live, context.clock).routes(),
        *TopCall(context).routes(),
        *MigrationCall(context.inventory, context.clock).routes(),
        *(events or Events(context.follow)).routes(),
        *page_routes(context.url, login=context.login is not None),
    ]

    if context.login is not None:
        routes += LoginCalls(context.login, sessions, context.url).routes()

    async def description(_call: Call) -> Answer:
        return describe(routes)

    routes.append(get("/v1/openapi.json", description, Permission.SCRAPE, "This description (OpenAPI 3.1)", OpenApi))
    return routes


class _Absent:
    """Stands for a part that isn't there: any member may be named, none used."""

    def __getattr__(self, name: str) -> _Absent:
        return self


def whole_description() -> dict[str, Any]:
    """Return the description of every call that an installation may have, without one."""
    parts = {each.name: _Absent() for each in fields(AdminContext)}
    context = AdminContext(**(parts | {"url": "http://127.0.0.1:8081"}))  # type: ignore[arg-type]
    absent: Any = _Absent()
    return describe(routes_of(context, absent, absent))


def build_app(context: AdminContext) -> web.Application:
    """Return the admin API over ``context``."""
    sessions = Sessions(context.clock)
    guard = Guard(context.token, context.tokens, context.url, sessions)
    events = Events(context.follow)
    routes = routes_of(context, guard, sessions, events)
    opened = {(route.method, route.path) for route in routes if route.permission is None}

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
        resource = request.match_info.route.resource
        called = (request.method, "" if resource is None else resource.canonical)
        request[CALLER] = await guard.check(request, is_open=called in opened)
        request[RECHECK] = Recheck(partial(guard.still, request))
        return await handler(request)

    @web.middleware
    async def recorded(request: web.Request, handler: _Handler) -> web.StreamResponse:
        if request.method in ("GET", "HEAD"):
            try:
                return await handler(request)
            except ForbiddenError as error:
                _record(context.audit, request, *status_and_code(error))
                raise
        try:
            response = await handler(request)
        except UnavailableError as error:
            with contextlib.suppress(UnavailableError):  # it is a 503 either way, and keeps its own words
                _record(context.audit, request, *status_and_code(error))
            raise
        except Exception as error:
            if request[CALLER] is NOBODY:
                raise  # as those the guard turns away: strangers must not fill the audit
            _record(context.audit, request, *status_and_code(error))
            raise
        if response.get(REPEATED, False):
            _record(context.audit, request, response.status, "repeated")
        return response

    app = web.Application(middlewares=[problems, guarded, recorded], client_max_size=BODY_LIMIT)
    replays = Replays(context.clock)
    for route in routes:
        app.router.add_route(route.method, route.path, handler_of(route, context.audit, replays))
    app.on_shutdown.append(events.end)
    app.on_response_prepare.append(_secure)
    return app


async def _secure(request: web.Request, response: web.StreamResponse) -> None:
    if _ONE_WORD.fullmatch(named := request.headers.get("X-Request-ID", "")):
        response.headers["X-Request-ID"] = named  # AuthZEN 1.0 §10.1.3 asks for it, and nobody minds elsewhere
    own = response.headers.get(_POLICY)  # a page says itself what it may load
    response.headers.update(_HEADERS if own is None else _HEADERS | {_POLICY: own})


def _record(audit: AuditSink, request: web.Request, status: int, code: str) -> None:
    """Record a call that left no mission record of its own."""
    mission = request.match_info.get("id", "")
    write(
        audit,
        {
            "event": _call(request),
            "by": request[CALLER].name,
            "mission": mission if MISSION_ID.fullmatch(mission) else "",
            "status": status,
            "code": code,
        },
    )


def _call(request: web.Request) -> str:
    """The call by its pattern: what a caller wrote into a path doesn't belong into records."""
    resource = request.match_info.route.resource
    method = request.method if request.method.isalpha() else "?"
    return f"{method[:16]} {resource.canonical if resource else 'unknown path'}"
