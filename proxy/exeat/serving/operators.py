"""The admin API over the parts of an installation.

Must not know: what the calls do, how many processes there are.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from exeat.admin.context import AdminContext, Places
from exeat.admin.server import AdminServer
from exeat.admin.token import load_or_create_token
from exeat.admin.tokens import Tokens
from exeat.audit.query import find, follow, last, tail
from exeat.config.endpoints import parse_listener
from exeat.counting import Counts, merge
from exeat.errors import ExeatError, UnavailableError
from exeat.fleet.standing import Acted
from exeat.missions.issued import Issued
from exeat.model.mission import Mission, MissionState
from exeat.model.record import RecordKind
from exeat.ports import Applied, Evaluate
from exeat.store.admin_tokens import StoredAdminTokens
from exeat.wiring.common import Common
from exeat.wiring.control_plane import ControlPlane
from exeat.wiring.login import build_login
from exeat.wiring.site import describe_services

_MOST_PENDING = 1000
"""Approvals that are counted; nobody needs to know how many more there are."""


def admin_server(
    common: Common,
    plane: ControlPlane,
    *,
    status: Callable[[], Mapping[str, Any]],
    healthy: Callable[[], bool],
    counts: Callable[[], Counts],
    evaluate: Evaluate,
) -> AdminServer:
    """The server, not yet listening; ``status`` says how the data plane is doing, ``healthy`` whether a worker can serve, ``counts``
    what all its processes counted, ``evaluate`` asks a worker.
    """
    settings = common.loaded.settings
    folder = common.loaded.path(settings.audit.path)

    def query(filters: Mapping[str, str], limit: int, before: str | None) -> list[dict[str, Any]]:
        return tail(folder, limit, filters=filters, before=before)

    async def counted() -> Counts:
        return merge([counts(), await plane.desk.approvals.read()])

    async def ready() -> Mapping[str, bool]:
        try:
            await plane.store.page(1)
            reachable = True
        except UnavailableError:
            reachable = False
        return {"audit": common.audit.healthy, "store": reachable, "workers": healthy()}

    async def pending() -> int:
        return len(await plane.desk.approvals.list(_MOST_PENDING, "pending"))

    address = parse_listener(settings.admin.listen)
    context = AdminContext(
        control=plane.control,
        issued=plane.issued,
        approvals=plane.desk.approvals,
        inbox=plane.desk.inbox,
        token=load_or_create_token(common.loaded.path(settings.admin.token_file)),
        tokens=Tokens(StoredAdminTokens(plane.store.runner), common.clock),
        audit=common.audit,
        clock=common.clock,
        find_decision=lambda decision_id: _find(folder, decision_id),
        query=query,
        services=lambda: describe_services(common.site.services),
        status=status,
        ready=ready,
        counts=counted,
        evaluate=evaluate,
        url=(settings.admin.url or settings.admin.listen).rstrip("/"),
        login=build_login(common),
        jwks=common.token_keys.jwks,
        places=Places(plane.destinations, plane.uses, common.site.templates),
        traffic=plane.traffic,
        inventory=plane.inventory,
        live=plane.store.live,
        follow=lambda stop: follow(folder, stop=stop),
        pending_approvals=pending,
    )
    return AdminServer(context, address.host, address.port)


def acted(common: Common, issued: Issued) -> Acted:
    """Writes down what a change that another replica made did here, and ends the tokens that nobody here held any more."""
    settling: set[asyncio.Task[Applied]] = set()

    def note(applied: Applied, mission: Mission) -> None:
        record = {
            "kind": RecordKind.MISSION.value, "event": "applied", "mission": mission.id, "by": "exeat",
            "after": mission.state.value, **applied.as_dict(),
        }  # fmt: skip
        with contextlib.suppress(ExeatError):  # it is done; the replica that made the change has its own record
            common.audit.append(record)
        if mission.state is not MissionState.OPEN:
            task = asyncio.create_task(issued.settle(mission.id, applied))
            settling.add(task)
            task.add_done_callback(settling.discard)

    return note


def _find(folder: Path, decision_id: str) -> Mapping[str, Any] | None:
    if decision_id == "last":
        newest = last(folder)
        if newest is None:
            return None
        decision_id = newest["decision_id"]
    found = find(folder, decision_id)
    decision = next((record for record in found if record["kind"] == RecordKind.DECISION), None)
    if decision is None:
        return None
    outcome = next((record for record in found if record["kind"] == RecordKind.OUTCOME), None)
    return {"decision": decision, "outcome": outcome}
