"""Calls that only look: decisions, audit, services, status, health, keys.

Must not know: where any of it lies.
"""

from __future__ import annotations

import asyncio
from typing import Any, final

from exeat.admin.answers import Decided, Health, IssuerMetadata, KeySet, RecordList, ServiceList, Status
from exeat.admin.call import Call
from exeat.admin.context import AdminContext
from exeat.admin.guard import Guard
from exeat.admin.paging import page
from exeat.admin.parameters import LIMIT, Segment, Text
from exeat.admin.problems import NotReadyError
from exeat.admin.roles import Permission
from exeat.admin.route import Answer, Route, get
from exeat.errors import NotFoundError

_DECISION = Segment("id", "decision id", r"[A-Za-z0-9_-]{1,64}", "Refusals and records name theirs.")
_BEFORE = Text("before", "The hash of the oldest record already seen.", "[0-9a-f]{64}")
_AFTER = Text("after", "The name of the last service already seen.", r"[a-z0-9._-]{1,63}")
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

    def routes(self) -> list[Route]:
        """Return the routes of these calls. Health and keys are open: a supervisor, a load balancer and an origin have no token."""
        read = Permission.READ
        filters = tuple(Text(name, f"Only records whose {name} is this.") for name in FILTERS)
        return [
            get(
                "/v1/decisions/{id}", self.decision, read, "A decision and its outcome; the id last is the newest",
                Decided, segments=(_DECISION,), problems=(NotFoundError,),
            ),
            get(
                "/v1/audit", self.audit, read, "The newest records that equal every filter, newest last",
                RecordList, query=(LIMIT, _BEFORE, *filters),
            ),
            get("/v1/services", self.services, read, "The services that are known", ServiceList, query=(LIMIT, _AFTER)),
            get("/v1/status", self.status, read, "How the installation is doing", Status),
            get("/healthz", self.alive, None, "Whether the process lives", Health),
            get("/readyz", self.ready, None, "Whether requests can be served now", Health, problems=(NotReadyError,)),
            get("/.well-known/jwks.json", self.jwks, None, "The public keys of our tokens", KeySet),
            *[
                get(f"/.well-known/{name}", self.metadata, None, "Where the keys of our tokens are", IssuerMetadata)
                for name in ("openid-configuration", "oauth-authorization-server")
            ],
        ]  # fmt: skip

    async def decision(self, call: Call) -> Answer:
        """Return a decision record and its outcome; ``last`` is the newest."""
        decision_id = call.path["id"]
        found = await asyncio.to_thread(self._context.find_decision, decision_id)
        if found is None:
            raise NotFoundError(f"there is no decision {decision_id!r}")
        return found

    async def audit(self, call: Call) -> Answer:
        """Return the newest records that equal every filter, newest last."""
        filters = {name: str(call.query[name]) for name in FILTERS if name in call.query}
        limit = call.number("limit")
        found = await asyncio.to_thread(self._context.query, filters, limit + 1, call.text("before"))
        answered = page(call, "records", found[::-1], dict, lambda record: str(record["hash"]))
        answered["records"].reverse()
        return answered

    async def services(self, call: Call) -> Answer:
        """Return the services that are known, by name."""
        after = call.text("after") or ""
        found = sorted(self._context.services(), key=lambda service: str(service["name"]))
        rest = [service for service in found if service["name"] > after]
        return page(call, "services", rest, dict, lambda service: str(service["name"]), cursor="after")

    async def status(self, _call: Call) -> dict[str, Any]:
        """Return how the installation is doing."""
        return {**self._context.status(), "refused_logins": self._guard.refused_logins}

    async def alive(self, _call: Call) -> Answer:
        """Say that the process answers; a supervisor restarts what doesn't."""
        return {"status": "ok"}

    async def ready(self, _call: Call) -> Answer:
        """Say whether requests can be served now; a load balancer sends them elsewhere while they can't."""
        failing = sorted(name for name, holds in (await self._context.ready()).items() if not holds)
        if failing:
            raise NotReadyError(f"requests are refused: {', '.join(failing)}", "GET /v1/status and the log say more.")
        return {"status": "ok"}

    async def jwks(self, _call: Call) -> Answer:
        """Return the public keys of our tokens (RFC 7517)."""
        return self._context.jwks()

    async def metadata(self, _call: Call) -> Answer:
        """Return what verifiers ask for before they fetch keys: cloud providers that take our tokens, and RFC 9068 §4's origins.

        We are no authorization server that anybody could ask for a token, and no OpenID provider: there is no endpoint for it.
        """
        keys = self._context.jwks()["keys"]
        return {
            "issuer": self._context.issuer_url,
            "jwks_uri": f"{self._context.issuer_url.rstrip('/')}/.well-known/jwks.json",
            "response_types_supported": ["id_token"],
            "subject_types_supported": ["public"],
            "id_token_signing_alg_values_supported": sorted({key["alg"] for key in keys}),
        }
