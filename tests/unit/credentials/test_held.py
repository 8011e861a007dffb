"""Secrets that change while we run: what is held, what is remembered, and for how long."""

from __future__ import annotations

import pytest

from exeat.credentials.held import Current, HeldSecrets, Replaced
from exeat.model.secret import Secret


def current(value: str, **more: object) -> Current:
    return Current(Secret(value), **more)


def before(held: HeldSecrets, name: str = "file:a") -> list[tuple[str, float]]:
    return [(each.value.reveal(), each.until) for each in held.replaced(name)]


@pytest.mark.guard("replaced-is-recognised")
def test_a_changed_value_is_new_for_whoever_asks_and_the_old_one_remembered():
    held = HeldSecrets({"file:a": Secret("one"), "file:b": Secret("other")})
    assert held.take({"file:a": current("two"), "file:b": current("other")}, 100.0, 60.0) == {"file:a"}
    assert held("file:a").reveal() == "two"
    assert before(held) == [("one", 160.0)]
    held.take({"file:a": current("three")}, 110.0, 60.0)
    assert before(held) == [("two", 170.0), ("one", 160.0)]
    assert held.forget(159.0) == frozenset()
    assert held.forget(160.0) == {"file:a"}
    assert before(held) == [("two", 170.0)]


def test_what_comes_back_is_current_and_not_replaced():
    held = HeldSecrets({"file:a": Secret("one")})
    held.take({"file:a": current("two")}, 100.0, 60.0)
    held.take({"file:a": current("one")}, 110.0, 60.0)
    assert before(held) == [("two", 170.0)]


def test_the_same_value_stays_the_same_object():
    held = HeldSecrets({"file:a": Secret("one")})
    object_before = held("file:a")
    assert held.take({"file:a": current("one")}, 100.0, 60.0) == frozenset()
    assert held.hear(held.said()) == frozenset()
    assert held("file:a") is object_before


def test_a_source_that_knows_what_it_replaced_is_believed():
    held = HeldSecrets({"store:a": Secret("one")})
    held.take({"store:a": current("two", replaced=(Replaced(Secret("one"), 105.0),), knows=True)}, 100.0, 86400.0)
    assert before(held, "store:a") == [("one", 105.0)]
    held.take({"store:a": current("three", knows=True)}, 104.0, 86400.0)
    assert before(held, "store:a") == [("one", 105.0)]


def test_another_process_holds_exactly_what_is_said():
    held, other = (
        HeldSecrets({"file:a": Secret("one")}),
        HeldSecrets({"file:a": Secret("stale"), "file:gone": Secret("x")}),
    )
    held.take({"file:a": current("two"), "file:c": current("new")}, 100.0, 60.0)
    assert other.hear(held.said()) == {"file:a", "file:gone", "file:c"}
    assert other.said() == held.said()
    assert other.get("file:gone") is None
