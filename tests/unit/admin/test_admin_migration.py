"""``GET /v1/migration``: a viewer reads it, and it says what was counted."""

from __future__ import annotations

from typing import Any

from exeat.model.credential_use import DAY, CredentialUse, Sight


async def test_it_says_who_sends_what(api: Any) -> None:
    now = api.clock.time()
    sight = Sight(
        int(now // DAY), "fp_00", "example", "shared", "A", "spiffe://x/env/prod/agent/bot", "m_1", "header", "h"
    )
    stranger = Sight(
        int(now // DAY), "fp_ff", "", "foreign", "none", "spiffe://x/env/prod/agent/bot", "m_1", "query", "h"
    )
    api.server._context.inventory.note([CredentialUse(sight, 3, now, now), CredentialUse(stranger, 1, now, now)])
    answer = await api.call("GET", "/v1/migration?days=7")
    assert answer.status == 200
    known, unknown = answer.body["credentials"]
    assert (known["fingerprint"], known["state"], known["real"], known["share"]) == ("fp_00", "in_use", 3, 1.0)
    assert known["agents"][0]["sends"] == "real"
    assert (unknown["state"], unknown["services"], unknown["alerts"]) == ("unregistered", [], 1)
    assert answer.body["findings"] == 1
    assert [each["kind"] for each in api.world.records] == ["alert"]


async def test_days_are_a_number(api: Any) -> None:
    for days in ("0", "401", "x"):
        assert (await api.call("GET", f"/v1/migration?days={days}")).status == 422
