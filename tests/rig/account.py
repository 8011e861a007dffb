"""What is left of an attempt: the one record it is owed, and what the origins saw of it."""

from __future__ import annotations

import time
from typing import Any

from rig.matrix import seen
from rig.origin import Origin
from rig.proxy import Exeat

Record = dict[str, Any]


def decisions(exeat: Exeat, mission: dict[str, Any], count: int = 1, limit: float = 3.0) -> list[Record]:
    """The decisions of a mission, once there are ``count``; one more is a failure."""
    deadline = time.monotonic() + limit
    while len(found := exeat.audit_records("decision", mission=mission["mission"])) < count:
        assert time.monotonic() < deadline, f"{count} decisions expected, {len(found)} recorded"
        time.sleep(0.02)
    assert len(found) == count, [(record["code"], record["path"]) for record in found]
    return found


def outcome_of(exeat: Exeat, decision: Record, limit: float = 3.0) -> Record:
    """The one outcome of a decision, once it is written."""
    deadline = time.monotonic() + limit
    while not (found := exeat.audit_records("outcome", decision_id=decision["decision_id"])):
        assert time.monotonic() < deadline, "no outcome was written"
        time.sleep(0.02)
    assert len(found) == 1
    return found[0]


def only_refused(exeat: Exeat, mission: dict[str, Any], *codes: str, count: int = 1) -> Record:
    """Assert that all a mission left are refusals with one of these codes, and that nothing was sent; return the last."""
    found = decisions(exeat, mission, count)
    for record in found:
        assert (record["decision"], record["code"] in codes) == ("deny", True), (record["code"], record.get("detail"))
        assert outcome_of(exeat, record)["outcome"] == "not_sent"
        seen(record["code"])
    return found[-1]


def untouched(*origins: Origin) -> None:
    """Assert that nobody so much as connected."""
    for each in origins:
        each.wait_quiet(0.05)
        assert each.connections == []
        assert each.requests == []


def completed(origin: Origin, *paths: str, begun: tuple[str, ...] = ()) -> None:
    """Assert that these requests arrived whole, in this order, and of ``begun`` at most a part; nothing else."""
    origin.wait_quiet(0.05)
    assert [each.path for each in origin.requests if each.complete] == list(paths)
    assert {each.path for each in origin.requests if not each.complete} <= set(begun)
