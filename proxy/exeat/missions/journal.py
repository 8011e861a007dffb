"""Mission records: what was changed, by whom, from what to what.

Never a pass: a mission's record could be read by anybody who may read the audit. Must not know: the chain, the store.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import final

from exeat.errors import ExeatError, RefusalError, UnavailableError
from exeat.missions.times import rfc3339
from exeat.model.deviation import Firing
from exeat.model.identity import Agent
from exeat.model.mission import Mission, MissionState
from exeat.model.record import Record, RecordKind
from exeat.ports import Applied, AuditSink


@final
class Journal:
    """Writes mission records; every method raises UnavailableError when the audit log can't be written."""

    def __init__(self, audit: AuditSink, agents: Mapping[str, Agent]) -> None:
        self._audit = audit
        self._agents = agents

    @contextlib.contextmanager
    def change(
        self,
        event: str,
        mission: Mission,
        by: str,
        reason: str,
        before: MissionState | None,
        evidence: Sequence[str] = (),
    ) -> Iterator[None]:
        """Record a change before it is made inside the ``with`` block, and that it failed when the block raises.

        ``mission`` is as it will be; ``evidence`` is what proved who asked, where an agent's request set it off.
        """
        record = self._record(event, mission, by, reason)
        record["before"] = before.value if before else ""
        record["after"] = mission.state.value
        if evidence:
            record["evidence"] = list(evidence)
        if event in ("open", "extend"):
            record |= _terms(mission)
        self._append(record)
        try:
            yield
        except Exception as error:
            failed = self._record(f"{event}_failed", mission, by, "") | {"code": _code(error)}
            with contextlib.suppress(UnavailableError):  # the caller hears of the failure anyway
                self._append(failed)
            raise

    def applied(self, event: str, mission: Mission, by: str, applied: Applied) -> None:
        """Record what a change that has been made did to traffic under way."""
        try:
            self._append(self._record(f"{event}_applied", mission, by, "") | dict(applied.as_dict()))
        except UnavailableError as error:
            raise UnavailableError(
                f"the mission is {mission.state} and its traffic is cut, but the figures couldn't be recorded"
            ) from error

    def deviation(self, firing: Firing) -> None:
        """Record that a rule has fired, with what it rests on."""
        self._append(
            {
                "kind": RecordKind.MISSION.value,
                "event": "deviation",
                "mission": firing.mission,
                "agent": firing.agent,
                "environment": firing.environment,
                "by": "exeat",
                "rule": firing.rule,
                "when": str(firing.when),
                "then": str(firing.then),
                "count": firing.count,
                "decision_id": firing.decision_id,
                "evidence": dict(firing.evidence),
            }
        )

    def _record(self, event: str, mission: Mission, by: str, reason: str) -> Record:
        names = [self._name(mission, name) for name in mission.agents]
        return {
            "kind": RecordKind.MISSION.value,
            "event": event,
            "mission": mission.id,
            "agent": names[0] if names else "",
            "agents": names,
            "environment": mission.environment,
            "by": by,
            "reason": reason,
            **({"cause": mission.cause} if mission.cause else {}),
            **({"parent": mission.parent} if mission.parent else {}),
        }

    def _name(self, mission: Mission, name: str) -> str:
        key = f"{mission.environment}/{name}"
        return self._agents[key].spiffe_id if key in self._agents else key

    def _append(self, record: Record) -> None:
        try:
            self._audit.append(record)
        except RefusalError as error:
            raise UnavailableError("the audit log can't be written") from error


def _terms(mission: Mission) -> Record:
    return {
        "expires_at": rfc3339(mission.expires_at),
        "destinations": [str(pattern) for pattern in mission.destinations],
        "operations": list(mission.operations),
        "template": mission.template,
        "purpose": mission.purpose,
        "owner": mission.owner,
        "ticket": mission.ticket,
        "read_only": mission.read_only,
        "models": list(mission.models),
        "idle": mission.idle,
        "budget": dict(mission.budget.bounds()),
    }


def _code(error: Exception) -> str:
    return error.code if isinstance(error, ExeatError) else "internal_error"
