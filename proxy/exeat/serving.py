"""``exeat serve``: run an assembly until SIGTERM, watch what changes under it, and end in order.

Must not know: how the parts were chosen.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import sys
from collections.abc import Callable, Coroutine, Mapping
from typing import Any, final

from exeat import logs
from exeat.admin.context import AdminContext
from exeat.admin.server import AdminServer
from exeat.admin.token import load_or_create_token
from exeat.audit.query import find, last, tail
from exeat.config.endpoints import parse_listener
from exeat.config.listeners import places
from exeat.config.loading import Loaded
from exeat.enforcement.limits.quotas import raise_descriptor_limit
from exeat.errors import ExeatError, PolicyError
from exeat.identity.refresh import TICK as ISSUER_TICK
from exeat.model.record import RecordKind
from exeat.policy.bundle import folder_signature, load_bundle
from exeat.wiring import Assembly, build, describe_services, policy_folder

logger = logging.getLogger("exeat")

_EXPIRY_TICK = 0.25
"""How late an open stream of an expired mission may be cut, in seconds; new requests are refused to the moment."""
_CHECKPOINT = 60.0
"""How often the audit is forced to the disk and signed."""


def serve(loaded: Loaded) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    logs.set_up()
    raise_descriptor_limit()
    assembly = build(loaded)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(assembly))
    return 0


async def _run(assembly: Assembly) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = Running(assembly)
    await running.start()
    _say_hello(assembly)
    gc.freeze()  # what was built at start is never garbage: don't walk it again and again
    try:
        await stop.wait()
    finally:
        await running.stop()


@final
class Running:
    """A started assembly: missions restored, admin API and listeners open, chores under way."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        self._admin = _admin(assembly)
        self._chores: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Restore what was open, then serve; raise StartError when a port can't be had."""
        assembly = self._assembly
        for mission in await assembly.store.live():
            await assembly.worker.apply(mission)
        await self._admin.start()
        await assembly.identities.refresher.start()
        await assembly.worker.start()
        reload = assembly.loaded.settings.policy.reload
        self._chores = [
            asyncio.create_task(_every(_EXPIRY_TICK, "expiry", _expiry(assembly))),
            asyncio.create_task(_every(reload, "policy reload", _policy_watch(assembly))),
            asyncio.create_task(_every(ISSUER_TICK, "issuers' keys", assembly.identities.refresher.refresh_due)),
            asyncio.create_task(_every(_CHECKPOINT, "audit checkpoint", _checkpoint(assembly))),
            asyncio.create_task(_every(_CHECKPOINT, "certificate renewal", _certificates(assembly))),
        ]

    async def stop(self) -> None:
        """Accept no more, let open requests finish for a while, then end everything and close the books."""
        assembly = self._assembly
        await assembly.worker.drain(assembly.loaded.settings.proxy.drain)
        for chore in self._chores:
            chore.cancel()
        await asyncio.gather(*self._chores, return_exceptions=True)
        await self._admin.stop()
        await assembly.broker.close()
        await assembly.exchange.close()
        await assembly.identities.refresher.close()
        await assembly.store.close()
        assembly.audit.close()


