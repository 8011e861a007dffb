"""Everything a judgement may know, immutable: a change of missions or policies makes a new snapshot.

Copies are shallow, so that opening or ending one mission costs one copy of a dict. Must not know: where any of it is stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from exeat.decision.recognise import FingerprintTable
from exeat.model.identity import Agent, Session
from exeat.model.mission import Ceilings, Mission, MissionState
from exeat.services.index import ServiceIndex

if TYPE_CHECKING:
    from exeat.decision.engine import Engine, Principal

_REMEMBERED = 10_000
"""Ended missions kept, so that an agent is told ``mission_ended``: a day's worth in a large fleet, about 2 MB."""


@dataclass(frozen=True, slots=True)
class SessionView:
    """One session and all that is judged about it. ``operations`` are action ids, groups and wildcards expanded."""

    session: Session
    mission: Mission
    operations: frozenset[str]
    principal: Principal


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``version`` is that of the policy bundle; ``sessions`` by Session.key; ``ended`` by mission id.

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
    by_agent: Mapping[str, tuple[SessionView, ...]] = field(init=False, repr=False)
    """The sessions of each agent by its SPIFFE ID: what somebody may act in who shows who it is, but not for what."""

    def __post_init__(self) -> None:
        found: dict[str, list[SessionView]] = {}
        for view in self.sessions.values():
            found.setdefault(view.session.agent.spiffe_id, []).append(view)
        known = {spiffe_id: tuple(views) for spiffe_id, views in found.items()}
        object.__setattr__(self, "by_agent", MappingProxyType(known))


def open_session(engine: Engine, services: ServiceIndex, mission: Mission, agent: Agent) -> SessionView:
    """Make one agent's view of a mission; raise PolicyError when it doesn't fit the policy schema.

    Operations nobody knows any more are left out: a mission only ever loses by a change of services.
    """
    session = Session(mission.id, agent)
    operations = frozenset[str]().union(*(services.expand(pattern) or () for pattern in mission.operations))
    return SessionView(session, mission, operations, engine.open(session, mission, operations))


def with_mission(snapshot: Snapshot, mission: Mission, agents: Mapping[str, Agent]) -> Snapshot:
    """Return a snapshot in which ``mission`` is as given: added, replaced, or gone when its state is final.

    ``agents`` are all known ones by Agent.key; one that isn't known gets no session. Raise PolicyError as
    :func:`open_session` does; ending a mission raises nothing.
    """
    sessions = {key: view for key, view in snapshot.sessions.items() if view.mission.id != mission.id}
    ended = dict(snapshot.ended)
    ended.pop(mission.id, None)
    if mission.state.final:
        ended[mission.id] = mission.state
        while len(ended) > _REMEMBERED:
            del ended[next(iter(ended))]
    else:
        for name in mission.agents:
            agent = agents.get(f"{mission.environment}/{name}")
            if agent is not None:
                view = open_session(snapshot.engine, snapshot.services, mission, agent)
                sessions[view.session.key] = view
    return replace(snapshot, sessions=MappingProxyType(sessions), ended=MappingProxyType(ended))


def with_engine(snapshot: Snapshot, engine: Engine, services: ServiceIndex, version: str) -> Snapshot:
    """Return a snapshot for another bundle, every session opened anew.

    Raise PolicyError when one session doesn't fit it: the old snapshot then stays in use, whole.
    """
    sessions = {
        key: open_session(engine, services, view.mission, view.session.agent) for key, view in snapshot.sessions.items()
    }
    return replace(snapshot, version=version, engine=engine, services=services, sessions=MappingProxyType(sessions))
