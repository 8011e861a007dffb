"""Calls that only look: decisions, audit, services, status, health, keys.

Must not know: where any of it lies.
"""

from __future__ import annotations

import asyncio
import re
from typing import final

from aiohttp import web

from exeat.admin.context import AdminContext
from exeat.admin.guard import Guard
from exeat.admin.parameters import limit, only
from exeat.admin.problems import answer
from exeat.errors import NotFoundError

_DECISION_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")
FILTERS = (
    "kind",
    "decision",
    "decision_id",
    "request_id",
    "mission",
    "agent",
    "environment",
    "service",
    "action",
    "resource",
    "method",
    "host",
    "code",
    "outcome",
    "event",
)
"""Record fields that ``GET /v1/audit`` compares."""


@final
class ReadingCalls:
    """Handlers of the reading calls."""

    def __init__(self, context: AdminContext, guard: Guard) -> None:
        self._context = context
        self._guard = guard

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of these calls."""
        handlers = {
            "/v1/decisions/{id}": self.decision,
            "/v1/audit": self.audit,
            "/v1/services": self.services,
            "/v1/status": self.status,
            "/healthz": self.health,
            "/.well-known/jwks.json": self.jwks,
        }
        return [web.get(path, handler, allow_head=False) for path, handler in handlers.items()]

    async def decision(self, request: web.Request) -> web.Response:
        """Return a decision record and its outcome; ``last`` is the newest."""
        only(request)
        decision_id = request.match_info["id"]
        if not _DECISION_ID.fullmatch(decision_id):
            raise NotFoundError("that is not a decision id")
        found = await asyncio.to_thread(self._context.find_decision, decision_id)
        if found is None:
            raise NotFoundError(f"there is no decision {decision_id!r}")
        return answer(found)

    async def audit(self, request: web.Request) -> web.Response:
        """Return the newest records that equal every filter, newest last."""
        only(request, "limit", *FILTERS)
        filters = {name: value for name, value in request.query.items() if name != "limit"}
        records = await asyncio.to_thread(self._context.query, filters, limit(request, 100, 1000))
        return answer({"records": list(records)})

    async def services(self, request: web.Request) -> web.Response:
        """Return the services that are known."""
        only(request)
        return answer({"services": list(self._context.services())})

    async def status(self, request: web.Request) -> web.Response:
        """Return how the installation is doing."""
        only(request)
        return answer({**self._context.status(), "refused_logins": self._guard.refused_logins})

    async def health(self, _request: web.Request) -> web.Response:
        """Say whether requests can be served now."""
        healthy = self._context.healthy()
        return answer({"status": "ok" if healthy else "unavailable"}, 200 if healthy else 503)

    async def jwks(self, _request: web.Request) -> web.Response:
        """Return the public keys of our tokens (RFC 7517)."""
        return answer(self._context.jwks())
