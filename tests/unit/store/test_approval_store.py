"""Approvals in the real file: read back exactly, used never once too often, asked about once."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "approvals"))
from approval_kit import GROUPS, NOW, question, vote

from exeat.approvals import rules
from exeat.errors import ConflictError
from exeat.model.approval import ApprovalState, Scope, Terms
from exeat.store.approvals import StoredApprovals
from exeat.store.opening import open_store
from exeat.store.store import Store


@pytest.fixture
async def opened(url: str, tmp_path: Path) -> AsyncIterator[list[Store]]:
    """Two processes' stores on one database."""
    stores = [open_store(url, tmp_path) for _ in range(2)]
    yield stores
    for store in stores:
        await store.close()


@pytest.fixture
def store(opened) -> StoredApprovals:
    return StoredApprovals(opened[0].runner)


async def grant(store: StoredApprovals, times: int, until: float = NOW + 60):
    await store.add(question())
    terms = Terms(Scope.TIMES if times else Scope.MISSION, times, until)
    return await store.replace(rules.voted(question(), vote(terms=terms), GROUPS))


async def test_what_is_stored_is_read_back_exactly(store):
    await store.add(question())
    assert await store.get("a_1") == question()
    changed = rules.voted(question(), replace(vote(), via="webhook", reason="“ok”"), GROUPS)
    assert await store.replace(changed) == replace(changed, revision=1)
    assert await store.get("a_1") == replace(changed, revision=1)
    assert await store.of_session("m_1/bot", NOW) == [replace(changed, revision=1)]
    assert await store.of_session("m_1/bot", changed.until) == []
    assert await store.page(10, "pending") == []
    assert len(await store.page(10, "approved", "m_1")) == 1


async def test_one_request_is_asked_about_once_at_a_time(store):
    await store.add(question())
    with pytest.raises(ConflictError):
        await store.add(replace(question(), id="a_2"))
    await store.replace(rules.denied(question(), vote(), NOW + 1))
    await store.add(replace(question(), id="a_3"))


async def test_the_slower_one_is_told(store):
    await store.add(question())
    await store.replace(rules.denied(question(), vote(), NOW + 1))
    with pytest.raises(ConflictError):
        await store.replace(rules.voted(question(), vote(), GROUPS))
    assert (await store.get("a_1")).state is ApprovalState.DENIED


@pytest.mark.guard("approval-once")
async def test_a_grant_is_never_used_once_too_often(opened):
    """Two processes, twenty tries at once, seven uses."""
    one, two = (StoredApprovals(each.runner) for each in opened)
    await grant(one, 7)
    used = await asyncio.gather(*(each.use("a_1", NOW) for each in (one, two) * 10))
    assert sum(each is not None for each in used) == 7
    assert sorted(each.used for each in used if each) == list(range(1, 8))
    assert (await one.get("a_1")).state is ApprovalState.USED


async def test_only_a_grant_that_holds_is_used(store):
    await grant(store, 0)
    assert [(await store.use("a_1", NOW)).used for _ in range(3)] == [1, 2, 3]
    assert await store.use("a_1", NOW + 60) is None
    assert await store.use("a_none", NOW) is None
    found = await store.get("a_1")
    await store.replace(rules.over(found, "mission"))
    assert await store.use("a_1", NOW) is None


async def test_a_use_meanwhile_keeps_an_end_from_forgetting_it(store):
    """Who ends a grant has to have seen its last use."""
    kept = await grant(store, 2)
    await store.use("a_1", NOW)
    with pytest.raises(ConflictError):
        await store.replace(rules.over(kept, "time"))


async def test_only_what_is_over_is_forgotten(store):
    await store.add(question())
    await store.add(replace(question(binding="c" * 64), id="a_2"))
    await store.replace(rules.denied(replace(question(binding="c" * 64), id="a_2"), vote(), NOW + 9))
    await store.forget(NOW + 9)
    assert len(await store.page(9)) == 2
    await store.forget(NOW + 10**6)
    assert [each.id for each in await store.page(9)] == ["a_1"]


async def test_what_is_due_and_whose_it_is_are_found(store):
    await grant(store, 1)
    assert await store.lapsed(NOW + 59) == []
    assert [each.id for each in await store.lapsed(NOW + 60)] == ["a_1"]
    assert await store.missions() == ["m_1"]
    assert [each.id for each in await store.of_mission("m_1")] == ["a_1"]
    await store.use("a_1", NOW)
    assert await store.missions() == []
