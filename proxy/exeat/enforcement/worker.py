"""One worker: the current snapshot, its connections, and what a change of missions does to both.

Must not know: SQL, HTTP of the admin API, how snapshots are built from files.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, final

from exeat.decision.destinations import in_ceiling, in_force, in_mission, lost
from exeat.decision.engine import Engine
from exeat.decision.hypothetical import Asked, told, would_decide
from exeat.decision.recognise import FingerprintTable
from exeat.decision.snapshot import (
    with_agents,
    with_ceilings,
    with_engine,
    with_fingerprints,
    with_mission,
    with_missions,
)
from exeat.enforcement.host import Host
from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.listener import Listeners
from exeat.enforcement.parts import Parts
from exeat.enforcement.registry import Registry
from exeat.enforcement.ways.door import Door
from exeat.enforcement.ways.entry import Entry
from exeat.enforcement.world import World
from exeat.errors import PolicyError, UnavailableError
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.model.secret import Secret
from exeat.ports import Applied, Broker, Clock, Ended
from exeat.services.index import ServiceIndex

logger = logging.getLogger("exeat.worker")


@final
class Worker:
    """Serves agents; everything it does happens on one event loop."""

    def __init__(
        self,
        parts: Parts,
        listeners: Listeners,
        broker: Broker,
        clock: Clock,
        agents: Mapping[str, Agent],
        budgets: Budgets,
    ) -> None:
        self._parts = parts
        self._listeners = listeners
        self._broker = broker
        self._clock = clock
        self._agents = agents
        self._budgets = budgets
        self._rounds: asyncio.Task[None] | None = None
        self._in_force = in_force(parts.world.snapshot.ceilings, clock.time())
        self.refused_bundles = 0
        """Changed policies that weren't taken."""

    @property
    def parts(self) -> Parts:
        """What its connections share."""
        return self._parts

    @property
    def world(self) -> World:
        """What this worker knows."""
        return self._parts.world

    @property
    def registry(self) -> Registry:
        """Its live connections."""
        return self._parts.registry

    async def start(self) -> None:
        """Begin to accept connections."""
        self._rounds = asyncio.create_task(self._budgets.run())
        await self._listeners.start(self._door)

    def evaluate(self, asked: Mapping[str, Any]) -> Mapping[str, Any]:
        """Say what would be decided; see ``ports.Evaluate``. Nothing is recorded, counted as a decision or sent."""
        if self.world.draining or self.world.stale:
            raise UnavailableError("this worker can't tell: it isn't current")
        snapshot = self.world.snapshot
        return told(would_decide(Asked(**asked), snapshot, self._clock.time()), snapshot.version)

    def _door(self, entry: Entry) -> Door:
        parts = self._parts
        return Door(entry, parts.registry, admits=self._admits, welcome=self._welcome, seconds=parts.limits.head)

    def _admits(self, peer: str) -> bool:
        return not self.world.draining and self._parts.quotas.admits(peer, self._parts.limits)

    def _welcome(self, transport: asyncio.Transport, entry: Entry) -> Host:
        return Host(self._parts, transport, entry)

    def renew_certificates(self) -> None:
        """See :meth:`Listeners.renew`."""
        self._listeners.renew()

    def load(self, missions: Sequence[Mission]) -> None:
        """Take over what is live, at a start or after having missed something: any other mission has ended.

        Those that are as they were keep what was judged for them. One that doesn't fit the policies is left out and said
        so; it doesn't keep the others.
        """
        known, live = self.world.snapshot.by_mission, {mission.id for mission in missions}
        gone = (views[0].mission for id_, views in known.items() if id_ not in live)
        changed = [replace(mission, state=MissionState.CLOSED) for mission in gone]
        changed += [each for each in missions if not (held := known.get(each.id)) or held[0].mission != each]
        try:
            self.world.snapshot = with_missions(self.world.snapshot, changed, self._agents)
        except PolicyError:
            for mission in changed:
                try:
                    self.change(mission)
                except PolicyError as error:
                    logger.error("mission %s is left out: %s", mission.id, error)  # noqa: TRY400 it says what is wrong
                    self.change(replace(mission, state=MissionState.CLOSED))
            return
        for mission in changed:
            self._note(mission)
            self._withdraw(mission)

    async def apply(self, mission: Mission) -> Applied:
        """Act on a changed mission; when this returns, nothing of an ended or suspended one is sent any more."""
        started = self._clock.monotonic()
        cut, tokens = self.change(mission)
        cut_at = self._clock.monotonic()
        ended = Ended() if tokens is None else await tokens
        over = self._clock.monotonic()
        return Applied(
            cut,
            ended.dropped,
            ended.revoked,
            (over - started) * 1000,
            (cut_at - started) * 1000,
            (over - cut_at) * 1000,
            left=ended.left,
            ended=ended.ended,
        )

    def change(self, mission: Mission) -> tuple[int, Awaitable[Ended] | None]:
        """The part of :meth:`apply` that nothing comes in between: how many connections were cut, and what ends the tokens.

        Order: the snapshot is replaced first, so that no new request and no byte passes; then its sockets are reset;
        then its tokens are dropped.
        """
        world = self.world
        self._note(mission)
        try:
            world.snapshot = with_mission(world.snapshot, mission, self._agents)
        except PolicyError:
            if mission.state is MissionState.OPEN:
                raise
            world.snapshot = with_mission(world.snapshot, replace(mission, state=MissionState.CLOSED), self._agents)
        return self._withdraw(mission)

    def _note(self, mission: Mission) -> None:
        """What is counted and timed beside the snapshot."""
        self.world.lifetimes.note(mission, self._clock.time(), self._clock.monotonic())
        self._budgets.apply(mission)

    def _withdraw(self, mission: Mission) -> tuple[int, Awaitable[Ended] | None]:
        """Take back what a mission held that may not act any more, once the snapshot says so."""
        if mission.id in self.world.snapshot.by_mission and mission.state is MissionState.OPEN:
            return 0, None
        cut = self.registry.cut(mission.id)
        self._parts.answers.forget(mission.id, ended=mission.state.final)
        if mission.state.final:
            self._parts.gate.deviations.forget(mission.id)
        return cut, self._broker.end(mission.id)

    def grant(self, until: float) -> None:
        """Let this worker serve until then, in seconds since the machine started: what it knows is complete until then."""
        self.world.fresh_until = until

    def look_at_lease(self, grace: float) -> int:
        """Reset every connection once the lease has been over for ``grace`` seconds; return how many there were."""
        if self._clock.boot() < self.world.fresh_until + grace:
            return 0
        return self.registry.cut_all()

    def replace_agents(
        self, agents: Mapping[str, Agent], engine: Engine, fingerprints: FingerprintTable, version: str
    ) -> None:
        """Know these agents from now on; sessions of those that are gone are over, and what they held is reset."""
        before = self.world.snapshot
        self.world.snapshot = with_agents(before, agents, engine, fingerprints, version)
        for key in before.sessions.keys() - self.world.snapshot.sessions.keys():
            self.registry.cut(before.sessions[key].mission.id)

    def replace_secrets(
        self, fingerprints: FingerprintTable, replaced: Mapping[str, Sequence[Secret]], outdated: Collection[str]
    ) -> None:
        """Know managed credentials as they are now; ``outdated`` are services of which no token that is held is used again."""
        self.world.snapshot = with_fingerprints(self.world.snapshot, fingerprints)
        self._parts.answers.replace(replaced)
        self._broker.outdate(outdated)

    def replace_ceilings(self, ceilings: Ceilings) -> int:
        """Swap the ceilings whole; when this returns, nothing goes any more to what they no longer allow.

        Return how many connections were cut.
        """
        self.world.snapshot = with_ceilings(self.world.snapshot, ceilings)
        return self.leave_lost()[1]

    def leave_lost(self) -> tuple[tuple[DestinationPattern, ...], int]:
        """Reset every connection to a destination that is allowed no more; return which are gone, and how many resets.

        New requests are refused to the moment. What is under way is ended here: call it a few times a second, so that an
        entry that expires meanwhile counts too.
        """
        ceilings, now = self.world.snapshot.ceilings, self._clock.time()
        before, self._in_force = self._in_force, in_force(ceilings, now)
        patterns = lost(before, self._in_force)
        if not patterns:
            return (), 0

        def gone(host: str, port: int) -> bool:
            return in_mission(patterns, host, port) and not in_ceiling(ceilings, host, port, now)

        return patterns, self.registry.leave(gone)

    def replace_engine(self, engine: Engine, services: ServiceIndex, version: str) -> None:
        """Swap the policy bundle whole; every session is opened in the new one before the old one goes."""
        self.world.snapshot = with_engine(self.world.snapshot, engine, services, version)

    async def drain(self, seconds: float, *, replaced: bool = False) -> None:
        """Stop listening, refuse new requests, let open ones finish for a while, then reset the rest.

        One that is ``replaced`` serves whoever is connected for as long, so that nobody notices.
        """
        await self._listeners.stop()
        self.world.draining = not replaced
        deadline = self._clock.monotonic() + seconds
        while self._clock.monotonic() < deadline:
            if not (len(self.registry) if replaced else self.registry.busy()):
                break
            await asyncio.sleep(0.05)
        self.world.draining = True
        self.registry.cut_all()
        await asyncio.sleep(0)  # let the resets reach the sockets
        if self._rounds is not None:
            self._rounds.cancel()
        await self._budgets.close()
