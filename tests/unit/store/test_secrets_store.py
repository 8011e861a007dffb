"""Sealed secrets in both databases: one version follows the other, and of two writers one is told that it came late."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from exeat.errors import ConflictError
from exeat.model.sealed import SealedSecret
from exeat.store.secrets import StoredSecrets
from exeat.store.store import Store

FIRST = SealedSecret("slack", 1, b"\x00\xff sealed", 1000.0, "alice")
SECOND = replace(FIRST, version=2, sealed=b"second", changed_at=2000.0, previous=FIRST.sealed, previous_until=3000.0)


async def test_a_secret_is_kept_changed_and_removed(store: Store) -> None:
    kept = StoredSecrets(store.runner)
    assert await kept.get("slack") is None
    await kept.put(FIRST)
    assert await kept.get("slack") == FIRST
    await kept.put(SECOND)
    assert await kept.get("slack") == SECOND
    assert await kept.forget_previous(2999.0) == 0
    assert await kept.forget_previous(3000.0) == 1
    assert await kept.get("slack") == replace(SECOND, previous=None, previous_until=None)
    assert await kept.remove("slack")
    assert not await kept.remove("slack")


@pytest.mark.guard("secret-versions")
async def test_a_late_writer_is_told_and_changes_nothing(store: Store) -> None:
    kept = StoredSecrets(store.runner)
    await kept.put(FIRST)
    for late in (replace(FIRST, sealed=b"other"), replace(SECOND, version=3)):
        with pytest.raises(ConflictError, match="meanwhile"):
            await kept.put(late)
    await kept.put(SECOND)
    for late in (replace(SECOND, sealed=b"other"), replace(FIRST, sealed=b"other")):
        with pytest.raises(ConflictError, match="meanwhile"):
            await kept.put(late)
    with pytest.raises(ConflictError, match="meanwhile"):
        await kept.reseal(replace(FIRST, sealed=b"other"))
    assert await kept.get("slack") == SECOND


async def test_of_many_writers_at_once_one_wins(store: Store) -> None:
    kept = StoredSecrets(store.runner)
    await kept.put(FIRST)
    tried = [replace(SECOND, sealed=f"writer {number}".encode()) for number in range(8)]
    done = await asyncio.gather(*map(kept.put, tried), return_exceptions=True)
    won = [secret for secret, outcome in zip(tried, done, strict=True) if outcome is None]
    assert [type(outcome) for outcome in done if outcome is not None] == [ConflictError] * 7
    assert [await kept.get("slack")] == won


async def test_a_prefix_is_taken_literally(store: Store) -> None:
    kept = StoredSecrets(store.runner)
    for name in ("a_b", "axb", "a%b", "a_c"):
        await kept.put(replace(FIRST, name=name))
    assert [secret.name for secret in await kept.every("a_")] == ["a_b", "a_c"]
    assert [secret.name for secret in await kept.every()] == ["a%b", "a_b", "a_c", "axb"]


async def test_a_value_sealed_anew_keeps_its_version(store: Store) -> None:
    kept = StoredSecrets(store.runner)
    await kept.put(FIRST)
    await kept.reseal(replace(FIRST, sealed=b"anew"))
    assert await kept.get("slack") == replace(FIRST, sealed=b"anew")


async def test_a_change_that_is_told_is_one_of_the_feed(store: Store) -> None:
    kept, before = StoredSecrets(store.runner), await store.feed_version()
    await kept.put(FIRST)
    assert await store.feed_version() == before
    await kept.put(SECOND, tell=True)
    assert await store.feed_version() == before + 1
    await kept.remove("slack", tell=True)
    assert await store.feed_version() == before + 2
    await kept.remove("slack", tell=True)
    assert await store.feed_version() == before + 2
