"""The broker: one mint for many, exact sharing, and nothing left of an ended mission."""

from __future__ import annotations

import asyncio
import gc
import weakref
from dataclasses import replace

import pytest

from exeat.credentials.broker import TokenBroker
from exeat.errors import RefusalError, UnavailableError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import TokenLeft
from unit.credentials.requests_kit import counts

REQUEST = TokenRequest("m_1/bot", "m_1", "spiffe://x/env/prod/agent/bot", "example", "example:a", "R", "a")
SPECS = {
    "example": IssuerSpec("jwt", 100.0, "aud", grade=Grade.A),
    "other": IssuerSpec("jwt", 100.0, "aud", grade=Grade.A),
}


class Value(str):
    """A str that can be watched by a weak reference."""

    __slots__ = ("__weakref__",)


class Issuer:
    """Mints when ``gate`` is open; remembers what it did."""

    def __init__(self, clock) -> None:
        self.clock = clock
        self.minted: list[TokenRequest] = []
        self.revoked: list[str] = []
        self.values: list[weakref.ref] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.life = 100.0
        self.grade = Grade.A
        self.fault: BaseException | None = None
        self.can_revoke = True

    async def mint(self, request, spec):
        number = len(self.minted)
        self.minted.append(request)
        await self.gate.wait()
        if self.fault is not None:
            raise self.fault
        value = Value(f"token-{number}")
        self.values.append(weakref.ref(value))
        return Token(Secret(value), f"id-{number}", self.grade, self.clock.time() + self.life)

    async def revoke(self, token, spec):
        await asyncio.sleep(0)
        self.revoked.append(token.id)
        return self.can_revoke


class Live:
    def __init__(self) -> None:
        self.ended: set[str] = set()

    def __call__(self, session: str) -> bool:
        return session.split("/", maxsplit=1)[0] not in self.ended


@pytest.fixture
def issuer(clock):
    return Issuer(clock)


@pytest.fixture
def live():
    return Live()


@pytest.fixture
async def broker(issuer, clock, live):
    made = TokenBroker({"jwt": issuer}, SPECS, clock, is_live=live, timeout=0.2)
    yield made
    await made.close()


async def settle() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


async def refused(awaitable) -> Reason:
    with pytest.raises(RefusalError) as caught:
        await awaitable
    return caught.value.reason


# Sharing


async def test_equal_requests_share_a_token_and_no_others_do(broker, issuer):
    """A request that differs in any one field gets a token of its own."""
    first = await broker.token(REQUEST)
    assert await broker.token(replace(REQUEST)) is first
    others = [
        replace(REQUEST, session="m_1/other"),
        replace(REQUEST, session="m_2/bot", mission="m_2"),
        replace(REQUEST, mission="m_2"),
        replace(REQUEST, agent="spiffe://x/env/prod/agent/other"),
        replace(REQUEST, service="other"),
        replace(REQUEST, action="example:b"),
        replace(REQUEST, resource="Q"),
        replace(REQUEST, scope="b"),
    ]
    for other in others:
        assert broker.cached(other) is None
        assert (await broker.token(other)).id != first.id
    assert len(issuer.minted) == 1 + len(others)


async def test_a_hundred_concurrent_requests_are_one_mint(broker, issuer):
    """Whoever comes while a mint is under way gets its token."""
    issuer.gate.clear()
    waiters = [asyncio.create_task(broker.token(REQUEST)) for _ in range(100)]
    await settle()
    issuer.gate.set()
    assert {token.id for token in await asyncio.gather(*waiters)} == {"id-0"}
    assert len(issuer.minted) == 1
    assert broker.stats()["joined"] == 99


