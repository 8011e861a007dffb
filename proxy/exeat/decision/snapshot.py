"""Everything a judgement may know, immutable: a change of missions or policies makes a new snapshot.

A change copies dicts and touches only what it is about: with ten thousand missions open that is half a millisecond. Must
not know: where any of it is stored.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from exeat.decision.recognise import FingerprintTable
from exeat.model.identity import Agent, Session
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.services.index import ServiceIndex

if TYPE_CHECKING:
    from exeat.decision.engine import Engine, Principal

_REMEMBERED = 10_000
"""Ended missions kept, so that an agent is told ``mission_ended``: a day's worth in a large fleet, about 2 MB."""
_NOBODY: Mapping[str, tuple[SessionView, ...]] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session and all that is judged about it. ``operations`` are action ids, groups and wildcards expanded.

    ``lineage`` are the missions above a delegated one and ``delegators`` their agents by SPIFFE ID, the nearest first.
    """

    session: Session
    mission: Mission
    operations: frozenset[str]
    principal: Principal
    lineage: tuple[str, ...] = ()
    delegators: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``version`` is that of the policy bundle; ``sessions`` by Session.key; ``ended`` by mission id.

    ``by_agent`` (its SPIFFE ID: what somebody may act in who shows who it is, but not for what) and ``by_mission`` hold
    the same sessions: only this module writes them, all three together.
    ``overrides`` are the (host, port) pairs of ``upstream.resolve``: the one way to allow a name that is only local.
    """

    version: str
    sessions: Mapping[str, SessionView]
    ended: Mapping[str, MissionState]
    services: ServiceIndex
    engine: Engine
    ceilings: Ceilings
    fingerprints: FingerprintTable = field(repr=False)
    overrides: frozenset[tuple[str, int]] = frozenset()
    fresh: float = 3600.0
    """Seconds after its opening in which a mission may act on what is critical."""
    by_agent: Mapping[str, tuple[SessionView, ...]] = field(default=_NOBODY, repr=False)
    by_mission: Mapping[str, tuple[SessionView, ...]] = field(default=_NOBODY, repr=False)

    def __post_init__(self) -> None:
        if bool(self.sessions) != bool(self.by_mission):  # a mission that isn't found there could not be ended
            raise ValueError("sessions are added by with_missions")


def open_session(
    engine: Engine, services: ServiceIndex, mission: Mission, agent: Agent, delegator: SessionView | None = None
) -> SessionView:
    """Make one agent's view of a mission; raise PolicyError when it doesn't fit the policy schema.

    Operations nobody knows any more are left out: a mission only ever loses by a change of services.
    """
    session = Session(mission.id, agent)
    operations = services.expand_all(mission.operations)
    lineage = () if delegator is None else (delegator.mission.id, *delegator.lineage)
    delegators = () if delegator is None else (delegator.session.agent.spiffe_id, *delegator.delegators)
    principal = engine.open(session, mission, operations, lineage)
    return SessionView(session, mission, operations, principal, lineage, delegators)


def with_mission(snapshot: Snapshot, mission: Mission, agents: Mapping[str, Agent]) -> Snapshot:
    """Return a snapshot in which ``mission`` is as given; see :func:`with_missions`."""
    return with_missions(snapshot, (mission,), agents)


def with_missions(snapshot: Snapshot, missions: Iterable[Mission], agents: Mapping[str, Agent]) -> Snapshot:
    """Return a snapshot in which each mission is as given: added, replaced, or gone when its state is final.

    ``agents`` are all known ones by Agent.key; one that isn't known gets no session. Raise PolicyError as
    :func:`open_session` does; ending a mission raises nothing.
    """
    draft = _Draft(snapshot)
    ended = _copied(snapshot.ended)
    for mission in missions:
        ended.pop(mission.id, None)
        if mission.state.final:
            draft.put(mission.id, ())
            ended[mission.id] = mission.state
        else:
            draft.put(mission.id, tuple(_views(draft, snapshot.engine, snapshot.services, mission, agents)))
    while len(ended) > _REMEMBERED:
        del ended[next(iter(ended))]
    return draft.finish(ended=MappingProxyType(ended))


