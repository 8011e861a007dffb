"""Several workers on one host: the control plane, and the processes that serve agents.

It serves no agent itself. A worker that ends is started again on the same sockets, one that doesn't answer is killed; when
the supervisor ends, every worker does. Must not know: how the parts were chosen, how a change reaches a worker.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Mapping
from functools import partial
from typing import Any, final

from exeat.config.loading import Loaded
from exeat.counting import LATEST, Counts, from_wire, merge
from exeat.credentials.custody import Custody
from exeat.errors import ExeatError, UnavailableError
from exeat.fleet.asking import answers
from exeat.fleet.crew import Crew
from exeat.fleet.desk import ASK, answering
from exeat.fleet.keepsakes import Keepsakes
from exeat.fleet.member import RemoteMember
from exeat.fleet.wording import firing_from, traffic_from
from exeat.model.record import RecordKind
from exeat.serving import chores, figures
from exeat.serving.chores import Chores
from exeat.serving.operators import acted, admin_server
from exeat.serving.processes import Slot
from exeat.serving.reload import Reload
from exeat.wiring.common import prepare
from exeat.wiring.control_plane import build_control_plane, build_standing, open_site_store

logger = logging.getLogger("exeat.supervisor")

_UNANSWERED = 10.0
"""Seconds after which a worker that doesn't answer is killed."""
_LOOK = 1.0
"""Seconds between two questions how each worker is doing."""
_BEYOND_DRAIN = 3.0
"""Seconds a worker may take after its connections have ended."""


