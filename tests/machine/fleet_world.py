"""A fleet in one process and in virtual time: hosts with the real control plane, store, crew and snapshot, that can fail.

Each host has its own connection to one database file and two workers. A host can be cut off from the database, crash and
start again; a worker can be stopped, go on, and be killed. Nothing is faked but clocks, connections and tokens.
"""

from __future__ import annotations

import asyncio
import contextvars
import sys
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "decision"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit" / "missions"))
sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from decision_world import empty_snapshot
from mission_world import AD_HOC as AD_HOC  # noqa: PLC0414 for those who drive a fleet
from mission_world import AGENTS, NOW
from mission_world import World as Effects
from mission_world import control as make_control
from sqlalchemy import Connection

from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.limits.meter import Meter
from exeat.enforcement.worker import Worker
from exeat.enforcement.world import World
from exeat.errors import UnavailableError
from exeat.fleet.crew import Crew
from exeat.fleet.replica import Replica
from exeat.missions.control import MissionControl
from exeat.missions.usage import Usage
from exeat.model.mission import Mission
from exeat.ports import Ended, Lender
from exeat.store import notices, sqlite
from exeat.store.notices import Channel, Hub
from exeat.store.opening import open_store
from exeat.store.store import Store
from machine.virtual_time import VirtualTimeLoop

LEASE = 1.0
WORKERS = 2
_owner: contextvars.ContextVar[str] = contextvars.ContextVar("owner", default="")


class Clock:
    """Boot time is the loop's; the wall clock can be set."""

    def __init__(self, loop: VirtualTimeLoop) -> None:
        self._loop = loop
        self.ahead = NOW - loop.now

    def time(self) -> float:
        return self._loop.now + self.ahead

    def monotonic(self) -> float:
        return self._loop.now

    def boot(self) -> float:
        return self._loop.now


class Line:
    """A host's way to the database. ``delay`` before and after each transaction, ``down`` fails, one answer may be lost.

    Notices reach every host whose line is up, as PostgreSQL's do.
    """

    def __init__(self, runner: sqlite.SqliteRunner, hub: Hub) -> None:
        self._runner, self._hub = runner, hub
        self.delay = 0.0
        self.down = self.lose_next = False

    async def run(self, work: Any, *arguments: Any, **options: Any) -> Any:
        def noted(connection: Connection) -> tuple[Any, frozenset[Channel]]:
            return work(connection, *arguments, **options), notices.said(connection)

        await asyncio.sleep(self.delay)
        if self.down:
            raise UnavailableError("the line is down")
        result, said = await self._runner.run(noted)
        self._hub.tell(said)
        await asyncio.sleep(self.delay)
        if self.lose_next or self.down:
            self.lose_next = False
            raise UnavailableError("the answer is lost")
        return result

    def listen(self, channel: Channel, callback: Callable[[], None]) -> Callable[[], None]:
        return self._hub.listen(channel, lambda: None if self.down else callback())

    async def close(self) -> None:
        await self._runner.close()


class _Done:
    """Tokens that have ended already."""

    def __await__(self) -> Generator[None, None, Ended]:
        return Ended()
        yield


class Holdings:
    """A worker's connections, answers and tokens: there are none."""

    def cut(self, _: str) -> int:
        return 0

    def cut_all(self) -> int:
        return 0

    def forget(self, _: str, **__: bool) -> None:
        pass

    def end(self, _: str) -> Any:
        return _Done()


class Process:
    """A worker process behind a channel: what it is told is done in order, and not while it is stopped."""

    def __init__(self, name: str, clock: Clock, lender: Lender) -> None:
        self.name, self.granted, self.current = name, 0.0, True
        self.budgets = Budgets(lender, clock)
        self.world = World(empty_snapshot(), clock.boot, 0.0)
        gate = SimpleNamespace(deviations=Holdings())
        parts: Any = SimpleNamespace(world=self.world, registry=Holdings(), answers=Holdings(), gate=gate)
        self._worker = Worker(parts, None, Holdings(), clock, AGENTS, self.budgets)  # type: ignore[arg-type]
        self._told: deque[tuple[Callable[[], Any], asyncio.Future[Any] | None]] = deque()
        self.stopped = self.dead = False

    def _tell(self, work: Callable[[], Any], answer: asyncio.Future[Any] | None = None) -> None:
        self._told.append((work, answer))
        if not self.stopped:
            self.go_on()

    async def _ask(self, work: Callable[[], Any]) -> Any:
        if self.dead:
            raise UnavailableError("the worker is gone")
        answer = asyncio.get_running_loop().create_future()
        self._tell(work, answer)
        return await answer

    def go_on(self) -> None:
        """Do what was told meanwhile."""
        self.stopped = False
        while self._told and not self.dead:
            work, answer = self._told.popleft()
            result = work()
            if answer is not None and not answer.done():
                answer.set_result(result)

    async def act(self, session: str, mission: str, place: str, cost: int) -> bool:
        """Judge one request as the gate does: whether it may go, having paid for it."""
        if self.stopped or self.dead or not self.world.is_live(session):
            return False
        permit: Any = SimpleNamespace(writes=False, cost=cost, question=None)
        request: Any = SimpleNamespace(host=place, port=443)
        paid = self.budgets.charge(mission, permit, request, 0)
        if callable(paid):
            paid = await paid()
        if not isinstance(paid, Meter) or self.dead or not self.world.is_live(session):
            if isinstance(paid, Meter):
                paid.refund()
            return False
        paid.begin()
        await asyncio.sleep(0.02)
        paid.end()
        return True

    def kill(self) -> None:
        """It ends; whoever waits for it hears so."""
        self.dead = True
        for _, answer in self._told:
            if answer is not None and not answer.done():
                answer.set_exception(UnavailableError("the worker is gone"))
        self._told.clear()

    def load(self, missions: Sequence[Mission]) -> None:
        kept = list(missions)
        self._tell(lambda: self._worker.load(kept))

    async def change(self, mission: Mission) -> int:
        cut: int = (await self._ask(lambda: self._worker.change(mission)))[0]
        return cut

    async def end(self, _: str) -> Ended:
        await self._ask(lambda: None)
        return Ended()

    def grant(self, until: float) -> None:
        self.granted = until
        self._tell(lambda: self._worker.grant(until))

    async def status(self) -> Mapping[str, Any]:
        await self._ask(lambda: None)
        return {}

    async def configure(self) -> None:
        pass


