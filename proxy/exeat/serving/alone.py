"""One process that serves agents and operators alike.

Must not know: how the parts were chosen.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping
from typing import Any, final

from exeat.fleet.local import LocalMember
from exeat.serving import chores, figures
from exeat.serving.chores import Chores
from exeat.serving.operators import acted, admin_server
from exeat.serving.reload import Reload
from exeat.serving.status import worker_status
from exeat.wiring.build import Assembly
from exeat.wiring.reload import news_from, take_over_in_worker
from exeat.wiring.secrets import take_over_secrets

logger = logging.getLogger("exeat")


@final
class Running:
    """A started assembly: missions restored, admin API and listeners open, chores under way."""

    def __init__(self, assembly: Assembly) -> None:
        self._assembly = assembly
        worker, audit = assembly.worker, assembly.common.audit
        self._admin = admin_server(
            assembly.common,
            assembly.plane,
            status=lambda: {**worker_status(assembly.data), "audit_healthy": audit.healthy},
            healthy=lambda: audit.healthy and not worker.world.draining,
            counts=lambda: figures.of_worker(assembly.common, assembly.data),
            evaluate=self._evaluate,
        )
        self._chores = Chores()
        self._member = LocalMember(
            worker,
            lambda: worker_status(assembly.data),
            self._configure,
            self._rekey,
            leased=assembly.leased,
        )
        self._reload = Reload(assembly.common, assembly.plane, assembly.crew)
        assembly.standing.told = assembly.plane.control.seen
        assembly.standing.acted = acted(assembly.common, assembly.plane.issued)

    async def start(self) -> None:
        """Restore what was open, then serve; raise StartError when a port can't be had."""
        common, data, plane = self._assembly.common, self._assembly.data, self._assembly.plane
        crew, standing = self._assembly.crew, self._assembly.standing
        await plane.destinations.refresh()
        crew.supply(await plane.secrets.begin())
        crew.restore(await plane.control.restore())
        crew.join(self._member)
        await standing.start()
        await self._reload.begin()
        await self._admin.start()
        await data.identities.refresher.start()
        await common.listeners.start_names()
        await data.worker.start()
        self._chores.start(
            [
                chores.lease_watch(common, data),
                (chores.TRAFFIC_TICK, "traffic", self._report),
                *chores.of_control(plane),
                (common.loaded.settings.policy.reload, "configuration", self._reload.look),
                *chores.of_worker(common, data),
                *chores.of_process(common, leads=True),
            ]
        )

    async def _report(self) -> None:
        await self._assembly.plane.traffic.report(self._assembly.data.traffic())

    async def _evaluate(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        return self._assembly.worker.evaluate(asked)

    async def _configure(self, said: Mapping[str, Any]) -> None:
        news = await asyncio.to_thread(news_from, self._assembly.common, said)
        take_over_in_worker(self._assembly.common, self._assembly.data, news)

    def _rekey(self, said: Mapping[str, Any]) -> int:
        return take_over_secrets(self._assembly.common, self._assembly.data, said)

    async def renew(self) -> None:
        """Read every secret again. Where one process does everything there is nobody to take its place meanwhile."""
        await self._assembly.plane.secrets.look_at_all()
        logger.warning("secrets are read again; SIGHUP replaces workers too, and there are none: set proxy.workers")

    async def stop(self) -> None:
        """Accept no more, let open requests finish for a while, then end everything and close the books."""
        common, data, plane = self._assembly.common, self._assembly.data, self._assembly.plane
        await data.worker.drain(common.loaded.settings.proxy.drain)
        await self._chores.stop()
        await self._report()
        await self._admin.stop()
        await data.close()
        await self._assembly.standing.stop()
        await plane.close()
        common.audit.close()