@final
class Supervisor:
    """The control plane of one host and its workers."""

    def __init__(self, loaded: Loaded) -> None:
        settings = loaded.settings
        self.common = common = prepare(loaded, chain="c0")
        self._crew = Crew(common.clock, settings.store.lease)
        store = open_site_store(common)
        self._standing = build_standing(common, store, self._crew)
        self._plane = build_control_plane(common, store, self._crew, self._standing)
        self._standing.told = self._plane.control.seen
        self._standing.acted = acted(common, self._plane.issued)
        self._statuses: Mapping[str, Mapping[str, Any]] = {}
        self._answered: dict[str, float] = {}
        self._counts: dict[str, Counts] = {}
        """What each worker had counted when it last said so."""
        self._ended: Counts = {}
        """What those had counted that are gone, or sums would go back."""
        self._admin = admin_server(
            common,
            self._plane,
            status=self._status,
            healthy=self._healthy,
            counts=self._counted,
            evaluate=self._evaluate,
        )
        self._chores = Chores()
        self._keepsakes = Keepsakes(Custody(common.key, common.clock.time, settings.proxy.limits.custody), self._crew)
        self._crew.ended = self._keepsakes.forget
        self._reload = Reload(common, self._plane, self._crew)
        self._draining = False
        self._renewing = asyncio.Lock()
        self._generation = 1
        self._slots = [self._slot(f"w{number}") for number in range(settings.proxy.workers)]

    async def start(self) -> None:
        """Restore what was open, start every worker, then serve operators; raise StartError when any of it can't be had."""
        await self._plane.destinations.refresh()
        self._crew.supply(await self._plane.secrets.begin())
        self._crew.restore(await self._plane.control.restore())
        await self._standing.start()
        try:
            async with asyncio.TaskGroup() as starting:
                for slot in self._slots:
                    starting.create_task(slot.start())
        except* ExeatError as group:
            await self.stop()
            raise group.exceptions[0] from None
        await self._reload.begin()
        await self.common.listeners.start_names()
        await self._admin.start()
        self._chores.start([
            (_LOOK, "workers", self._look),
            *chores.of_control(self._plane),
            (self.common.loaded.settings.policy.reload, "configuration", self._reload.look),
            *chores.of_process(self.common, leads=True),
        ])  # fmt: skip

    async def stop(self) -> None:
        """Workers accept no more and finish; operators are served until they have, so that a revoke works to the end."""
        self._draining = True
        seconds = self.common.loaded.settings.proxy.drain + _BEYOND_DRAIN
        await asyncio.gather(*(slot.stop(seconds) for slot in self._slots))
        await self._chores.stop()
        await self._admin.stop()
        await self.common.listeners.stop()
        await self._standing.stop()
        await self._plane.close()
        self.common.audit.close()

    async def renew(self) -> None:
        """Replace the workers one by one: each new one serves before the old one takes no more. They read everything anew, as does this process its secrets."""
        await self._plane.secrets.look_at_all()
        async with self._renewing:
            self._generation += 1
            for number, old in enumerate(self._slots):
                new = self._slot(f"w{number}_{self._generation}")
                try:
                    await new.start()
                except ExeatError as error:
                    logger.error("the workers are not replaced: %s", error)  # noqa: TRY400 it says what is wrong
                    return
                self._slots[number] = new
                await old.stop(self.common.loaded.settings.proxy.drain + _BEYOND_DRAIN, replaced=True)
        logger.warning("all workers are replaced")

    def _slot(self, name: str) -> Slot:
        return Slot(
            name, self.common.loaded.file, self.common.listeners.descriptors,
            calls={
                **answers(
                    self._plane.usage, self._plane.first_requests, self._plane.issued, self._plane.refreshing
                ),
                "report": self._report, "traffic": self._passed, "kept": partial(self._keepsakes.heard, name),
                ASK: answering(self._plane.desk.approvals),
            },
            joined=self._joined, left=self._left,
        )  # fmt: skip

    # --- leases and health ------------------------------------------------------------------------------------------------

    async def _look(self) -> None:
        """Ask each worker how it is doing; one that hasn't answered for long is stuck or stopped."""
        said = await self._crew.status()
        self._counts |= {name: from_wire(status["counts"]) for name, status in said.items() if "counts" in status}
        self._statuses = {
            name: {key: value for key, value in status.items() if key != "counts"} for name, status in said.items()
        }
        now = self.common.clock.boot()
        for slot in self._slots:
            if "pid" in self._statuses.get(slot.name, {}) or slot.member is None:
                self._answered[slot.name] = now
            elif now - self._answered.setdefault(slot.name, now) > _UNANSWERED:
                logger.error("worker %s has not answered for %.0f s: it is killed", slot.name, _UNANSWERED)
                self._answered[slot.name] = now
                slot.kill()

    async def _report(self, said: dict[str, Any]) -> None:
        await self._plane.control.report(firing_from(said))

    async def _passed(self, said: dict[str, Any]) -> None:
        await self._plane.traffic.report(traffic_from(said))

    def _joined(self, member: RemoteMember) -> None:
        self._crew.join(member)
        self._keepsakes.greet(member)

    def _left(self, member: RemoteMember, code: int) -> None:
        self._crew.leave(member)
        gone = self._counts.pop(member.name, {})
        self._ended = merge([
            self._ended, {name: values for name, values in gone.items() if name not in LATEST},
        ])  # fmt: skip
        if not self._draining:
            with contextlib.suppress(ExeatError):
                self.common.audit.append(
                    {
                        "kind": RecordKind.ADMIN,
                        "event": "worker_ended",
                        "by": "exeat",
                        "worker": member.name,
                        "status": code,
                    }
                )

    def _healthy(self) -> bool:
        return not self._draining and self.common.audit.healthy and any(each.current for each in self._crew.members)

    async def _evaluate(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a worker would decide: all know the same."""
        member = next((slot.member for slot in self._slots if slot.member is not None and slot.member.current), None)
        if member is None:
            raise UnavailableError("no worker is current")
        answer: Mapping[str, Any] = await member.channel.call("evaluate", dict(asked))
        return answer

    def _counted(self) -> Counts:
        return merge([figures.of_process(self.common), self._ended, *self._counts.values()])

    def _status(self) -> Mapping[str, Any]:
        """The workers' figures, each by its name and summed."""
        sums: Counter[str] = Counter()
        tokens: Counter[str] = Counter()
        for status in self._statuses.values():
            sums.update({name: status.get(name, 0) for name in ("connections", "turned_away")})
            tokens.update(status.get("tokens", {}))
        some = next((status for status in self._statuses.values() if "snapshot" in status), {})
        return {
            "snapshot": some.get("snapshot", self.common.version),
            "sessions": some.get("sessions", 0),
            **sums,
            "tokens": dict(tokens),
            "issuers": some.get("issuers", {}),
            "audit_healthy": self.common.audit.healthy,
            "workers": {name: dict(status) for name, status in self._statuses.items()},
        }
