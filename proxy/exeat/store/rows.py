"""Missions to rows and back.

A row that can't be read back exactly is an error, never a guess: a mission whose limits are unclear has none.
Must not know: SQL, files.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from exeat.errors import UnavailableError
from exeat.model.destination import DestinationPattern
from exeat.model.mission import Budget, Mission, MissionState


def to_row(mission: Mission) -> dict[str, Any]:
    """Return the columns of a mission."""
    return {
        "id": mission.id,
        "environment": mission.environment,
        "agents": _dump(mission.agents),
        "destinations": _dump([str(pattern) for pattern in mission.destinations]),
        "operations": _dump(mission.operations),
        "opened_at": mission.opened_at,
        "expires_at": mission.expires_at,
        "state": mission.state.value,
        "template": mission.template,
        "purpose": mission.purpose,
        "owner": mission.owner,
        "ticket": mission.ticket,
        "read_only": mission.read_only,
        "labels": _dump(dict(mission.labels)),
        "ended_at": mission.ended_at,
        "revision": mission.revision,
        "models": _dump(mission.models),
        "idle": mission.idle,
        "budget": _dump(dict(mission.budget.bounds())),
        "parent": mission.parent,
        "cause": mission.cause,
        "opened_by": mission.opened_by,
    }


def from_row(row: Mapping[str, Any]) -> Mission:
    """Return the mission in a row; raise UnavailableError naming it when any column doesn't read back."""
    try:
        labels = orjson.loads(row["labels"])
        if not isinstance(labels, dict) or not all(isinstance(value, str) for value in labels.values()):
            raise TypeError("labels")
        return Mission(
            id=row["id"],
            environment=row["environment"],
            agents=_texts(row["agents"]),
            destinations=tuple(map(DestinationPattern.parse, _texts(row["destinations"]))),
            operations=_texts(row["operations"]),
            opened_at=float(row["opened_at"]),
            expires_at=float(row["expires_at"]),
            state=MissionState(row["state"]),
            template=row["template"],
            purpose=row["purpose"],
            owner=row["owner"],
            ticket=row["ticket"],
            read_only=bool(row["read_only"]),
            labels=labels,
            ended_at=None if row["ended_at"] is None else float(row["ended_at"]),
            revision=int(row["revision"]),
            models=_texts(row["models"]),
            idle=None if row["idle"] is None else float(row["idle"]),
            budget=_budget(row["budget"]),
            parent=row["parent"],
            cause=row["cause"],
            opened_by=row["opened_by"],
        )
    except (ValueError, TypeError, KeyError) as error:
        raise UnavailableError(f"the store holds a damaged mission {row['id']!r}; restore the store") from error


def _dump(value: Any) -> str:
    return orjson.dumps(value).decode()


def _texts(text: str) -> tuple[str, ...]:
    value = orjson.loads(text)
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TypeError("a list of texts was expected")
    return tuple(value)


def _budget(text: str) -> Budget:
    value = orjson.loads(text)
    if not isinstance(value, dict) or not all(type(bound) is int for bound in value.values()):
        raise TypeError("a budget was expected")
    return Budget(**value)
