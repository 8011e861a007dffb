"""Counts of credentials, on both databases: added up for all who write, each batch once."""

from __future__ import annotations

import asyncio
from dataclasses import replace

from exeat.model.credential_use import DAY, CredentialAlert, CredentialTotal, CredentialUse, Sight
from exeat.store.credential_uses import StoredCredentialUses
from exeat.store.store import Store
from unit.migration.uses import KEY, NOW, STRANGER, TODAY, agent, use


def alert(count: int = 1, at: float = NOW, **changes: str) -> CredentialAlert:
    fields = {"fingerprint": STRANGER, "service": "example", "agent": agent("bot"), "mission": "m_1"} | changes
    return CredentialAlert(**fields, state="foreign", place="header", host="h", count=count, first_at=at, last_at=at)


async def test_two_writers_add_up_and_a_batch_told_twice_counts_once(store: Store) -> None:
    kept = StoredCredentialUses(store.runner)
    uses = [use("shared", f"bot-{number}", count=number + 1) for number in range(20)]

    async def write(writer: str, order: list[CredentialUse]) -> None:
        for number in range(1, 6):
            await kept.add(writer, number, order, (), NOW)
            await kept.add(writer, number, order, (), NOW)

    await asyncio.gather(write("one", uses), write("two", uses[::-1]))
    assert sum(each.count for each in await kept.uses(TODAY)) == 2 * 5 * 210
    assert await kept.totals() == [CredentialTotal(KEY, "example", "shared", 2100, NOW, NOW)]


async def test_first_and_last_use_stay_the_first_and_the_last(store: Store) -> None:
    kept = StoredCredentialUses(store.runner)
    for number, (first, last) in enumerate(((5.5, 6.5), (1.25, 2.0), (9.0, 9.75)), 1):
        await kept.add("w", number, [use("shared", first=NOW + first, last=NOW + last)], (), NOW)
    (found,) = await kept.uses(TODAY)
    assert (found.count, found.first_at, found.last_at) == (3, NOW + 1.25, NOW + 9.75)
    assert await kept.uses(TODAY + 1) == []


async def test_an_alert_is_owed_by_its_writer_until_it_is_recorded_or_the_writer_is_gone(store: Store) -> None:
    kept = StoredCredentialUses(store.runner)
    await kept.add("one", 1, (), [alert(3)], NOW)
    await kept.add("two", 1, (), [alert(4, NOW + 1), alert(1, mission="m_2")], NOW)
    assert await kept.unrecorded("one", NOW) == [replace(alert(7), last_at=NOW + 1)]
    assert [each.mission for each in await kept.unrecorded("three", NOW + 120)] != []
    for each in await kept.unrecorded("three", NOW + 120):
        await kept.recorded(each)
    await kept.add("one", 2, (), [alert(1)], NOW)
    assert await kept.unrecorded("one", NOW + 120) == []
    assert {each.mission: each.count for each in await kept.alerts(NOW)} == {"m_1": 8, "m_2": 1}


async def test_what_is_old_loses_its_missions_and_then_is_gone(store: Store) -> None:
    kept = StoredCredentialUses(store.runner)
    old, gone = NOW - 40 * DAY, NOW - 500 * DAY
    uses = [use("shared", first=at, mission=mission) for at in (NOW, old, gone) for mission in ("m_1", "m_2")]
    await kept.add("w", 1, uses, [alert(at=gone), alert(at=old, mission="m_3")], NOW)
    for _ in range(2):
        await kept.tidy(TODAY - 31, TODAY - 400)
    left = await kept.uses(0)
    assert sum(each.count for each in left) == 4
    assert [each for each in left if each.sight.day == TODAY - 40] == [
        CredentialUse(Sight(TODAY - 40, KEY, "example", "shared", "A", agent("bot")), 2, old, old)
    ]
    assert [each.mission for each in await kept.alerts(0)] == ["m_3"]
