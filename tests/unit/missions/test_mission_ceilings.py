"""Ceilings: no mission exceeds what admins allow."""

from __future__ import annotations

import pytest
from mission_world import ACTIONS, CEILINGS, DAY, NOW, a_mission, ceiling, pattern

from exeat.missions.ceilings import check, outside
from exeat.model.mission import Ceilings


def findings(**changes: object) -> list[str]:
    return [str(found) for found in check(a_mission(**changes), CEILINGS, NOW, ACTIONS.get)]


def test_a_mission_below_every_ceiling_has_no_finding() -> None:
    assert findings() == []


@pytest.mark.parametrize(
    ("destination", "expected"),
    [
        ("api.example.test:443", ""),
        ("a.files.example.test:443", ""),
        ("*.files.example.test:443", ""),
        ("*.deep.files.example.test:443", ""),
        ("files.example.test:443", "no [[destination]] allows"),
        ("api.example.test:8443", "no [[destination]] allows"),
        ("evil.test:443", "no [[destination]] allows"),
        ("*.example.test:443", "no [[destination]] allows"),
        ("*:443", "no [[destination]] allows"),
        ("old.example.test:443", "expired at 2027-01-15T07:59:59.000Z"),
        ("short.example.test:443", "ends at 2027-01-15T08:10:00.000Z, before the mission"),
    ],
)
def test_each_destination_lies_within_an_unexpired_ceiling(destination: str, expected: str) -> None:
    found = findings(destinations=(pattern("api.example.test:443"), pattern(destination)))
    if expected:
        assert len(found) == 1
        assert found[0].startswith("destinations[1]: ")
        assert expected in found[0]
    else:
        assert found == []


def test_of_several_ceilings_over_a_destination_the_longest_counts() -> None:
    ceilings = Ceilings((ceiling("api.example.test:443", NOW + 60), ceiling("*.example.test:443", NOW + DAY)), (), DAY)
    assert check(a_mission(), ceilings, NOW, ACTIONS.get) == []


def test_a_mission_may_end_exactly_when_its_destination_does() -> None:
    assert findings(destinations=(pattern("short.example.test:443"),), expires_at=NOW + 600) == []


@pytest.mark.parametrize(
    ("allowed", "operation", "ok"),
    [
        ((), "example:read", True),
        ((), "example:*", True),
        ((), "example:nonsense", False),
        ((), "", False),
        (("example:read",), "example:read", True),
        (("example:read",), "example:refunds/get", True),
        (("example:*",), "example:refunds/create", True),
        (("example:*",), "example:write", True),
        (("example:read", "example:write"), "example:*", True),
        (("example:read",), "example:*", False),
        (("example:read",), "example:refunds/create", False),
        (("example:refunds/get",), "example:read", False),
        (("example:*",), "read", False),
        (("gone:*",), "example:read", False),
        (("gone:*",), "gone:*", False),
    ],
)
def test_each_operation_is_known_and_covered(allowed: tuple[str, ...], operation: str, ok: bool) -> None:
    ceilings = Ceilings(CEILINGS.destinations, allowed, DAY)
    found = check(a_mission(operations=(operation,)), ceilings, NOW, ACTIONS.get)
    assert (found == []) is ok
    assert all(one.field == "operations[0]" for one in found)


@pytest.mark.parametrize("life", [DAY + 1, float("inf"), 0.0, -5.0, float("nan")])
def test_a_life_that_is_too_long_or_none_at_all_is_found(life: float) -> None:
    assert any(found.startswith("ttl: ") for found in findings(expires_at=NOW + life))


def test_a_mission_may_live_exactly_as_long_as_the_ceiling() -> None:
    assert findings(expires_at=NOW + DAY) == []


def test_everything_wrong_is_found_at_once() -> None:
    found = findings(
        destinations=(pattern("evil.test:443"), pattern("old.example.test:443")),
        operations=("nope", "example:read"),
        expires_at=NOW + 2 * DAY,
    )
    assert [line.split(":")[0] for line in found] == ["ttl", "destinations[0]", "destinations[1]", "operations[0]"]


def test_unknown_operations_are_always_outside() -> None:
    assert outside(("nope", "example:read"), ("example:*", "nope"), ACTIONS.get) == ("nope",)
