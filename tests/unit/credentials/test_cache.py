"""The token cache: its times, its bound and its index of missions agree."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.credentials.cache import Held, TokenCache
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade
from exeat.model.secret import Secret
from exeat.model.token import Token


def request(mission: int, resource: int) -> TokenRequest:
    return TokenRequest(f"m{mission}/a", f"m{mission}", "a", "s", "s:a", str(resource), "a")


def held(number: int = 0, end: float | None = 100.0) -> Held:
    return Held.begin(Token(Secret("x"), str(number), Grade.A, end), 0.0, 60.0)


def test_times_follow_the_life_that_was_granted():
    """Three quarters, and a tenth or two seconds before the end; a token without end counts by its ttl."""
    assert (held().renew_at, held().usable_until) == (75.0, 90.0)
    assert (held(end=10.0).renew_at, held(end=10.0).usable_until) == (7.5, 8.0)
    assert (held(end=None).renew_at, held(end=None).usable_until) == (45.0, 54.0)
    assert held(end=1.0).usable_until < 0


def test_only_living_tokens_are_worth_revoking():
    """The replaced one as long as it lives, one without an end always."""
    cache = TokenCache(5)
    cache.put(request(1, 1), held(1, 50.0))
    cache.put(request(1, 1), held(2, 100.0))
    ((_, last),) = cache.drop("m1")
    assert [token.id for token in last.living(49.0)] == ["2", "1"]
    assert [token.id for token in last.living(50.0)] == ["2"]
    assert last.living(100.0) == []
    assert len(held(end=None).living(1e12)) == 1


def test_a_renewed_token_drops_the_one_before_the_last():
    """No chain of old tokens grows."""
    cache = TokenCache(5)
    for number in range(5):
        cache.put(request(1, 1), held(number))
    current = cache.get(request(1, 1))
    assert (current.token.id, current.previous.id) == ("4", "3")


STEPS = st.lists(st.tuples(st.sampled_from(["put", "get", "drop"]), st.integers(0, 3), st.integers(0, 3)), max_size=40)


@settings(max_examples=200)
@given(STEPS)
def test_cache_and_index_never_disagree(steps):
    """Property: whatever happens, it is bounded, a dropped mission is gone, and no empty mission is counted."""
    cache = TokenCache(5)
    model: dict[TokenRequest, bool] = {}
    for what, mission, resource in steps:
        key = request(mission, resource)
        if what == "put":
            model.pop(key, None)
            model[key] = True
            for gone, _ in cache.put(key, held()):
                del model[gone]
        elif what == "get":
            found = cache.get(key)
            assert (found is not None) == (key in model)
            if found is not None:
                model[key] = model.pop(key)
        else:
            dropped = {gone for gone, _ in cache.drop(key.mission)}
            assert dropped == {kept for kept in model if kept.mission == key.mission}
            for gone in dropped:
                del model[gone]
        assert len(cache) == len(model) <= 5
        assert cache.missions == len({kept.mission for kept in model})
