"""The parts that serve operators, put together: the store and the one way to open and change missions.

Must not know: connections, how a request is judged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import secrets
import socket
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from exeat.credentials.keeper import Keeper
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.refreshing import Refreshing
from exeat.credentials.safe import Safe
from exeat.errors import ExeatError, UnavailableError
from exeat.fleet.crew import Crew
from exeat.fleet.replica import Replica
from exeat.fleet.standing import Sole, Standing
from exeat.identity.passes import PassSigner
from exeat.migration.inventory import Inventory
from exeat.missions.control import MissionControl
from exeat.missions.destinations import Destinations
from exeat.missions.first_request import FirstRequests
from exeat.missions.issued import Issued
from exeat.missions.traffic import TrafficTotals
from exeat.missions.usage import Usage
from exeat.missions.uses import LastUses
from exeat.model.mission import Mission, MissionState
from exeat.ports import Applied, ChangeFeed
from exeat.store import sqlite
from exeat.store.credential_uses import StoredCredentialUses
from exeat.store.destinations import StoredDestinations
from exeat.store.holding import hold
from exeat.store.issued import StoredIssued
from exeat.store.opening import open_store
from exeat.store.secrets import StoredSecrets
from exeat.store.store import Store
from exeat.wiring.approvals import Desk, build_desk
from exeat.wiring.common import Common
from exeat.wiring.connecting import connection_info
from exeat.wiring.credentials import registered_credentials
from exeat.wiring.issuing import Issuing, build_issuing
from exeat.wiring.keeping import build_keeper
from exeat.wiring.refreshing import build_refreshing
from exeat.wiring.secrets import replaced_of

logger = logging.getLogger("exeat.approvals")


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What changes missions."""

    store: Store
    control: MissionControl
    desk: Desk
    usage: Usage
    """What workers ask about budgets: ``ports.Lender``."""
    first_requests: FirstRequests
    """What workers ask to open: ``ports.Opener``."""
    destinations: Destinations
    uses: LastUses
    secrets: Keeper
    safe: Safe
    """Secrets that the store holds sealed."""
    elsewhere: Callable[[], Awaitable[tuple[str, ...]]]
    """Waits until every other host has acted on what was told to the feed."""
    traffic: TrafficTotals
    issued: Issued
    """What workers tell of tokens: ``ports.TokenList``."""
    issuing: Issuing
    refreshing: Refreshing
    """What workers ask for what a refresh token gives: ``ports.Refresher``."""
    inventory: Inventory

    async def close(self) -> None:
        """Write what isn't yet; let the store go, and those who are told of approvals."""
        await self.refreshing.close()
        await self.desk.webhooks.close()
        with contextlib.suppress(UnavailableError):
            await self.uses.flush()
        await self.issuing.close()
        with contextlib.suppress(UnavailableError):
            await self.inventory.flush()
        await self.secrets.close()
        await self.store.close()


def open_site_store(common: Common) -> Store:
    """The configured store; raise StartError when it can't be opened."""
    where = common.loaded.settings.store
    password = common.sources.load(where.password) if where.password else None
    return open_store(where.url, common.loaded.base, password, common.clock.time)


def build_standing(common: Common, store: Store, crew: Crew) -> Standing:
    """Who else may change the store: nobody where it is a file of this host, other replicas where it is a server."""
    where = common.loaded.settings.store
    if where.url.startswith(sqlite.PREFIX):
        return Sole(crew, where.lease, partial(hold, sqlite.database_file(where.url, common.loaded.base)))
    name = f"{socket.gethostname()}-{os.getpid()}"
    return Replica(secrets.token_hex(8), name, store, store.replicas, crew, common.clock, where.lease)


def build_control_plane(common: Common, store: Store, crew: Crew, standing: Standing) -> ControlPlane:
    """Put it together; ``standing`` carries changes to whoever serves."""
    site = common.site
    desk = build_desk(common, store)
    shared = not common.loaded.settings.store.url.startswith(sqlite.PREFIX)
    usage = Usage(store.ledger, common.clock, shared=shared)
    kept = StoredDestinations(store.runner)
    destinations = Destinations(site.ceilings, kept, common.clock, common.audit, crew.allow, standing.elsewhere)
    safe = Safe(common.sealer, StoredSecrets(store.runner), common.clock)
    keeper = build_keeper(common, safe, crew)

    async def read() -> None:
        await destinations.refresh()
        await keeper.look_at_store()

    standing.read = read
    endpoints = Endpoints(common.tls, common.clock)
    refreshing = build_refreshing(common, safe, store.leases, endpoints, keeper.held)
    issuing = build_issuing(common, refreshing, keeper.held, endpoints)
    issued = Issued(
        StoredIssued(store.runner), common.sealer, issuing.issuers, issuing.services, common.clock, standing.replica
    )
    uses = LastUses(destinations.ceilings, kept, common.clock)
    control = MissionControl(
        store=store,
        clock=common.clock,
        audit=common.audit,
        feed=_and_desk(_and_tokens(standing.apply, issued), desk),
        passes=PassSigner(common.pass_keys, common.issuer_url, common.audience, common.clock),
        agents=site.agents,
        templates=site.templates,
        ceilings=destinations.ceilings,
        expand=site.services.expand,
        connection=connection_info(site, common.state, common.key, common.short_key, common.ports),
        usage=usage,
    )
    first = FirstRequests(control, store, common.clock, site.templates, site.agents)
    inventory = Inventory(
        StoredCredentialUses(store.runner),
        common.audit,
        common.clock,
        lambda: registered_credentials(common.site.services, common.stored, common.key, replaced_of(common)),
    )
    totals = TrafficTotals(uses, common.clock, inventory.note)
    return ControlPlane(
        store, control, desk, usage, first, destinations, uses, keeper, safe, standing.elsewhere, totals, issued, issuing,
        refreshing, inventory,
    )  # fmt: skip


def _and_tokens(feed: ChangeFeed, issued: Issued) -> ChangeFeed:
    """When the workers have ended what they held, end what those had that are gone."""

    async def both(mission: Mission) -> Applied:
        applied = await feed(mission)
        return applied if mission.state is MissionState.OPEN else await issued.settle(mission.id, applied)

    return both


def _and_desk(feed: ChangeFeed, desk: Desk) -> ChangeFeed:
    """Tell the workers, whom nothing may hold up, and then the desk, which drops what an ended mission asked."""
    telling: set[asyncio.Task[None]] = set()

    async def both(mission: Mission) -> Applied:
        try:
            return await feed(mission)
        finally:
            if mission.state.final:
                task = asyncio.create_task(_tell(desk, mission.id))
                telling.add(task)
                task.add_done_callback(telling.discard)

    return both


async def _tell(desk: Desk, mission_id: str) -> None:
    try:
        await desk.approvals.ended(mission_id)
    except ExeatError as error:  # swept up later
        logger.warning("approvals of %s are not dropped yet: %s", mission_id, error)
