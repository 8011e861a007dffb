"""One worker process: serves agents on inherited sockets, by what the supervisor tells it; ends when the supervisor does.

Started as ``python -m exeat.serving.worker SPEC`` by the supervisor and by nobody else. Must not know: the store, operators.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Awaitable, Mapping
from pathlib import Path
from typing import Any, final

from exeat import logs
from exeat.config.loading import load
from exeat.counting import to_wire
from exeat.enforcement.limits.quotas import raise_descriptor_limit
from exeat.errors import ExeatError
from exeat.fleet.asking import Asking
from exeat.fleet.channel import Channel
from exeat.fleet.desk import RemoteDesk
from exeat.fleet.tower import RemoteTower
from exeat.fleet.wording import ceilings_from, ended_to, kept_from, kept_to, mission_from, traffic_to
from exeat.ports import Ended
from exeat.serving import chores, figures
from exeat.serving.chores import Chores
from exeat.serving.spec import REFUSED, Spec
from exeat.serving.status import worker_status
from exeat.wiring.common import Common, prepare
from exeat.wiring.data_plane import Asks, DataPlane, build_data_plane
from exeat.wiring.reload import news_from, take_over_in_worker
from exeat.wiring.secrets import take_over_secrets


@final
class WorkerProcess:
    """A worker and its end of the channel."""

    def __init__(self, common: Common, data: DataPlane, asking: Asking) -> None:
        self._common, self._data, self._asking = common, data, asking
        self._worker = data.worker
        self._worker.grant(0.0)  # until the supervisor says otherwise, nothing is known
        self._ending: dict[str, Awaitable[Ended]] = {}
        self._chores = Chores()
        self._over = asyncio.Event()
        self._replaced = False

    async def run(self, end: socket.socket) -> None:
        """Serve until the supervisor says drain, or is gone."""
        common, data = self._common, self._data
        channel = await Channel.over(
            end,
            {
                "load": self._load,
                "change": self._change,
                "allow": lambda said: self._worker.replace_ceilings(ceilings_from(said)),
                "end": self._end,
                "grant": self._worker.grant,
                "status": lambda _: self._status(),
                "evaluate": self._worker.evaluate,
                "configure": self._configure,
                "secrets": lambda said: take_over_secrets(self._common, self._data, said),
                "kept": self._kept,
                "drain": self._drain,
            },
            self._alone,
        )
        data.worker.parts.gate.deviations.report_to(RemoteTower(channel))
        data.custody.tell = lambda *kept: channel.tell("kept", kept_to(*kept))
        data.holding.desk = RemoteDesk(channel)
        self._asking.channel = channel
        await channel.call("hello", {"name": common.audit.chain, "version": common.version})
        await data.identities.refresher.start()
        await self._worker.start()
        channel.tell("ready")
        gc.freeze()  # what was built at start is never garbage: don't walk it again and again

        async def report() -> None:
            channel.tell("traffic", traffic_to(data.traffic()))

        self._chores.start([
            chores.lease_watch(common, data),
            (chores.TRAFFIC_TICK, "traffic", report),
            *chores.of_worker(common, data),
            *chores.of_process(common, leads=False),
        ])  # fmt: skip
        await self._over.wait()
        await self._worker.drain(common.loaded.settings.proxy.drain, replaced=self._replaced)
        await self._chores.stop()
        await report()
        await data.close()
        common.audit.close()
        channel.close()

    # --- what the supervisor says -----------------------------------------------------------------------------------------

    def _kept(self, said: list[list[Any]]) -> None:
        live = self._worker.world.snapshot.by_mission
        for session, placeholder, kept in map(kept_from, said):
            if session.partition("/")[0] in live:
                self._data.custody.add(session, placeholder, kept)

    def _drain(self, replaced: bool) -> None:
        self._replaced = replaced
        self._over.set()

    def _load(self, missions: list[dict[str, Any]]) -> None:
        self._worker.load([mission_from(mission) for mission in missions])

    def _change(self, said: dict[str, Any]) -> int:
        mission = mission_from(said)
        cut, tokens = self._worker.change(mission)
        if tokens is not None:
            self._ending[mission.id] = tokens
        return cut

    async def _end(self, mission: str) -> list[Any]:
        tokens = self._ending.pop(mission, None)
        return ended_to(Ended() if tokens is None else await tokens)

    async def _configure(self, said: Mapping[str, Any]) -> None:
        news = await asyncio.to_thread(news_from, self._common, said)
        take_over_in_worker(self._common, self._data, news)

    def _status(self) -> Mapping[str, Any]:
        return {
            **worker_status(self._data),
            "audit_healthy": self._common.audit.healthy,
            "pid": os.getpid(),
            "counts": to_wire(figures.of_worker(self._common, self._data)),
        }

    def _alone(self) -> None:
        """The supervisor is gone: nobody can tell of a revocation any more."""
        if self._over.is_set():
            return  # it drains
        self._worker.grant(0.0)
        self._worker.registry.cut_all()
        self._common.audit.close()
        os._exit(0)


def main() -> int:
    """Build and run; return the exit code."""
    logs.set_up()
    raise_descriptor_limit()
    for number in (
        signal.SIGINT,
        signal.SIGTERM,
    ):  # a terminal's and a service manager's go to the group: the supervisor decides
        signal.signal(number, lambda *_: None)
    spec = Spec.decode(sys.argv[1])
    end = socket.socket(fileno=spec.channel)
    end.setblocking(False)
    sockets = [socket.socket(fileno=descriptor) for descriptor in spec.sockets]
    try:
        common = prepare(load(Path(spec.config)), chain=spec.name, sockets=sockets)
        asking = Asking()
        data = build_data_plane(common, Asks(asking, asking, asking, asking))
    except ExeatError as error:
        print(f"exeat: worker {spec.name}: {error}", file=sys.stderr, flush=True)  # noqa: T201 nobody else says it
        return REFUSED
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(WorkerProcess(common, data, asking).run(end))
    return 0


if __name__ == "__main__":
    sys.exit(main())
