"""What is counted of requests' credentials: all of it, once, in bounded space."""

from __future__ import annotations

from typing import Any

import pytest

from exeat.enforcement.sightings import Sightings
from exeat.model.credential_use import DAY, CredentialUse, Sight

NOW = 20_800 * DAY


def record(state: str, fingerprint: str = "", mission: str = "m_1", service: str = "example") -> dict[str, Any]:
    credential = {"state": state, "grade": "C"} | ({"fingerprint": fingerprint, "in": "header"} if fingerprint else {})
    return {"credential": credential, "service": service, "agent": "spiffe://a", "mission": mission, "host": "h"}


def test_a_placeholder_is_counted_by_agent_and_a_real_one_by_session_and_host() -> None:
    count = Sightings({"example"})
    for mission in ("m_1", "m_2"):
        for state, name in (("placeholder", ""), ("shared", "fp_1")):
            count.see(record(state, name, mission), NOW)
    count.see(record("shared", "fp_1"), NOW + DAY)
    assert set(count.take()) == {
        CredentialUse(Sight(20_800, "", "example", "placeholder", "C", "spiffe://a"), 2, NOW, NOW),
        CredentialUse(Sight(20_800, "fp_1", "example", "shared", "C", "spiffe://a", "m_1", "header", "h"), 1, NOW, NOW),
        CredentialUse(Sight(20_800, "fp_1", "example", "shared", "C", "spiffe://a", "m_2", "header", "h"), 1, NOW, NOW),
        CredentialUse(
            Sight(20_801, "fp_1", "example", "shared", "C", "spiffe://a", "m_1", "header", "h"), 1, NOW + DAY, NOW + DAY
        ),
    }
    assert count.take() == ()
    assert count.read() == {"exeat_credentials_seen_total": {("placeholder", "example"): 2, ("shared", "example"): 3}}


def test_nothing_is_counted_where_there_is_nothing_to_migrate() -> None:
    count = Sightings({"example"})
    count.see(record("none", service="plain"), NOW)
    count.see(record("none", service=""), NOW)
    assert count.take() == ()


@pytest.mark.guard("migration-strangers-bounded")
def test_an_agent_that_invents_credentials_is_told_apart_for_a_few() -> None:
    count = Sightings(())
    for number in range(1000):
        count.see(record("foreign", f"fp_{number}"), NOW)
    taken = count.take()
    assert sum(each.count for each in taken) == 1000
    assert len(taken) == 17


def test_the_sum_is_true_when_there_is_no_room_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exeat.enforcement.sightings._MOST", 5)
    count = Sightings({"example"})
    for number in range(50):
        count.see(record("shared", "fp_1", f"m_{number}"), NOW)
    taken = count.take()
    assert sum(each.count for each in taken) == 50
    assert len(taken) == 6
