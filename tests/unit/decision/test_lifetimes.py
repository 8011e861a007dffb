"""Lifetimes: the clock by which less time is left counts, and a wall clock set back never gives time."""

from __future__ import annotations

from dataclasses import replace

import pytest
from decision_world import MISSION, NOW
from hypothesis import given
from hypothesis import strategies as st

from exeat.decision.lifetimes import Lifetimes
from exeat.model.mission import MissionState

LIFE = MISSION.expires_at - NOW


def test_a_mission_is_over_by_the_monotonic_clock_whatever_the_wall_says() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(MISSION, NOW, 100.0)
    assert not lifetimes.over(MISSION.id, 100.0 + LIFE - 0.001)
    assert lifetimes.over(MISSION.id, 100.0 + LIFE)
    assert lifetimes.due([MISSION], NOW - 9999, 100.0 + LIFE) == [MISSION]
    assert lifetimes.due([MISSION], MISSION.expires_at, 100.0) == [MISSION]
    assert lifetimes.due([MISSION], MISSION.expires_at - 0.001, 100.0) == []


def test_telling_it_again_with_the_clock_set_back_gives_no_time() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(MISSION, NOW, 100.0)
    lifetimes.note(replace(MISSION, state=MissionState.SUSPENDED), NOW - 3600, 150.0)
    lifetimes.note(MISSION, NOW - 3600, 160.0)
    assert lifetimes.over(MISSION.id, 100.0 + LIFE)


def test_an_extension_gives_as_much_as_it_says() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(MISSION, NOW, 100.0)
    lifetimes.note(replace(MISSION, expires_at=MISSION.expires_at + 60), NOW - 3600, 150.0)
    assert not lifetimes.over(MISSION.id, 100.0 + LIFE + 59.9)
    assert lifetimes.over(MISSION.id, 100.0 + LIFE + 60)


def test_what_ended_is_forgotten() -> None:
    lifetimes = Lifetimes()
    lifetimes.note(MISSION, NOW, 100.0)
    lifetimes.note(replace(MISSION, state=MissionState.CLOSED), NOW, 100.0)
    assert not lifetimes.over(MISSION.id, 1e9)


@given(st.lists(st.tuples(st.floats(0, 300), st.floats(-5000, 300)), max_size=12))
@pytest.mark.guard("clock-set-back")
def test_no_step_back_gives_time(steps: list[tuple[float, float]]) -> None:
    """However often the wall clock is set, and the mission told again: it ends no later than it would have."""
    lifetimes, moment = Lifetimes(), 0.0
    lifetimes.note(MISSION, NOW, moment)
    for passed, step in steps:
        moment += passed
        lifetimes.note(MISSION, NOW + moment + step, moment)
    assert lifetimes.over(MISSION.id, LIFE)
