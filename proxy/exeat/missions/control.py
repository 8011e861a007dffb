"""The one way to open and change missions.

Each operation is validated whole, recorded, stored and handed to the data path before its caller hears of it, and is
carried through even when the caller goes away meanwhile. Only the authenticated control plane holds one of these, so an
agent can't open, widen or prolong a mission. Must not know: HTTP, SQL.
"""

from __future__ import annotations

import asyncio
import contextlib
import difflib
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol, final

from exeat.errors import ConflictError, NotFoundError, UnavailableError
from exeat.missions.agents import agents_of, resolve
from exeat.missions.ceilings import Expand, check
from exeat.missions.changes import Change, Changes
from exeat.missions.delegation import CHILDREN, LEVELS, below, inherit
from exeat.missions.endings import Endings
from exeat.missions.errors import CeilingExceededError, FieldError, InvalidFieldsError
from exeat.missions.ids import MissionIds
from exeat.missions.journal import Journal
from exeat.missions.opened import ConnectionInfo, Opened
from exeat.missions.plan import plan
from exeat.missions.request import OpenRequest
from exeat.missions.states import Verb, require_live
from exeat.missions.times import rfc3339
from exeat.missions.trees import Trees
from exeat.missions.usage import Usage
from exeat.model.deviation import Firing, Then
from exeat.model.identity import Agent
from exeat.model.mission import Ceilings, Mission, MissionState, MissionTemplate
from exeat.model.secret import Secret
from exeat.ports import AuditSink, ChangeFeed, Clock, MissionStore

_VERBS = {Then.SUSPEND: Verb.SUSPEND, Then.REVOKE: Verb.REVOKE}
_TOLD = 10_000
"""Firings remembered, so that one told twice is recorded once."""


class PassSigner(Protocol):
    """Makes passes."""

    def sign(self, mission: Mission, agent: Agent) -> Secret:
        """Return a pass for one agent in one mission, valid until the mission expires."""
        ...