async def test_a_waiter_that_goes_away_takes_nothing_with_it(broker, issuer):
    """Cancelling the first waiter neither cancels the mint nor disturbs the others."""
    issuer.gate.clear()
    first, second = (asyncio.create_task(broker.token(REQUEST)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    issuer.gate.set()
    assert (await second).id == "id-0"
    assert first.cancelled()


async def test_a_mint_whose_waiters_all_left_is_kept_for_a_live_mission(broker, issuer):
    """Its token serves the next request."""
    issuer.gate.clear()
    waiter = asyncio.create_task(broker.token(REQUEST))
    await settle()
    waiter.cancel()
    issuer.gate.set()
    await settle()
    assert broker.cached(REQUEST).id == "id-0"
    assert issuer.revoked == []


async def test_a_mint_whose_waiters_all_left_is_revoked_for_a_dead_mission(broker, issuer, live):
    """Nobody waits, the mission is gone: dropped and revoked."""
    issuer.gate.clear()
    waiter = asyncio.create_task(broker.token(REQUEST))
    await settle()
    waiter.cancel()
    live.ended.add("m_1")
    issuer.gate.set()
    await settle()
    assert broker.cached(REQUEST) is None
    assert issuer.revoked == ["id-0"]


async def test_a_failed_mint_refuses_every_waiter_and_is_not_remembered(broker, issuer):
    """Ten waiters, one failure, ten refusals; the next request tries again."""
    issuer.gate.clear()
    issuer.fault = RefusalError(Reason.TOKEN_TOO_WIDE, "scope")
    waiters = [asyncio.create_task(broker.token(REQUEST)) for _ in range(10)]
    await settle()
    issuer.gate.set()
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert {outcome.reason for outcome in outcomes} == {Reason.TOKEN_TOO_WIDE}
    issuer.fault = None
    assert (await broker.token(REQUEST)).id == "id-1"


# Time


async def test_a_token_is_not_handed_out_in_its_last_tenth(broker, clock):
    """A tenth of its life before its end a token counts as gone."""
    await broker.token(REQUEST)
    clock.now += 89.9
    assert broker.cached(REQUEST).id == "id-0"
    await settle()  # the early renewal it set off
    clock.now += 89.9
    assert broker.cached(REQUEST).id == "id-1"


async def test_two_seconds_before_its_end_even_a_short_token_counts_as_gone(broker, issuer, clock):
    """The margin is never below two seconds."""
    issuer.life = 10.0
    await broker.token(REQUEST)
    clock.now += 8.0
    assert broker.cached(REQUEST) is None
    assert (await broker.token(REQUEST)).id == "id-1"


async def test_a_token_past_three_quarters_is_renewed_off_the_path(broker, issuer, clock):
    """The request gets the old token at once; one renewal runs behind, however many ask."""
    await broker.token(REQUEST)
    clock.now += 74.9
    broker.cached(REQUEST)
    await settle()
    assert len(issuer.minted) == 1
    clock.now += 0.1
    issuer.gate.clear()
    assert [broker.cached(REQUEST).id for _ in range(20)] == ["id-0"] * 20
    await settle()
    issuer.gate.set()
    await settle()
    assert len(issuer.minted) == 2
    assert broker.cached(REQUEST).id == "id-1"


async def test_a_failed_renewal_leaves_the_old_token_and_waits_before_the_next(broker, issuer, clock):
    """An issuer that is down isn't asked at every request, and the old token serves until its margin."""
    await broker.token(REQUEST)
    issuer.fault = OSError("down")
    clock.now += 76
    for _ in range(20):
        assert broker.cached(REQUEST).id == "id-0"
        await settle()
    assert len(issuer.minted) == 2
    clock.now += 1.5
    broker.cached(REQUEST)
    await settle()
    assert len(issuer.minted) == 3
    clock.now += 13
    assert broker.cached(REQUEST) is None
    assert await refused(broker.token(REQUEST)) is Reason.TOKEN_UNAVAILABLE


async def test_a_stored_key_is_fetched_anew_after_its_ttl(issuer, clock, live):
    """A token without an end is not kept for ever."""

    class Stored:
        async def mint(self, request, spec):
            issuer.minted.append(request)
            return Token(Secret("key"), "key-1", Grade.C, None)

        async def revoke(self, token, spec):
            return False

    broker = TokenBroker(
        {"stored_key": Stored()}, {"example": IssuerSpec("stored_key", 60.0, grade=Grade.C)}, clock, is_live=live
    )
    await broker.token(REQUEST)
    clock.now += 44
    assert broker.cached(REQUEST) is not None
    clock.now += 20
    assert broker.cached(REQUEST) is None
    await broker.close()


# The end of a mission


async def test_end_drops_before_it_returns(broker, issuer, live):
    """Nothing comes in between: the tokens are gone before anybody waits."""
    await broker.token(REQUEST)
    live.ended.add("m_1")
    ending = broker.end("m_1")
    assert broker.cached(REQUEST) is None
    assert broker.stats()["tokens"] == 0
    await ending


async def test_end_revokes_what_it_dropped_and_counts(broker, issuer, live):
    """(dropped, revoked) of that mission alone."""
    await broker.token(REQUEST)
    await broker.token(replace(REQUEST, action="example:b"))
    kept = await broker.token(replace(REQUEST, session="m_2/bot", mission="m_2"))
    live.ended.add("m_1")
    assert counts(await broker.end("m_1")) == (2, 2)
    assert sorted(issuer.revoked) == ["id-0", "id-1"]
    assert broker.cached(replace(REQUEST, session="m_2/bot", mission="m_2")) is kept
    assert counts(await broker.end("m_1")) == (0, 0)
    assert counts(await broker.end("never-seen")) == (0, 0)


async def test_an_issuer_that_cannot_revoke_is_not_counted(broker, issuer, live):
    """Dropped, but not revoked; it is named with its end of life."""
    issuer.can_revoke = False
    token = await broker.token(REQUEST)
    live.ended.add("m_1")
    ended = await broker.end("m_1")
    assert counts(ended) == (1, 0)
    assert ended.left == (TokenLeft(REQUEST.service, token.id, token.expires_at),)


async def test_a_mint_under_way_at_the_end_is_dropped_and_revoked(broker, issuer, live):
    """Its waiters are refused at once; its token is revoked when it comes."""
    issuer.gate.clear()
    waiters = [asyncio.create_task(broker.token(REQUEST)) for _ in range(3)]
    await settle()
    live.ended.add("m_1")
    assert counts(await broker.end("m_1")) == (1, 0)
    outcomes = await asyncio.gather(*waiters, return_exceptions=True)
    assert {outcome.reason for outcome in outcomes} == {Reason.MISSION_ENDED}
    issuer.gate.set()
    await settle()
    assert broker.cached(REQUEST) is None
    assert issuer.revoked == ["id-0"]


async def test_a_mission_that_ends_between_mint_and_waiter_is_refused(broker, issuer, live):
    """A waiter woken after the end gets no token, although the mint came in time."""
    issuer.gate.clear()
    waiter = asyncio.create_task(broker.token(REQUEST))
    await settle()
    issuer.gate.set()
    while broker.stats()["minted"] == 0 and not waiter.done():
        await asyncio.sleep(0)
    live.ended.add("m_1")
    await broker.end("m_1")
    assert await refused(waiter) is Reason.MISSION_ENDED


async def test_no_mint_begins_for_a_session_that_is_not_live(broker, issuer, live):
    """Asked for after the end: refused without a call to the issuer."""
    live.ended.add("m_1")
    assert await refused(broker.token(REQUEST)) is Reason.MISSION_ENDED
    assert issuer.minted == []


async def test_a_token_replaced_by_renewal_is_revoked_too(broker, issuer, clock, live):
    """The mission's end reaches the old token as long as it lives."""
    await broker.token(REQUEST)
    clock.now += 80
    broker.cached(REQUEST)
    await settle()
    live.ended.add("m_1")
    assert counts(await broker.end("m_1")) == (1, 2)
    assert sorted(issuer.revoked) == ["id-0", "id-1"]


async def test_nothing_of_an_ended_mission_stays_in_memory(broker, issuer, clock, live):
    """Held, renewed, under way, refused as too wide: after the end no value is alive."""
    await broker.token(REQUEST)
    clock.now += 80
    broker.cached(REQUEST)
    await settle()
    issuer.grade = Grade.B
    assert await refused(broker.token(replace(REQUEST, resource="Q"))) is Reason.TOKEN_TOO_WIDE
    issuer.grade = Grade.A
    issuer.gate.clear()
    waiter = asyncio.create_task(broker.token(replace(REQUEST, action="example:b")))
    await settle()
    live.ended.add("m_1")
    await broker.end("m_1")
    issuer.gate.set()
    await settle()
    assert await refused(waiter) is Reason.MISSION_ENDED
    del waiter
    gc.collect()
    assert len(issuer.values) == 4
    assert [value() for value in issuer.values] == [None] * 4
    assert broker.stats()["missions"] == 0


async def test_a_refused_token_is_gone_at_once(broker, issuer):
    """A token that was refused isn't kept alive by the refusal, not even until the next collection."""
    issuer.grade = Grade.B
    gc.disable()
    try:
        assert await refused(broker.token(REQUEST)) is Reason.TOKEN_TOO_WIDE
        await settle()
        assert [value() for value in issuer.values] == [None]
    finally:
        gc.enable()


async def test_slow_revocations_do_not_hold_up_the_end(clock, live):
    """``end`` returns within the time of one revocation and says how many were done."""

    class Slow(Issuer):
        async def revoke(self, token, spec):
            await asyncio.sleep(60)
            return True

    broker = TokenBroker({"jwt": Slow(clock)}, SPECS, clock, is_live=live, timeout=0.05)
    for number in range(50):
        await broker.token(replace(REQUEST, resource=str(number)))
    live.ended.add("m_1")
    async with asyncio.timeout(1):
        assert counts(await broker.end("m_1")) == (50, 0)
    await broker.close()


async def test_a_cancelled_end_still_revokes(broker, issuer, live):
    """Whoever called ``end`` may go away."""
    await broker.token(REQUEST)
    live.ended.add("m_1")
    ending = asyncio.ensure_future(broker.end("m_1"))
    await asyncio.sleep(0)
    ending.cancel()
    await settle()
    assert issuer.revoked == ["id-0"]


async def test_a_failing_revocation_is_a_false(broker, issuer, live, monkeypatch):
    """An issuer that fails to revoke doesn't break the end."""

    async def broken(token, spec):
        raise OSError("down")

    await broker.token(REQUEST)
    monkeypatch.setattr(issuer, "revoke", broken)
    live.ended.add("m_1")
    assert counts(await broker.end("m_1")) == (1, 0)


# What was granted, and faults


@pytest.mark.parametrize(
    ("life", "grade", "reason"),
    [
        (102.0, Grade.A, Reason.TOKEN_TOO_WIDE),
        (1e9, Grade.A, Reason.TOKEN_TOO_WIDE),
        (float("nan"), Grade.A, Reason.TOKEN_TOO_WIDE),
        (float("inf"), Grade.A, Reason.TOKEN_TOO_WIDE),
        (100.0, Grade.B, Reason.TOKEN_TOO_WIDE),
        (100.0, Grade.NONE, Reason.TOKEN_TOO_WIDE),
        (0.0, Grade.A, Reason.TOKEN_UNAVAILABLE),
        (-5.0, Grade.A, Reason.TOKEN_UNAVAILABLE),
    ],
)
async def test_a_grant_other_than_asked_is_refused_and_revoked(broker, issuer, life, grade, reason):
    """Longer, of a lower grade, or already over: refused, not kept, revoked."""
    issuer.life, issuer.grade = life, grade
    assert await refused(broker.token(REQUEST)) is reason
    await settle()
    assert broker.cached(REQUEST) is None
    assert issuer.revoked == ["id-0"]


@pytest.mark.parametrize(
    "fault",
    [
        ValueError("sk-secret"),
        OSError("sk-secret"),
        TimeoutError("sk-secret"),
        asyncio.CancelledError("sk-secret"),
        StopAsyncIteration("sk-secret"),
        MemoryError("sk-secret"),
        KeyError("sk-secret"),
    ],
)
async def test_whatever_an_issuer_raises_is_a_refusal(broker, issuer, fault):
    """No foreign error gets through, and none of its text."""
    issuer.fault = fault
    with pytest.raises(RefusalError) as caught:
        await broker.token(REQUEST)
    assert caught.value.reason is Reason.TOKEN_UNAVAILABLE
    assert "sk-secret" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert broker.stats()["minting"] == 0


@pytest.mark.parametrize("answer", [None, "token", 7])
async def test_an_issuer_that_lies_about_its_type_is_refused(broker, issuer, monkeypatch, answer):
    """What isn't a Token is no token."""

    async def mint(request, spec):
        return answer

    monkeypatch.setattr(issuer, "mint", mint)
    assert await refused(broker.token(REQUEST)) is Reason.TOKEN_UNAVAILABLE


async def test_a_token_without_end_is_grade_c_only(broker, issuer, monkeypatch):
    """A narrow token that never ends is not what was asked for."""

    async def mint(request, spec):
        return Token(Secret("x"), "id", Grade.A, None)

    monkeypatch.setattr(issuer, "mint", mint)
    assert await refused(broker.token(REQUEST)) is Reason.TOKEN_TOO_WIDE


async def test_an_issuer_that_hangs_is_a_refusal_in_time(broker, issuer):
    """The time-out ends the wait."""
    issuer.gate.clear()
    async with asyncio.timeout(1):
        assert await refused(broker.token(REQUEST)) is Reason.TOKEN_UNAVAILABLE


async def test_a_liveness_check_that_fails_is_a_refusal(issuer, clock):
    """If nobody can say that the mission lives, there is no token."""
    answers = iter([True])
    broker = TokenBroker({"jwt": issuer}, SPECS, clock, is_live=lambda session: next(answers))
    assert await refused(broker.token(REQUEST)) is Reason.TOKEN_UNAVAILABLE
    assert broker.cached(REQUEST) is None
    await settle()
    assert issuer.revoked == ["id-0"]
    await broker.close()


@pytest.mark.parametrize("services", [{}, {"example": IssuerSpec("unheard-of", 60.0, grade=Grade.A)}])
async def test_a_service_without_an_issuer_is_refused(issuer, clock, live, services):
    """Unknown service or kind: no token."""
    broker = TokenBroker({"jwt": issuer}, services, clock, is_live=live)
    assert await refused(broker.token(REQUEST)) is Reason.TOKEN_UNAVAILABLE
    await broker.close()


# Bounds


async def test_memory_is_bounded_and_the_evicted_are_revoked(issuer, clock, live):
    """The least recently used token goes first, and goes at its issuer too."""
    broker = TokenBroker({"jwt": issuer}, SPECS, clock, is_live=live, capacity=3)
    requests = [replace(REQUEST, session=f"m_{number}/bot", mission=f"m_{number}") for number in range(4)]
    for request in requests[:3]:
        await broker.token(request)
    assert broker.cached(requests[0]) is not None
    await broker.token(requests[3])
    await settle()
    assert broker.cached(requests[1]) is None
    assert issuer.revoked == ["id-1"]
    stats = broker.stats()
    assert (stats["tokens"], stats["missions"], stats["evicted"], stats["revoked"]) == (3, 3, 1, 1)
    assert counts(await broker.end("m_1")) == (0, 0)
    await broker.close()


async def test_close_refuses_waiters_and_forgets_everything(broker, issuer):
    """After a shutdown nobody waits for ever and no token is held."""
    await broker.token(REQUEST)
    issuer.gate.clear()
    waiter = asyncio.create_task(broker.token(replace(REQUEST, action="example:b")))
    await settle()
    await broker.close()
    assert await refused(waiter) is Reason.TOKEN_UNAVAILABLE
    assert broker.stats()["tokens"] == 0
    assert broker.stats()["minting"] == 0


@pytest.mark.guard("listed-before-used")
async def test_a_token_is_listed_before_anybody_may_use_it(clock):
    """One that can't be listed is revoked and refused; a kind whose tokens aren't worth a list isn't asked about."""
    told: list[str] = []

    async def note(request, token, spec):
        told.append(token.id)
        if len(told) > 1:
            raise UnavailableError("the store is gone")

    specs = {"example": replace(SPECS["example"], listed=True), "other": SPECS["other"]}
    issuer = Issuer(clock)
    broker = TokenBroker({"jwt": issuer}, specs, clock, is_live=lambda _: True, note=note)
    first = await broker.token(REQUEST)
    assert told == [first.id]
    assert await refused(broker.token(replace(REQUEST, action="example:other"))) is Reason.TOKEN_UNAVAILABLE
    assert broker.cached(replace(REQUEST, action="example:other")) is None
    await broker.token(replace(REQUEST, service="other"))
    assert len(told) == 2
    await broker.close()
