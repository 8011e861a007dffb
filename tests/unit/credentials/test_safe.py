"""The safe on a real SQLite file: what is written opens again, nothing of it stands in the file, and late writers are told."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from exeat.credentials.safe import Safe
from exeat.credentials.sealing import Sealer, SealingKey
from exeat.errors import ConflictError, UnavailableError
from exeat.model.secret import Secret
from exeat.store.opening import open_store
from exeat.store.secrets import StoredSecrets
from exeat.store.store import Store
from unit.standing_clock import StandingClock

OLD, NEW = SealingKey.derive(os.urandom(32)), SealingKey.derive(os.urandom(32))


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[Store]:
    opened = open_store("sqlite:///safe.db", tmp_path)
    yield opened
    await opened.close()


def safe_on(store: Store, *keys: SealingKey) -> Safe:
    return Safe(Sealer(keys or (OLD,)), StoredSecrets(store.runner), StandingClock(1000.0))


@pytest.mark.guard("secrets-are-sealed")
async def test_nothing_of_a_secret_stands_in_the_file(store: Store, tmp_path: Path) -> None:
    safe = safe_on(store)
    await safe.write("slack", Secret("xoxb-canary-first"))
    await safe.write("slack", Secret("xoxb-canary-second"), overlap=60)
    opened = await safe.read("slack")
    assert (opened.value.reveal(), opened.previous.reveal(), opened.previous_until) == (
        "xoxb-canary-second", "xoxb-canary-first", 1060.0,
    )  # fmt: skip
    written = b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())
    assert b"slack" in written
    assert b"canary" not in written
    assert "canary" not in repr(opened)


async def test_a_writer_who_saw_an_older_version_is_told(store: Store) -> None:
    safe = safe_on(store)
    assert await safe.write("refresh", Secret("one"), seen=0) == 1
    assert await safe.write("refresh", Secret("two"), seen=1) == 2
    for seen in (0, 1, 3):
        with pytest.raises(ConflictError):
            await safe.write("refresh", Secret("late"), seen=seen)
    assert (await safe.read("refresh")).value.reveal() == "two"


async def test_after_sealing_anew_the_old_key_is_needed_no_more(store: Store) -> None:
    safe = safe_on(store)
    await safe.write("a", Secret("one"))
    await safe.write("a", Secret("two"), overlap=60)
    await safe.write("b", Secret("three"))
    both = safe_on(store, NEW, OLD)
    assert await both.reseal() == 2
    assert await both.reseal() == 0
    found = {each.name: each for each in await safe_on(store, NEW).read_all()}
    assert (found["a"].value.reveal(), found["a"].previous.reveal(), found["b"].value.reveal()) == (
        "two",
        "one",
        "three",
    )
    with pytest.raises(UnavailableError, match="another key"):
        await safe.read("a")
