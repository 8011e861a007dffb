"""One issuer's keys by a clock that is moved: when to fetch, what is known meanwhile, when nothing is."""

from __future__ import annotations

import json

import pytest

from exeat.errors import RefusalError
from exeat.identity.issuer import REQUIRED, TYPES, TrustedIssuer
from exeat.identity.issuer_keys import IssuerKeys, Schedule
from exeat.model.reason import Reason
from rig.issuer import Key

ISSUER = TrustedIssuer("https://i", "oidc", "us", frozenset({"ES256"}), REQUIRED["oidc"], TYPES["oidc"], 3600, 30)


@pytest.fixture
def keys(clock):
    return IssuerKeys(ISSUER, Schedule(refresh=300, keep=3600), clock)


def document(*keys: Key) -> bytes:
    return json.dumps({"keys": [key.jwk for key in keys]}).encode()


def fetch(keys, *published):
    return keys.replace(document(*published), keys.begin())


def reason(keys, kid) -> Reason:
    with pytest.raises(RefusalError) as refused:
        keys.find(kid)
    return refused.value.reason


def test_nothing_is_known_before_the_first_fetch(keys):
    assert keys.due()
    assert reason(keys, "k") is Reason.STATE_STALE


def test_keys_are_fetched_again_in_time_and_not_before(keys, clock):
    key = Key()
    fetch(keys, key)
    assert keys.find(key.kid).kid == key.kid
    clock.now += 299
    assert not keys.due()
    clock.now += 1
    assert keys.due()


def test_an_unknown_key_is_asked_for_once_and_then_refused(keys, clock):
    """Retryable until a fetch that began afterwards; then a plain no, for a refresh's time; then asked again."""
    key = Key()
    fetch(keys, key)
    clock.now += 10
    assert reason(keys, "new") is Reason.STATE_STALE
    assert keys.due()
    clock.now += 1
    fetch(keys, key)
    assert not keys.due()
    assert reason(keys, "new") is Reason.IDENTITY_INVALID
    assert not keys.due()
    clock.now += 300
    fetch(keys, key)
    assert reason(keys, "new") is Reason.STATE_STALE


def test_a_fetch_that_began_before_the_question_settles_nothing(keys, clock):
    fetch(keys)
    clock.now += 1
    begun = keys.begin()
    clock.now += 1
    assert reason(keys, "new") is Reason.STATE_STALE
    keys.replace(document(), begun)
    assert reason(keys, "new") is Reason.STATE_STALE


def test_early_fetches_keep_a_distance(keys, clock):
    fetch(keys)
    for number in range(1000):  # however many different ones: bounded memory, one fetch
        assert reason(keys, f"k{number}") is Reason.STATE_STALE
    assert not keys.due()
    clock.now += 2
    assert keys.due()


@pytest.mark.guard("keys-too-old")
def test_keys_last_as_long_as_they_may(keys, clock):
    key = Key()
    fetch(keys, key)
    found = keys.find(key.kid)
    clock.now += 3600
    assert keys.find(key.kid) is found
    assert keys.holds(found)
    clock.now += 1
    assert reason(keys, key.kid) is Reason.STATE_STALE
    assert not keys.holds(found)


def test_a_key_that_stays_is_the_same_and_one_that_goes_is_gone(keys):
    stays, goes = Key(), Key()
    fetch(keys, stays, goes)
    first, second = keys.find(stays.kid), keys.find(goes.kid)
    fetch(keys, stays)
    assert keys.holds(first)
    assert keys.find(stays.kid) is first
    assert not keys.holds(second)


def test_another_key_under_a_known_id_is_another_key(keys):
    old, new = Key(kid="k"), Key(kid="k")
    fetch(keys, old)
    found = keys.find("k")
    fetch(keys, new)
    assert not keys.holds(found)
    assert keys.find("k").verifies("ES256", b"x", new.sign(b"x"))


def test_a_failure_is_news_once_and_shortens_the_wait(keys, clock):
    key = Key()
    fetch(keys, key)
    keys.begin()
    assert keys.failed("gone")
    assert not keys.failed("gone")
    assert keys.find(key.kid)
    assert not keys.due()
    clock.now += 2
    assert keys.due()
    assert keys.status() == {"issuer": "https://i", "keys": 1, "age": 2.0, "problem": "gone"}