class Host:
    """One replica: its line to the database, its control plane, its crew. ``audit`` is what it has recorded."""

    def __init__(self, name: str, file: Path, clock: Clock, hub: Hub) -> None:
        self.name, self.clock, self._file, self._hub = name, clock, file, hub
        self.audit: list[dict[str, Any]] = []
        self.starts = 0
        self.up = False

    async def start(self) -> None:
        """Begin to serve, as a process does; fails without the database."""
        self.starts += 1
        self.line = Line(sqlite.SqliteRunner(sqlite.connect(self._file), self._file), self._hub)
        self.store = Store(self.line, self.clock.time)
        self.crew = Crew(self.clock, LEASE)
        self.standing = Replica(
            f"{self.name}-{self.starts}", self.name, self.store, self.store.replicas, self.crew, self.clock, LEASE
        )
        self.usage = Usage(self.store.ledger, self.clock, shared=True)
        sink = Effects(records=self.audit)
        self.control: MissionControl = make_control(
            sink,
            self.clock,
            store=self.store,
            audit=sink,
            feed=self.standing.apply,
            usage=self.usage,
        )
        self.standing.told = self.control.seen
        self.processes: list[Process] = []
        self.up = True
        self.crew.restore(await self.control.restore())
        self.processes = [self.spawn(number) for number in range(WORKERS)]
        await self.standing.start()
        self._going_round = asyncio.ensure_future(self._rounds())

    async def _rounds(self) -> None:
        """What workers do again and again."""
        while True:
            await asyncio.sleep(0.5)
            for process in self.processes:
                if not process.stopped and not process.dead:
                    await process.budgets.tick()

    def spawn(self, number: int) -> Process:
        """A new worker process."""
        process = Process(f"{self.name}.w{number}", self.clock, self.usage)
        self.crew.join(process)
        return process

    def kill_worker(self, number: int) -> None:
        """End one, and start another in its place."""
        process = self.processes[number]
        process.kill()
        self.crew.leave(process)
        self.processes[number] = self.spawn(number)

    async def close(self) -> None:
        """Let the file go."""
        with suppress(AttributeError):
            await self.line.close()


_empty: list[bytes] = []


def _make(file: Path) -> None:
    """An empty store; its schema is made once."""
    if not _empty:
        made = open_store(f"sqlite:///{file}", file.parent)
        asyncio.run(made.close())
        _empty.append(file.read_bytes())
    file.touch(0o600)
    file.write_bytes(_empty[0])


class Fleet:
    """The hosts, and the time in which they live."""

    def __init__(self, folder: Path, hosts: int) -> None:
        self.loop = VirtualTimeLoop()
        self.loop.set_task_factory(self._task)
        self.clock = Clock(self.loop)
        self._tasks: dict[str, set[asyncio.Task[Any]]] = {}
        file = folder / "exeat.db"
        _make(file)
        hub = Hub()
        self.truth = Store(sqlite.SqliteRunner(sqlite.connect(file), file), self.clock.time)
        self.hosts = [Host(f"h{number}", file, self.clock, hub) for number in range(hosts)]
        for host in self.hosts:
            self.run(self.on(host, host.start()))

    def _task(self, loop: asyncio.AbstractEventLoop, work: Any, **options: Any) -> asyncio.Task[Any]:
        task = asyncio.Task(work, loop=loop, **options)
        mine = self._tasks.setdefault(_owner.get(), set())
        mine.add(task)
        task.add_done_callback(mine.discard)
        return task

    def run[Result](self, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something to its end."""
        return self.loop.run_until_complete(work)

    async def on[Result](self, host: Host, work: Coroutine[Any, Any, Result]) -> Result:
        """Run something as part of a host: it ends when the host crashes."""
        token = _owner.set(host.name)
        try:
            task = asyncio.ensure_future(work)
        finally:
            _owner.reset(token)
        try:
            return await task
        except asyncio.CancelledError:
            raise UnavailableError("the host has crashed") from None

    def pass_time(self, seconds: float) -> None:
        """Let everybody go on for a while."""
        self.run(asyncio.sleep(seconds))

    def sleep(self, seconds: float) -> None:
        """Let the whole machine sleep for a while, and everybody wake up."""
        self.loop.now += seconds
        self.pass_time(0.1)

    def crash(self, host: Host) -> None:
        """End a host with all that it was doing."""
        host.up = False
        for process in host.processes:
            process.dead = True
        for task in tuple(self._tasks.get(host.name, ())):
            task.cancel()
        self.pass_time(0)
        self.run(host.close())

    def serving(self, session: str) -> list[str]:
        """The worker processes that would send a session's next byte now."""
        return [
            process.name
            for host in self.hosts
            if host.up
            for process in host.processes
            if not process.dead and process.world.is_live(session)
        ]

    def close(self) -> None:
        """End everything."""
        for host in self.hosts:
            if host.up:
                self.crash(host)
        self.run(self.truth.close())
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
        self.pass_time(0)
        self.loop.run_until_complete(self.loop.shutdown_default_executor())
        self.loop.close()
