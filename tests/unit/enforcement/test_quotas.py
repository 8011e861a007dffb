"""Who has to go when there is no room: a source's oldest guest, an agent's longest idle connection, never somebody else's."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from exeat.config.tables.proxy import LimitsTable
from exeat.enforcement.limits.quotas import Quotas, raise_descriptor_limit, source_of

LIMITS = LimitsTable(connections=6, source_connections=3, agent_connections=2, buffered=100)


class Connection:
    def __init__(self) -> None:
        self.gone = False
        self.working = False

    def cut(self) -> None:
        self.gone = True

    def busy(self) -> bool:
        return self.working

    def leave(self, gone: Callable[[str, int], bool]) -> bool:
        raise NotImplementedError


def _guests(quotas: Quotas, peer: str, count: int) -> list[Connection]:
    made = []
    for _ in range(count):
        assert quotas.admits(peer, LIMITS)
        made.append(Connection())
        quotas.enter(peer, made[-1])
    return made


@pytest.mark.parametrize(
    ("peer", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::"),
        ("2001:db8:1:2::9", "2001:db8:1:2::"),
        ("fe80::1%eth0", "fe80::"),
        ("", ""),
    ],
)
def test_one_host_is_one_source(peer: str, source: str) -> None:
    assert source_of(peer) == source


def test_the_oldest_guest_of_a_full_source_goes() -> None:
    quotas = Quotas()
    other = _guests(quotas, "192.0.2.1", 1)
    first, *rest = _guests(quotas, "192.0.2.2", 4)
    assert first.gone
    assert not any(each.gone for each in rest + other)
    assert quotas.turned_away == 1


def test_in_a_full_house_the_largest_source_gives_way() -> None:
    quotas = Quotas()
    few, many = _guests(quotas, "192.0.2.1", 2), _guests(quotas, "192.0.2.2", 3)
    third = _guests(quotas, "192.0.2.3", 2)
    assert [each.gone for each in many] == [True, False, False]
    assert not any(each.gone for each in few + third)


def test_who_has_shown_a_pass_is_no_guest_any_more() -> None:
    quotas = Quotas()
    known = _guests(quotas, "192.0.2.2", 2)
    for number, each in enumerate(known):
        quotas.claim(f"mission-{number}/bot", each, LIMITS)
    _guests(quotas, "192.0.2.2", 20)
    assert not any(each.gone for each in known)


def test_where_nobody_is_a_guest_the_new_one_is_not_taken() -> None:
    quotas = Quotas()
    for number in range(6):
        (one,) = _guests(quotas, "192.0.2.2", 1)
        quotas.claim(f"mission-{number}/bot", one, LIMITS)
    assert not quotas.admits("192.0.2.9", LIMITS)


def test_the_longest_idle_connection_of_an_agent_goes_and_a_busy_one_never() -> None:
    quotas = Quotas()
    first, second = _guests(quotas, "192.0.2.2", 2)
    for each in (first, second):
        quotas.claim("m/bot", each, LIMITS)
    quotas.used(first)
    (third,) = _guests(quotas, "192.0.2.2", 1)
    quotas.claim("m/bot", third, LIMITS)
    assert (first.gone, second.gone) == (False, True)
    first.working = third.working = True
    (fourth,) = _guests(quotas, "192.0.2.2", 1)
    with pytest.raises(ConnectionError):
        quotas.claim("m/bot", fourth, LIMITS)
    assert (first.gone, third.gone) == (False, False)


def test_an_agent_that_gets_a_mission_counts_there() -> None:
    quotas = Quotas()
    (one,) = _guests(quotas, "192.0.2.2", 1)
    quotas.claim("/bot", one, LIMITS)
    quotas.claim("m/bot", one, LIMITS)
    quotas.claim("/bot", *_guests(quotas, "192.0.2.2", 1), LIMITS)
    quotas.claim("/bot", *_guests(quotas, "192.0.2.2", 1), LIMITS)
    assert not one.gone
    assert len(quotas) == 3


def test_what_is_kept_counts_for_the_session_over_its_connections_and_ends_with_them() -> None:
    quotas = Quotas()
    one, two = _guests(quotas, "192.0.2.2", 2)
    for each in (one, two):
        quotas.claim("m/bot", each, LIMITS)
    quotas.keeps(one, 60, LIMITS)
    with pytest.raises(ConnectionError):
        quotas.keeps(two, 60, LIMITS)
    quotas.leave(one)
    quotas.keeps(two, 60, LIMITS)
    assert quotas.streams(two, 5) == 5
    quotas.leave(two)
    assert len(quotas) == 0


def test_descriptors_are_kept_for_what_is_no_traffic() -> None:
    limit = raise_descriptor_limit()
    quotas = Quotas()
    assert quotas.dials()
    quotas.count_dialled(limit)
    assert not quotas.dials()
    quotas.count_dialled(-limit)
    assert quotas.dials()
