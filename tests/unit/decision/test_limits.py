"""A mission acts only while it is open, in time, and where both it and a living ceiling say."""

from __future__ import annotations

import pytest
from decision_world import NOW, ceilings, request, world

from exeat.decision.limits import check, is_fresh
from exeat.model.destination import DestinationPattern
from exeat.model.mission import MissionState
from exeat.model.reason import Reason

OPEN = ceilings("*:443")


def reason(mission=None, limits=OPEN, now=NOW):
    _, view = world(mission=mission)
    verdict = check(view, limits, request(), now)
    return verdict and verdict.reason


def test_an_open_mission_may_act_within_its_limits():
    assert reason() is None


def test_a_suspended_mission_waits():
    assert reason({"state": MissionState.SUSPENDED}) is Reason.MISSION_SUSPENDED


@pytest.mark.parametrize("state", [state for state in MissionState if state.final])
def test_a_final_mission_has_ended(state):
    _, view = world()
    object.__setattr__(view.mission, "state", state)
    verdict = check(view, OPEN, request(), NOW)
    assert verdict is not None
    assert verdict.reason is Reason.MISSION_ENDED


@pytest.mark.parametrize(
    ("now", "expected"), [(NOW + 9.9, None), (NOW + 10, Reason.MISSION_ENDED), (float("nan"), Reason.MISSION_ENDED)]
)
def test_a_mission_ends_at_its_first_expired_second(now, expected):
    assert reason(now=now) is expected


def test_a_destination_must_be_the_missions_own():
    destinations = (DestinationPattern.parse("other.test:443"),)
    assert reason({"destinations": destinations}) is Reason.DESTINATION_NOT_ALLOWED
    assert reason({"destinations": ()}) is Reason.DESTINATION_NOT_ALLOWED


def test_a_destination_must_still_be_under_a_living_ceiling():
    assert reason(limits=ceilings("other.test:443")) is Reason.DESTINATION_NOT_ALLOWED
    assert reason(limits=ceilings("*:443", expires=NOW)) is Reason.DESTINATION_NOT_ALLOWED
    assert reason(limits=ceilings()) is Reason.DESTINATION_NOT_ALLOWED


@pytest.mark.parametrize(("opened", "fresh"), [(NOW, True), (NOW - 59.9, True), (NOW - 60, False), (NOW + 0.1, False)])
def test_a_mission_is_fresh_for_a_while(opened, fresh):
    _, view = world(mission={"opened_at": opened})
    assert is_fresh(view.mission, 60.0, NOW) is fresh