@final
class MissionControl:
    """Opens, changes and ends missions. ``by`` is who asks, as the control plane authenticated them."""

    def __init__(
        self,
        *,
        store: MissionStore,
        clock: Clock,
        audit: AuditSink,
        feed: ChangeFeed,
        passes: PassSigner,
        agents: Mapping[str, Agent],
        templates: Mapping[str, MissionTemplate],
        ceilings: Callable[[], Ceilings],
        expand: Expand,
        connection: ConnectionInfo,
        usage: Usage,
    ) -> None:
        self._store = store
        self._clock = clock
        self._passes = passes
        self._agents = agents
        self._templates = templates
        self._ceilings_now = ceilings
        self._expand = expand
        self._connection = connection
        self._journal = Journal(audit, agents)
        self._changes = Changes(store, clock, feed, self._journal)
        self._trees = Trees(store, self._changes)
        self._usage = usage
        self._endings = Endings(store, self._changes, self._trees, self._usage)
        self._new_id = MissionIds()
        self._told: dict[str, None] = {}
        self._running: set[asyncio.Task[Any]] = set()

    @property
    def _ceilings(self) -> Ceilings:
        return self._ceilings_now()

    async def open(self, request: OpenRequest, by: str, evidence: Sequence[str] = ()) -> Opened:
        """Open a mission and return it with a pass for each agent.

        ``evidence`` is what proved the agent whose request asks for it, and then it is opened only where the agent has no other one
        of the template. Raise NotFoundError for an unknown template, agent or
        parent, InvalidFieldsError, CeilingExceededError, ConflictError when the parent isn't open, or UnavailableError; after
        any of them no mission is open.
        """
        now = self._clock.time()
        template = self._template(request.template)
        parent = await self._delegating(request.parent) if request.parent else None
        if parent is not None:
            request = inherit(request, parent)
        agents = resolve(request, template, self._agents)
        mission = plan(request, template, agents, now, self._expand)
        if parent is not None:
            mission = below(mission, parent, request, self._expand)
        mission = replace(mission, id=self._new_id(now), budget=mission.budget.within(self._ceilings.budget))
        self._below_ceilings(mission, now)
        mission = replace(mission, opened_by=by)
        return await self._whole(self._open(self._sign(mission, agents), by, evidence))

    async def close(self, mission_id: str, by: str, reason: str = "", cause: str = "") -> Change:
        """End a mission whose task is done. When this returns, nothing of it is sent any more."""
        return await self._move(Verb.CLOSE, mission_id, by, reason, cause)

    async def revoke(self, mission_id: str, by: str, reason: str = "", cause: str = "") -> Change:
        """End a mission that must not go on. When this returns, nothing of it is sent any more."""
        return await self._move(Verb.REVOKE, mission_id, by, reason, cause)

    async def suspend(self, mission_id: str, by: str, reason: str = "", cause: str = "") -> Change:
        """Stop a mission until it is resumed; its time runs on. Raise ConflictError when it has ended."""
        return await self._move(Verb.SUSPEND, mission_id, by, reason, cause)

    async def resume(self, mission_id: str, by: str, reason: str = "") -> Change:
        """Let a suspended mission go on. Raise ConflictError when it has ended."""
        return await self._move(Verb.RESUME, mission_id, by, reason)

    async def extend(
        self, mission_id: str, by: str, *, until: float | None = None, ttl: float | None = None, reason: str = ""
    ) -> Opened:
        """Let a mission live until ``until`` (epoch seconds), or for ``ttl`` seconds from now.

        A pass ends with its mission as it was, so the answer holds new ones; the old ones work until their own end.
        Raise ConflictError when the mission has ended, InvalidFieldsError when it wouldn't live longer than now,
        CeilingExceededError when it would live too long.
        """
        if (until is None) == (ttl is None):
            raise InvalidFieldsError([FieldError("ttl", "give either ttl or until")])
        return await self._whole(self._extend(mission_id, until, ttl, by, reason))

    async def get(self, mission_id: str) -> Mission:
        """Return one mission of any state; raise NotFoundError when there is none."""
        return await self._changes.existing(mission_id)

    async def list(self, limit: int, before: str | None = None, states: Sequence[str] = ()) -> Sequence[Mission]:
        """Return missions of these states, or any, newest first; ``before`` is the id of the last one already seen."""
        return await self._store.page(limit, before, states)

    async def restore(self) -> Sequence[Mission]:
        """Return every live mission, for a data path that starts."""
        live = await self._changes.stored(self._store.live())
        self._changes.seen(live)
        return live

    def seen(self, missions: Sequence[Mission]) -> None:
        """Somebody else changed these: know them as they are now."""
        self._changes.seen(missions)

    def is_due(self) -> bool:
        """Whether the time of any mission is up, as far as is known without asking the store."""
        return bool(self._changes.out_of_time())

    async def expire_due(self) -> int:
        """End every mission whose time is up and return how many; call it about once a second."""
        return await self._whole(self._endings.out_of_time())

    async def end_unused(self) -> int:
        """End every mission that does nothing any more or has nothing left of a budget; call it a few times a second."""
        return await self._whole(self._endings.idle_and_used_up())

    async def report(self, firing: Firing) -> None:
        """Record that a rule has fired and do to its mission what the rule says; a firing told twice is one.

        Raise UnavailableError when that isn't whole yet, to be told again; the mission's traffic is cut all the same.
        """
        await self._whole(self._report(firing))

    async def _report(self, firing: Firing) -> None:
        unrecorded: UnavailableError | None = None
        if firing.id not in self._told:
            try:
                self._journal.deviation(firing)
                self._told[firing.id] = None
                while len(self._told) > _TOLD:
                    del self._told[next(iter(self._told))]
            except UnavailableError as error:
                unrecorded = error
        verb = _VERBS.get(firing.then)
        if verb is not None:
            try:
                await self._move(verb, firing.mission, "exeat", f"rule {firing.rule}: {firing.when}", firing.cause)
            except ConflictError as error:
                mission = await self._changes.existing(firing.mission)
                if not mission.state.final and mission.expires_at > self._clock.time():
                    raise UnavailableError("the mission keeps changing; tell it again") from error
        if unrecorded is not None:
            raise unrecorded

    async def used(self, mission_id: str) -> Mapping[str, int]:
        """Return what a mission has used up or lent to workers, by kind of budget."""
        return await self._changes.stored(self._usage.used(mission_id))

    async def children(self, mission_id: str) -> Sequence[Mission]:
        """Return the live missions that one has delegated to."""
        return await self._changes.stored(self._store.children(mission_id))

    async def _delegating(self, mission_id: str) -> Mission:
        """The mission that another one is to be delegated by; raise ConflictError unless it may have one more."""
        parent = await self._changes.existing(mission_id)
        if parent.state is not MissionState.OPEN:
            raise ConflictError(f"mission {parent.id} is {parent.state}, and only an open one delegates")
        if await self._trees.lineage(parent) > LEVELS:
            raise ConflictError(f"mission {parent.id} has {LEVELS} missions above it, and may not delegate")
        if len(await self.children(parent.id)) >= CHILDREN:
            raise ConflictError(f"mission {parent.id} has {CHILDREN} delegated missions", "Close one of them.")
        return parent

    async def _open(self, opened: Opened, by: str, evidence: Sequence[str]) -> Opened:
        mission, stored = opened.mission, False
        try:
            # The parent's lock too: a child that is told of after its parent has ended would be nobody's to end.
            above = self._changes.lock(mission.parent) if mission.parent else contextlib.nullcontext()
            async with above, self._changes.lock(mission.id):
                with self._journal.change("open", mission, by, "", None, evidence):
                    add = self._store.add_alone if evidence else self._store.add
                    await self._changes.stored(add(mission))
                    stored = True
                    await self._changes.tell(mission)
        except UnavailableError as error:
            if not stored:
                raise
            await self._changes.move(Verb.CLOSE, mission.id, "exeat", "the data path didn't take it")
            raise UnavailableError("the data path didn't take the mission, so it was closed again") from error
        return opened

    async def _extend(self, mission_id: str, until: float | None, ttl: float | None, by: str, reason: str) -> Opened:
        async with self._changes.lock(mission_id):
            mission, now = await self._changes.existing(mission_id), self._clock.time()
            require_live(mission, now)
            longer = replace(mission, expires_at=until if until is not None else now + (ttl or 0.0))
            if not longer.expires_at > mission.expires_at:
                message = f"the mission already lives until {rfc3339(mission.expires_at)}"
                raise InvalidFieldsError([FieldError("ttl", message)], "Name a later time, or close the mission.")
            self._below_ceilings(longer, now)
            if longer.parent and longer.expires_at > (await self._changes.existing(longer.parent)).expires_at:
                raise CeilingExceededError([FieldError("ttl", "its parent ends before")], "Extend the parent first.")
            agents = agents_of(longer, self._agents)
            opened = self._sign(longer, agents)
            with self._journal.change("extend", longer, by, reason, mission.state):
                longer = await self._changes.stored(self._store.replace(longer, mission.revision))
                await self._changes.tell(longer)
            return replace(opened, mission=longer)

    def _sign(self, mission: Mission, agents: tuple[Agent, ...]) -> Opened:
        return Opened(mission, agents, tuple(self._passes.sign(mission, agent) for agent in agents), self._connection)

    def _template(self, name: str) -> MissionTemplate | None:
        if not name:
            return None
        if name not in self._templates:
            close = difflib.get_close_matches(name, self._templates, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"Templates: {', '.join(sorted(self._templates))}."
            raise NotFoundError(f"there is no mission template {name!r}", hint)
        return self._templates[name]

    def _below_ceilings(self, mission: Mission, now: float) -> None:
        exceeded = check(mission, self._ceilings, now, self._expand)
        if exceeded:
            raise CeilingExceededError(exceeded)

    async def _move(self, verb: Verb, mission_id: str, by: str, reason: str, cause: str = "") -> Change:
        return await self._whole(self._trees.move(verb, mission_id, by, reason, cause))

    async def _whole[Result](self, change: Coroutine[Any, Any, Result]) -> Result:
        """Carry a change through: a caller that goes away must not leave it recorded and stored but not applied."""
        task = asyncio.create_task(change)
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)
