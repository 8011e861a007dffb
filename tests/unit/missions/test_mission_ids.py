"""Mission ids and times."""

from __future__ import annotations

from exeat.missions.ids import MISSION_ID, MissionIds
from exeat.missions.times import rfc3339


def test_ids_grow_within_a_millisecond_and_when_the_clock_steps_back() -> None:
    make = MissionIds()
    ids = [make(now) for now in [1000.0] * 500 + [999.0] * 500 + [1001.0]]
    assert ids == sorted(ids)
    assert len(set(ids)) == len(ids)


def test_ids_are_exactly_what_the_pattern_accepts() -> None:
    make = MissionIds()
    assert all(MISSION_ID.fullmatch(make(now)) for now in (0.0, 1_800_000_000.5, 9e9))
    for bad in ("", "m_", "m_" + "0" * 25, "m_" + "0" * 27, "m_8" + "0" * 25, "m_" + "I" * 26, "M_" + "0" * 26, "x"):
        assert not MISSION_ID.fullmatch(bad)
    assert not MISSION_ID.fullmatch("m_" + "0" * 26 + "\n")


def test_times_are_rfc_3339_in_utc() -> None:
    assert rfc3339(1_800_000_000.25) == "2027-01-15T08:00:00.250Z"
