"""What is kept: found by its own session, at its own place, for its own time, and within bounds."""

from __future__ import annotations

import pytest

from exeat.credentials.custody import Custody, Kept, is_placeholder
from exeat.model.secret import Secret

ME, OTHER = "m_1/prod/bot", "m_2/prod/bot"


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def cookie(value: str = "real-value-1", **more) -> Kept:
    return Kept("cookie", "sid", Secret(value), "app.example.test", **more)


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def custody(time: Time) -> Custody:
    return Custody(b"k" * 32, time, 4096)


def test_a_placeholder_stands_for_its_value_in_its_own_session_only(custody: Custody) -> None:
    placeholder = custody.keep(ME, cookie())
    assert placeholder
    assert is_placeholder(placeholder)
    found = custody.find(ME, placeholder)
    assert found is not None
    assert found.value.reveal() == "real-value-1"
    assert custody.find(OTHER, placeholder) is None
    assert custody.gave(ME, placeholder)
    assert not custody.gave(OTHER, placeholder)
    assert "real-value" not in repr(found)


def test_the_same_value_has_one_placeholder_and_another_value_another(custody: Custody) -> None:
    assert custody.keep(ME, cookie()) == custody.keep(ME, cookie())
    assert custody.keep(ME, cookie()) != custody.keep(ME, cookie("real-value-2"))
    assert custody.keep(ME, cookie()) != custody.keep(OTHER, cookie())
    assert len(custody) == 3


def test_it_is_over_when_its_time_is(custody: Custody, time: Time) -> None:
    placeholder = custody.keep(ME, cookie(until=1010.0))
    assert custody.find(ME, placeholder)
    time.now = 1010.0
    assert custody.find(ME, placeholder) is None
    assert custody.gave(ME, placeholder)
    assert len(custody) == 0


@pytest.mark.guard("custody-forget")
def test_a_mission_takes_all_of_its_own_along(custody: Custody) -> None:
    mine, other = custody.keep(ME, cookie()), custody.keep(OTHER, cookie())
    custody.forget("m_1")
    assert custody.find(ME, mine) is None
    assert custody.find(OTHER, other)


def test_a_session_holds_so_much_and_takes_nothing_from_another(custody: Custody) -> None:
    other = custody.keep(OTHER, cookie())
    first = custody.keep(ME, cookie("first"))
    used = custody.keep(ME, cookie("used"))
    for number in range(200):
        custody.keep(ME, cookie(f"value {number}"))
        assert custody.find(ME, used)
    assert custody.find(ME, first) is None
    assert custody.gave(ME, first)
    assert custody.find(OTHER, other)
    assert len(custody) < 20
    assert custody.keep(ME, cookie("x" * 5000)) is None


@pytest.mark.parametrize(
    ("kept", "host", "path", "secure", "fits"),
    [
        (cookie(), "app.example.test", "/any", True, True),
        (cookie(), "app.example.test", "/any", False, False),
        (cookie(secure=False), "app.example.test", "/any", False, True),
        (cookie(), "www.app.example.test", "/", True, False),
        (cookie(subdomains=True), "www.app.example.test", "/", True, True),
        (cookie(subdomains=True), "evilapp.example.test", "/", True, False),
        (cookie(path="/a"), "app.example.test", "/a", True, True),
        (cookie(path="/a"), "app.example.test", "/a/b", True, True),
        (cookie(path="/a"), "app.example.test", "/ab", True, False),
        (cookie(path="/a/"), "app.example.test", "/a/b", True, True),
        (cookie(path="/a/"), "app.example.test", "/a", True, False),
    ],
)
def test_it_goes_where_a_cookie_goes_and_nowhere_else(kept: Kept, host, path, secure, fits) -> None:
    assert kept.fits("cookie", "sid", host, path, secure=secure) is fits
    assert not kept.fits("cookie", "other", host, path, secure=secure)
    assert not kept.fits("link", "sid", host, path, secure=secure)


def test_what_isnt_one_of_ours_belongs_to_nobody(custody: Custody) -> None:
    for text in ("", "exeat_", "exeat_" + "A" * 24, "exeat_" + "A" * 23 + "ä", "exeat_" + "A" * 25):
        assert custody.find(ME, text) is None
        assert not custody.gave(ME, text)
    again = Custody(b"k" * 32, Time(), 4096)
    assert again.gave(ME, custody.keep(ME, cookie()))
