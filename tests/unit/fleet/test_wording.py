"""What is said between processes comes back exactly."""

from __future__ import annotations

from dataclasses import fields

import orjson

from exeat.fleet.wording import ceilings_from, ceilings_to, traffic_from, traffic_to
from exeat.model.credential_use import CredentialUse, Sight
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination, Budget, Ceilings
from exeat.model.traffic import Traffic, Use

ENTRY = AllowedDestination(
    DestinationPattern("*.example.test", 8443), "net", "why", 1.5, "NET-1", "dst_1", "ana", 0.25
)  # fmt: skip
CEILINGS = Ceilings((ENTRY,), ("example:read",), 60.0, Budget(requests=5, cost=1))
TRAFFIC = Traffic(
    "w1", 1.5, 2, {"m_1": 3}, {"m_2": 1}, {"policy_denied": 1}, (Use("a.test", 443, 1.25, "agent", "m_1"),), {"tokens": 1},
    (CredentialUse(Sight(20_800, "fp_1", "example", "shared", "C", "agent", "m_1", "header", "a.test"), 2, 1.25, 1.5),),
)  # fmt: skip


def test_ceilings_and_traffic() -> None:
    assert ceilings_from(orjson.loads(orjson.dumps(ceilings_to(CEILINGS)))) == CEILINGS
    assert traffic_from(orjson.loads(orjson.dumps(traffic_to(TRAFFIC)))) == TRAFFIC


def test_no_field_is_left_at_its_default_above() -> None:
    for value in (ENTRY, CEILINGS, TRAFFIC):
        for field in fields(value):
            assert getattr(value, field.name) != field.default, f"{field.name} isn't shown to come back"
