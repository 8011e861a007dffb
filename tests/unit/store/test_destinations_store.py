"""Added destinations and last uses, on both databases."""

from __future__ import annotations

import pytest

from exeat.errors import UnavailableError
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination
from exeat.model.traffic import LastUse
from exeat.store.destinations import StoredDestinations
from exeat.store.store import Store
from exeat.store.tables import destinations

NOW = 1_800_000_000.125


def entry(number: int, host: str = "*.files.example.test") -> AllowedDestination:
    reason = "pay “Ana”; DROP TABLE destinations --"
    pattern = DestinationPattern(host, 8443)
    return AllowedDestination(pattern, "net", reason, NOW + 60.5, "NET-7", f"dst_{number:026}", "oidc:ana", NOW)


async def test_entries_are_read_back_exactly_until_they_are_removed_and_others_hear_of_it(store: Store) -> None:
    kept, before = StoredDestinations(store.runner), await store.feed_version()
    await kept.add(entry(2))
    await kept.add(entry(1, "*"))
    assert await kept.kept() == [entry(1, "*"), entry(2)]
    await kept.remove(entry(2).id, "bob", NOW + 1)
    await kept.remove(entry(2).id, "eve", NOW + 2)
    assert await kept.kept() == [entry(1, "*")]
    assert await kept.get(entry(2).id) == entry(2)
    assert await kept.get(entry(3).id) is None
    assert await store.feed_version() > before + 2

    def who(connection):
        return connection.execute(destinations.select().where(destinations.c.id == entry(2).id)).mappings().one()

    row = await store.runner.run(who)
    assert (row["removed_by"], row["removed_at"]) == ("bob", NOW + 1)


async def test_an_entry_that_does_not_read_back_is_an_error_and_no_guess(store: Store) -> None:
    kept = StoredDestinations(store.runner)
    await kept.add(entry(1))
    await store.runner.run(
        lambda connection: connection.execute(destinations.update().values(host="10.0.0.1")).rowcount
    )
    with pytest.raises(UnavailableError):
        await kept.kept()


async def test_the_newest_use_stays_and_the_first_sight_too(store: Store) -> None:
    kept = StoredDestinations(store.runner)
    await kept.used({"a.test:443": LastUse(NOW), "b.test:443": LastUse(NOW, NOW + 5, "x", "m_1")})
    await kept.used({"a.test:443": LastUse(NOW + 9), "b.test:443": LastUse(NOW + 9, NOW + 4, "late", "m_0")})
    await kept.used({"a.test:443": LastUse(NOW + 9, NOW + 10, "y", "m_2")})
    assert await kept.uses() == {
        "a.test:443": LastUse(NOW, NOW + 10, "y", "m_2"), "b.test:443": LastUse(NOW, NOW + 5, "x", "m_1"),
    }  # fmt: skip