async def _every(seconds: float, what: str, work: Callable[[], Coroutine[Any, Any, Any]]) -> None:
    """Do something again and again; a failure is logged and tried again, never fatal."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except Exception:
            logger.exception("%s failed; trying again", what)


def _expiry(assembly: Assembly) -> Callable[[], Coroutine[Any, Any, None]]:
    """End what has run out; the store is asked only when something has."""

    async def look() -> None:
        now = assembly.clock.time()
        if any(view.mission.expires_at <= now for view in assembly.worker.world.snapshot.sessions.values()):
            await assembly.control.expire_due()

    return look


def _policy_watch(assembly: Assembly) -> Callable[[], Coroutine[Any, Any, None]]:
    """Hot reload: a changed folder is loaded and validated whole in a thread, then swapped; or the old bundle stays."""
    folder = policy_folder(assembly.loaded)
    seen = folder_signature(folder) if folder is not None else ""

    async def look() -> None:
        nonlocal seen
        if folder is None:
            return
        signature = await asyncio.to_thread(folder_signature, folder)
        if signature == seen:
            return
        seen = signature
        site = assembly.site
        world = assembly.worker.world
        try:
            bundle = await asyncio.to_thread(load_bundle, folder, site.services.services, site.names)
            version = f"{bundle.version[:12]}.{world.snapshot.version.rpartition('.')[2]}"
            assembly.worker.replace_engine(bundle.engine, site.services, version)
        except PolicyError as error:
            logger.error("the changed policies are refused, the old ones stay:\n%s", error)  # noqa: TRY400 findings say it
            _note(assembly, "policy_refused", {"findings": [str(finding) for finding in error.findings[:20]]})
            return
        _note(assembly, "policy_loaded", {"policies_loaded": len(bundle.policies), "snapshot": version})
        print(f"exeat: policies reloaded, {len(bundle.policies)} in force ({version})", file=sys.stderr)  # noqa: T201

    return look


def _note(assembly: Assembly, event: str, more: Mapping[str, Any]) -> None:
    with contextlib.suppress(ExeatError):
        assembly.audit.append({"kind": RecordKind.ADMIN, "event": event, "by": "exeat", **more})


def _checkpoint(assembly: Assembly) -> Callable[[], Coroutine[Any, Any, None]]:
    async def checkpoint() -> None:
        for ring in assembly.key_rings:
            await asyncio.to_thread(ring.rotate_if_due)
        assembly.identities.replays.compact()
        await asyncio.to_thread(assembly.audit.checkpoint)

    return checkpoint


def _certificates(assembly: Assembly) -> Callable[[], Coroutine[Any, Any, None]]:
    async def renew() -> None:
        await asyncio.to_thread(assembly.worker.renew_certificates)

    return renew


def _admin(assembly: Assembly) -> AdminServer:
    settings = assembly.loaded.settings
    folder = assembly.loaded.path(settings.audit.path)

    def find_decision(decision_id: str) -> Mapping[str, Any] | None:
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

    def query(filters: Mapping[str, str], limit: int) -> list[dict[str, Any]]:
        return tail(folder, limit, filters=filters)

    address = parse_listener(settings.admin.listen)
    context = AdminContext(
        control=assembly.control,
        token=load_or_create_token(assembly.loaded.path(settings.admin.token_file)),
        audit=assembly.audit,
        clock=assembly.clock,
        find_decision=find_decision,
        query=query,
        services=lambda: describe_services(assembly.site.services),
        status=lambda: _status(assembly),
        healthy=lambda: assembly.audit.healthy and not assembly.worker.world.draining,
        jwks=assembly.key_rings[0].jwks,
    )
    return AdminServer(context, address.host, address.port)


def _status(assembly: Assembly) -> dict[str, Any]:
    snapshot = assembly.worker.world.snapshot
    return {
        "snapshot": snapshot.version,
        "sessions": len(snapshot.sessions),
        "connections": len(assembly.worker.registry),
        "turned_away": assembly.worker.parts.quotas.turned_away,
        "audit_healthy": assembly.audit.healthy,
        "tokens": dict(assembly.broker.stats()),
        "issuers": assembly.identities.refresher.status(),
    }


def _say_hello(assembly: Assembly) -> None:
    """Where it listens, what it loaded, how to send the first request."""
    settings = assembly.loaded.settings
    site = assembly.site
    template = next(iter(site.templates), "TEMPLATE")
    agent = next(iter(site.agents.values()), None)
    name = agent.name if agent else "AGENT"
    counts = (
        f"{len(site.agents)} agents, {len(site.services.services)} services, {len(assembly.bundle.policies)} policies, "
        f"{len(site.ceilings.destinations)} destinations, {len(site.templates)} mission templates"
    )
    lines = [
        f"exeat: proxy on {', '.join(place.table.url for place in places(settings))}",
        f"exeat: admin on {settings.admin.listen}, token in {assembly.loaded.path(settings.admin.token_file)}",
        f"exeat: loaded {assembly.loaded.file.name}: {counts} ({assembly.worker.world.snapshot.version})",
        f"exeat: CA in {assembly.loaded.path(settings.state.path) / 'ca.pem'}",
        f"exeat: the first request: exeat run --mission {template} --agent {name} -- curl https://HOST/PATH",
    ]
    lines += [f"exeat: warning: {finding}" for finding in assembly.warnings]
    print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201 the first lines are the interface
