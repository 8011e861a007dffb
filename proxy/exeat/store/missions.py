"""Missions as work functions: written, changed, read.

Every write counts the feed up first, so writers take turns from there on and a mission carries the number of its last
write. Must not know: why a mission changes, which database it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sqlalchemy import Connection, Select, insert, select, update
from sqlalchemy.exc import IntegrityError

from exeat.errors import ConflictError
from exeat.model.mission import Mission, MissionState
from exeat.store import feed
from exeat.store.rows import from_row, to_row
from exeat.store.tables import missions

LIVE = tuple(state.value for state in MissionState if not state.final)


def add(connection: Connection, mission: Mission) -> None:
    """Store a new mission; raise ConflictError when its id is taken, or the one that delegates to it isn't open any more."""
    version = feed.count_up(connection)
    if mission.parent:  # nobody can end it meanwhile: writers take turns
        state = connection.execute(select(missions.c.state).where(missions.c.id == mission.parent)).scalar()
        if state != MissionState.OPEN.value:
            raise ConflictError(f"mission {mission.parent} isn't open, and only an open one delegates")
    try:
        connection.execute(insert(missions).values(**to_row(mission), changed=version))
    except IntegrityError as error:
        raise ConflictError(f"mission {mission.id} exists already") from error


def add_alone(connection: Connection, mission: Mission) -> None:
    """The same; raise ConflictError too when another one of its template is live for one of its agents."""
    add(connection, mission)  # from here on nobody else adds one: writers take turns
    live = unfinished(connection, mission.template, mission.environment, mission.opened_at)
    others = [each for each in live if each.id != mission.id and not each.state.final]
    if any(set(each.agents) & set(mission.agents) for each in others):
        raise ConflictError(f"a mission of {mission.template!r} is open already")


def change(connection: Connection, mission: Mission, expected_revision: int) -> Mission:
    """Store a changed mission with its revision raised, and return it so.

    Raise ConflictError when the stored revision is another, or the stored state is final: what has ended stays ended,
    whoever asks.
    """
    changed = replace(mission, revision=expected_revision + 1)
    version = feed.count_up(connection)
    statement = (
        update(missions)
        .where(missions.c.id == mission.id)
        .where(missions.c.revision == expected_revision)
        .where(missions.c.state.in_(LIVE))
        .values(**to_row(changed), changed=version)
    )
    if connection.execute(statement).rowcount != 1:
        raise ConflictError(f"mission {mission.id} was changed meanwhile", "look at it again, then repeat")
    return changed


def get(connection: Connection, mission_id: str) -> Mission | None:
    """One mission, or None."""
    return next(iter(read(connection, select(missions).where(missions.c.id == mission_id))), None)


def live(connection: Connection) -> list[Mission]:
    """Every mission that is not in a final state, oldest first."""
    return read(connection, select(missions).where(missions.c.state.in_(LIVE)).order_by(missions.c.id))


def children(connection: Connection, mission_id: str) -> list[Mission]:
    """The live missions that one mission has delegated to, oldest first."""
    below = select(missions).where(missions.c.parent == mission_id).where(missions.c.state.in_(LIVE))
    return read(connection, below.order_by(missions.c.id))


def unfinished(connection: Connection, template: str, environment: str, now: float) -> list[Mission]:
    """The missions of a template whose time isn't up at ``now``, live or ended early, newest first."""
    of_it = (missions.c.template == template, missions.c.environment == environment, missions.c.expires_at > now)
    return read(connection, select(missions).where(*of_it).order_by(missions.c.id.desc()))


def page(connection: Connection, limit: int, before: str | None, states: Sequence[str] = ()) -> list[Mission]:
    """Newest first, of these states, or any; ``before`` is the id of the last one already seen."""
    statement = select(missions).order_by(missions.c.id.desc()).limit(max(0, limit))
    if states:
        statement = statement.where(missions.c.state.in_(states))
    return read(connection, statement if before is None else statement.where(missions.c.id < before))


def read(connection: Connection, statement: Select[*tuple[object, ...]]) -> list[Mission]:
    """The missions that a SELECT of whole rows finds."""
    return [from_row(dict(row)) for row in connection.execute(statement).mappings()]


def changed_since(connection: Connection, version: int, limit: int) -> tuple[Sequence[Mission], int, bool]:
    """Missions written after a version, in that order; the version reached; whether there are more.

    The version is read first: what a later statement sees on top of it is simply told once more.
    """
    newest = feed.version(connection)
    statement = select(missions).where(missions.c.changed > version).order_by(missions.c.changed).limit(limit + 1)
    rows = [dict(row) for row in connection.execute(statement).mappings()]
    found = [from_row(row) for row in rows[:limit]]
    if len(rows) > limit:
        return found, int(rows[limit - 1]["changed"]), True
    return found, newest, False
