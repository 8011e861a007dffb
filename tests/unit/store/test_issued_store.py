"""The list of issued tokens, on both databases."""

from __future__ import annotations

from dataclasses import replace

from exeat.model.issued import IssuedToken, TokenState
from exeat.model.mission import MissionState
from exeat.store.issued import StoredIssued
from unit.store.kit import a_mission

ONE = IssuedToken("t-1", "m_1", "m_1/bot", "vault", "vault", "B", "vault:read", 10.0, 100.0, "r1", sealed=b"\x01sealed")


async def test_a_token_is_listed_once_and_read_back(store):
    """Some issuers hand out one token twice."""
    listed = StoredIssued(store.runner)
    await listed.add(ONE)
    await listed.add(replace(ONE, expires_at=200.0))
    await listed.add(replace(ONE, id="t-2", issued_at=5.0, expires_at=None, sealed=None))
    await listed.add(replace(ONE, id="t-3", mission="m_2"))
    assert await listed.of_mission("m_1") == [
        replace(ONE, id="t-2", issued_at=5.0, expires_at=None, sealed=None), replace(ONE, expires_at=200.0),
    ]  # fmt: skip


async def test_what_became_of_it_and_what_opened_it_is_forgotten(store):
    """A revoked token's handle is good for nothing any more."""
    listed = StoredIssued(store.runner)
    await listed.add(ONE)
    await listed.settle("m_2", ["t-1"], TokenState.REVOKED)
    assert await listed.of_mission("m_1") == [ONE]
    await listed.settle("m_1", ["t-1", "t-9"], TokenState.LEFT)
    assert await listed.of_mission("m_1") == [replace(ONE, state=TokenState.LEFT)]
    await listed.settle("m_1", ["t-1"], TokenState.REVOKED)
    assert await listed.of_mission("m_1") == [replace(ONE, state=TokenState.REVOKED, sealed=None)]


async def test_what_nobody_will_end(store):
    """Living tokens of ended missions: this replica's own, and those of replicas that are gone; not those of others."""
    listed = StoredIssued(store.runner)
    await store.add(a_mission(1, id="m_1"))
    await store.add(a_mission(2, id="m_2", state=MissionState.REVOKED))
    await store.replicas.register("r2", "other")
    for token in (
        ONE,
        replace(ONE, id="own", mission="m_2"),
        replace(ONE, id="over", mission="m_2", expires_at=50.0),
        replace(ONE, id="endless", mission="m_2", expires_at=None, replica="gone"),
        replace(ONE, id="theirs", mission="m_2", replica="r2"),
        replace(ONE, id="done", mission="m_2", state=TokenState.REVOKED),
    ):
        await listed.add(token)
    assert sorted(each.id for each in await listed.stranded("r1", 60.0)) == ["endless", "own"]


async def test_what_is_long_over_is_forgotten(store):
    """One without an end by when it was issued."""
    listed = StoredIssued(store.runner)
    for token in (ONE, replace(ONE, id="t-2", expires_at=None), replace(ONE, id="t-3", expires_at=300.0)):
        await listed.add(token)
    assert await listed.forget(150.0) == 2
    assert [each.id for each in await listed.of_mission("m_1")] == ["t-3"]
