"""Counts reach the store once, whatever fails on the way, and strangers are recorded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, cast

import pytest

from exeat.errors import RefusalError, UnavailableError
from exeat.migration.inventory import Inventory
from exeat.model.credential_use import CredentialAlert, CredentialUse, RegisteredCredential
from exeat.model.reason import Reason
from unit.migration.uses import KEY, NOW, STRANGER, use

ENTRY = RegisteredCredential(KEY, ("example",), ("env:KEY",), {}, "C")


class Clock:
    def time(self) -> float:
        return NOW

    def monotonic(self) -> float:
        return NOW

    def boot(self) -> float:
        return NOW


class Store:
    """Remembers each batch by writer and number; ``fail`` loses the batch, ``mute`` only the answer."""

    def __init__(self) -> None:
        self.batches: dict[tuple[str, int], Sequence[CredentialUse]] = {}
        self.owed: list[CredentialAlert] = []
        self.fail = self.mute = False

    async def add(
        self, writer: str, number: int, uses: Sequence[CredentialUse], alerts: Sequence[CredentialAlert], _: float
    ) -> None:
        if self.fail:
            raise UnavailableError("gone")
        if (writer, number) not in self.batches:
            self.batches[writer, number] = uses
            self.owed += alerts
        if self.mute:
            raise UnavailableError("no answer")

    async def unrecorded(self, _writer: str, _now: float) -> Sequence[CredentialAlert]:
        return tuple(self.owed)

    async def recorded(self, alert: CredentialAlert) -> None:
        self.owed.remove(alert)

    @property
    def count(self) -> int:
        return sum(each.count for uses in self.batches.values() for each in uses)


class Audit:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.full = False

    def append(self, record: dict[str, Any]) -> None:
        if self.full:
            raise RefusalError(Reason.AUDIT_UNAVAILABLE)
        self.records.append(record)


@pytest.fixture
def store() -> Store:
    return Store()


@pytest.fixture
def audit() -> Audit:
    return Audit()


@pytest.fixture
def inventory(store: Store, audit: Audit) -> Inventory:
    return Inventory(cast("Any", store), audit, Clock(), lambda: (ENTRY,))


async def test_a_store_that_is_away_costs_nothing_and_a_lost_answer_counts_once(
    inventory: Inventory, store: Store
) -> None:
    for fault in ("fail", "mute"):
        inventory.note([use("shared", count=3)])
        setattr(store, fault, True)
        with pytest.raises(UnavailableError):
            await inventory.flush()
        inventory.note([use("shared", count=4)])
        with pytest.raises(UnavailableError):
            await inventory.flush()
        setattr(store, fault, False)
        await inventory.flush()
        await inventory.flush()
    assert store.count == 14


async def test_what_waits_for_the_store_is_bounded_and_its_sum_is_not(
    inventory: Inventory, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("exeat.migration.inventory._MOST", 10)
    for number in range(50):
        inventory.note([use("foreign", fingerprint=f"fp_{number:016}")])
    await inventory.flush()
    assert store.count == 50
    assert sum(map(len, store.batches.values())) == 11


async def test_a_stranger_is_recorded_when_the_audit_takes_it(inventory: Inventory, store: Store, audit: Audit) -> None:
    audit.full = True
    inventory.note([use("forwarded", fingerprint=STRANGER, count=7)])
    await inventory.flush()
    assert audit.records == []
    audit.full = False
    await inventory.flush()
    await inventory.flush()
    (record,) = audit.records
    assert (record["kind"], record["event"], record["count"]) == ("alert", "credential_unregistered", 7)
    assert record["credential"] == {"state": "forwarded", "fingerprint": STRANGER, "in": "header"}
    assert store.owed == []


async def test_a_registered_one_in_the_wrong_place_is_no_stranger(inventory: Inventory, audit: Audit) -> None:
    inventory.note([use("foreign"), use("shared"), use("foreign", fingerprint="")])
    await inventory.flush()
    assert audit.records == []
