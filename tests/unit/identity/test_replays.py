"""Tokens that may be shown once: remembered over restarts, cut lines and full disks, and forgotten when they have expired."""

from __future__ import annotations

import os

import pytest

from exeat.errors import RefusalError, StartError
from exeat.identity.replays import Replays
from exeat.model.reason import Reason


@pytest.fixture
def file(tmp_path):
    return tmp_path / "shown"


@pytest.fixture
def replays(file, clock):
    return Replays(file, clock)


def reason(replays, identifier="a", connection=9, issuer="i", expires=2e9) -> Reason:
    with pytest.raises(RefusalError) as refused:
        replays.use(issuer, identifier, expires, connection)
    return refused.value.reason


def test_a_second_connection_is_refused_and_the_first_goes_on(replays):
    replays.use("i", "a", 2e9, 1)
    replays.use("i", "a", 2e9, 1)
    assert reason(replays, connection=2) is Reason.IDENTITY_INVALID
    replays.use("i", "b", 2e9, 2)
    replays.use("j", "a", 2e9, 3)  # another issuer's ids are its own


def test_a_connection_that_cant_be_told_apart_shows_it_once(replays):
    replays.use("i", "a", 2e9, 0)
    assert reason(replays, connection=0) is Reason.IDENTITY_INVALID


def test_a_restart_forgets_nothing(replays, file, clock):
    """Not even for a connection that has the same number by chance."""
    replays.use("i", "a", 2e9, 1)
    replays.use("i", "b", clock.now + 5, 1)
    assert file.stat().st_mode & 0o077 == 0
    again = Replays(file, clock)
    assert reason(again, connection=1) is Reason.IDENTITY_INVALID
    clock.now += 6
    Replays(file, clock).use("i", "b", clock.now + 5, 1)


def test_a_line_that_was_cut_off_spoils_no_other(replays, file, clock):
    replays.use("i", "a", 2e9, 1)
    with file.open("ab") as journal:
        journal.write(b"\n0020000000")
    again = Replays(file, clock)
    again.use("i", "b", 2e9, 1)
    third = Replays(file, clock)
    assert reason(third) is Reason.IDENTITY_INVALID
    assert reason(third, "b") is Reason.IDENTITY_INVALID


def test_what_cant_be_written_down_is_refused(replays, file, monkeypatch):
    monkeypatch.setattr(os, "write", lambda *_: 3)
    assert reason(replays) is Reason.STATE_STALE
    monkeypatch.undo()
    replays.use("i", "a", 2e9, 1)


def test_what_has_expired_is_forgotten_and_the_file_stays_small(replays, file, clock):
    for number in range(3000):
        replays.use("i", str(number), clock.now + 10, 1)
    clock.now += 11
    replays.use("i", "last", clock.now + 10, 1)
    replays.compact()
    assert file.stat().st_size < 200
    assert reason(Replays(file, clock), "last") is Reason.IDENTITY_INVALID


def test_memory_is_bounded(replays, monkeypatch):
    monkeypatch.setattr("exeat.identity.replays._MOST", 3)
    for number in range(3):
        replays.use("i", str(number), 2e9, 1)
    assert reason(replays, "more") is Reason.STATE_STALE


@pytest.mark.parametrize(
    "spoil",
    [
        lambda file: file.write_bytes(b"\xff"),
        lambda file: file.mkdir(),
        lambda file: (file.write_bytes(b""), file.chmod(0o644)),
    ],
)
def test_a_file_that_cant_be_trusted_stops_the_start(file, clock, spoil):
    spoil(file)
    with pytest.raises(StartError):
        Replays(file, clock)


def test_what_another_worker_took_is_taken(file, clock):
    """Each reads what the others have written before it writes; also after the file was written anew."""
    one, other = Replays(file, clock), Replays(file, clock)
    one.use("i", "a", 2e9, 1)
    assert reason(other, "a", connection=1) is Reason.IDENTITY_INVALID
    other.use("i", "b", 2e9, 1)
    assert reason(one, "b", connection=2) is Reason.IDENTITY_INVALID
    for number in range(1100):
        one.use("i", f"short {number}", clock.now + 5, 1)
    clock.now += 6
    one.compact()
    other.use("i", "c", 2e9, 1)
    assert [reason(one, name, connection=3) for name in "abc"] == [Reason.IDENTITY_INVALID] * 3
