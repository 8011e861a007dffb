"""A call carried out as its route declares it: permission, path, query, body, the same answer to the same request.

Must not know: any particular call.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web

from exeat.admin.bodies import parse, read_bytes
from exeat.admin.call import CALLER, Call
from exeat.admin.parameters import read_query
from exeat.admin.problems import ForbiddenError, answer
from exeat.admin.replay import Replays
from exeat.admin.route import Answer, Route
from exeat.ports import AuditSink

REPEATED = web.ResponseKey("repeated", bool)
"""Set on an answer given before: it changed nothing, so no other record speaks of it."""

_KEY = "Idempotency-Key"


def handler_of(
    route: Route, audit: AuditSink, replays: Replays
) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """Return the aiohttp handler of a route."""

    async def handle(request: web.Request) -> web.StreamResponse:
        caller = request[CALLER]
        if not caller.may(route.permission):
            raise ForbiddenError(
                f"the role {caller.role or 'nobody'} may not do this", f"It needs the permission {route.permission}."
            )
        path = {segment.name: segment.read(request.match_info[segment.name]) for segment in route.segments}
        raw = await read_bytes(request) if route.changes else b""
        call = Call(request, caller, audit, path, read_query(request.query, route.query, others=route.others))
        work = _bound(route, call) if route.body is None else _bound(route, call, parse(raw, route.body))
        key = request.headers.get(_KEY)
        if not route.changes or route.asks or key is None or route.permission is None:  # of nobody no answer is kept
            return _response(route, await work())

        async def kept() -> str:
            return _text(await work())

        # By caller and call: one caller's answer, which may hold a pass, is never another's.
        asked = orjson.dumps([request.method, request.path_qs]) + b"\n" + raw
        text, repeated = await replays.answer(caller.name, key, asked, kept)
        response = web.Response(text=text, status=route.status, content_type=route.media)
        response[REPEATED] = repeated
        return response

    return handle


def _bound(route: Route, *arguments: object) -> Callable[[], Awaitable[Answer]]:
    async def work() -> Answer:
        return await route.handler(*arguments)

    return work


def _response(route: Route, made: Answer) -> web.StreamResponse:
    return made if isinstance(made, web.StreamResponse) else answer(made, route.status)


def _text(made: Answer) -> str:
    if isinstance(made, web.StreamResponse):
        raise TypeError("an answer that may be asked for twice has to be JSON")
    return orjson.dumps(made).decode()
