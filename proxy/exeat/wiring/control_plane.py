"""The parts that serve operators, put together: the store and the one way to open and change missions.

Must not know: connections, how a request is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.identity.passes import PassSigner
from exeat.missions.control import MissionControl
from exeat.ports import ChangeFeed
from exeat.store.opening import open_store
from exeat.store.store import Store
from exeat.wiring.common import Common
from exeat.wiring.connecting import connection_info


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """What changes missions."""

    store: Store
    control: MissionControl

    async def close(self) -> None:
        """Let the store go."""
        await self.store.close()


def build_control_plane(common: Common, feed: ChangeFeed) -> ControlPlane:
    """Put it together; ``feed`` tells every worker. Raise StartError when the store can't be opened."""
    site = common.site
    where = common.loaded.settings.store
    password = common.sources.load(where.password) if where.password else None
    store = open_store(where.url, common.loaded.base, password, common.clock.time)
    control = MissionControl(
        store=store,
        clock=common.clock,
        audit=common.audit,
        feed=feed,
        passes=PassSigner(common.pass_keys, common.issuer_url, common.audience, common.clock),
        agents=site.agents,
        templates=site.templates,
        ceilings=site.ceilings,
        expand=site.services.expand,
        connection=connection_info(site, common.state, common.key, common.short_key, common.ports),
    )
    return ControlPlane(store, control)
