"""A replica is taken for gone only when its lease has surely run out: by the version that it is behind, whoever made that."""

from __future__ import annotations

import asyncio

import pytest

from exeat.clock import SystemClock
from exeat.fleet.replica import Replica

LEASE = 0.2
SLOW = 0.15


class Slow:
    """A store that is asked for its version and answers late; by then somebody else has changed something more."""

    def __init__(self) -> None:
        self.clock = SystemClock()
        self.committed = self.lapsed = 0.0

    async def feed_version(self) -> int:
        await asyncio.sleep(SLOW)
        self.committed = self.clock.boot()
        return 7

    async def pending(self, version: int) -> list[str]:
        return ["b"]

    async def lapse(self, replicas, version: int) -> list[str]:
        self.lapsed = self.clock.boot()
        assert (list(replicas), version) == (["b"], 7)
        return list(replicas)


@pytest.mark.guard("lapse-by-its-own-lease")
async def test_who_is_behind_a_later_change_only_may_serve_for_a_lease_from_it():
    """Its last lease may have been granted right before that change, long after the one that is waited for."""
    store = Slow()
    replica = Replica("a", "a", store, store, None, store.clock, LEASE)  # type: ignore[arg-type]
    assert await replica.elsewhere() == ("b",)
    assert store.lapsed - store.committed >= LEASE