def _views(
    draft: _Draft, engine: Engine, services: ServiceIndex, mission: Mission, agents: Mapping[str, Agent]
) -> Iterable[SessionView]:
    """A mission's sessions; none for a delegated one whose parent isn't known: nobody could say what it may do."""
    delegator = draft.delegator(mission)
    if mission.parent and delegator is None:
        return
    known = (agents.get(f"{mission.environment}/{name}") for name in dict.fromkeys(mission.agents))
    for agent in known:
        if agent is not None:
            yield open_session(engine, services, mission, agent, delegator)


def with_ceilings(snapshot: Snapshot, ceilings: Ceilings) -> Snapshot:
    """Return a snapshot under other ceilings; sessions stay, since destinations are judged at each request."""
    return replace(snapshot, ceilings=ceilings)


def with_fingerprints(snapshot: Snapshot, fingerprints: FingerprintTable) -> Snapshot:
    """Return a snapshot that knows other managed credentials; they are looked up at each request."""
    return replace(snapshot, fingerprints=fingerprints)


def with_engine(snapshot: Snapshot, engine: Engine, services: ServiceIndex, version: str) -> Snapshot:
    """Return a snapshot for another bundle, every session opened anew.

    Raise PolicyError when one session doesn't fit it: the old snapshot then stays in use, whole.
    """
    draft = _Draft(snapshot)
    for mission, views in snapshot.by_mission.items():
        delegator = draft.delegator(views[0].mission)
        opened = (open_session(engine, services, each.mission, each.session.agent, delegator) for each in views)
        draft.put(mission, tuple(opened))
    return draft.finish(version=version, engine=engine, services=services)


def with_agents(
    snapshot: Snapshot, agents: Mapping[str, Agent], engine: Engine, fingerprints: FingerprintTable, version: str
) -> Snapshot:
    """Return a snapshot for other agents, every session opened anew for those that are known.

    Raise PolicyError when one session doesn't fit the engine: the old snapshot then stays in use, whole.
    """
    draft = _Draft(snapshot)
    for mission, views in snapshot.by_mission.items():
        keys = [view.session.agent.key for view in views]  # who had lost its session doesn't get it back
        known = {key: agents[key] for key in keys if key in agents}
        draft.put(mission, tuple(_views(draft, engine, snapshot.services, views[0].mission, known)))
    return draft.finish(version=version, engine=engine, fingerprints=fingerprints)


class _Draft:
    """The sessions of the next snapshot while they are put together; of an agent, only what changes is taken apart."""

    def __init__(self, snapshot: Snapshot) -> None:
        self._from = snapshot
        self._sessions = _copied(snapshot.sessions)
        self._by_mission = _copied(snapshot.by_mission)
        self._touched: dict[str, dict[str, SessionView]] = {}

    def put(self, mission: str, views: tuple[SessionView, ...]) -> None:
        """Let a mission have these sessions and no others."""
        for view in self._by_mission.pop(mission, ()):
            self._sessions.pop(view.session.key, None)
            self._of(view).pop(view.session.key, None)
        if views:
            self._by_mission[mission] = views
        for view in views:
            self._sessions[view.session.key] = self._of(view)[view.session.key] = view

    def delegator(self, mission: Mission) -> SessionView | None:
        """The session that delegated a mission: the only one of its parent."""
        return next(iter(self._by_mission.get(mission.parent, ())), None) if mission.parent else None

    def _of(self, view: SessionView) -> dict[str, SessionView]:
        """The sessions of a view's agent, to be changed."""
        agent = view.session.agent.spiffe_id
        found = self._touched.get(agent)
        if found is None:
            before = self._from.by_agent.get(agent, ())
            found = self._touched[agent] = {each.session.key: each for each in before}
        return found

    def finish(self, **changes: Any) -> Snapshot:
        """The next snapshot; this draft is not to be used again."""
        by_agent = _copied(self._from.by_agent)
        for agent, views in self._touched.items():
            if views:
                by_agent[agent] = tuple(views.values())
            else:
                by_agent.pop(agent, None)
        return replace(
            self._from,
            sessions=MappingProxyType(self._sessions),
            by_agent=MappingProxyType(by_agent),
            by_mission=MappingProxyType(self._by_mission),
            **changes,
        )


def _copied[Value](mapping: Mapping[str, Value]) -> dict[str, Value]:
    """A dict of one's own; a proxy's own copy is ten times as fast as going through it."""
    return mapping.copy() if isinstance(mapping, MappingProxyType) else dict(mapping)
