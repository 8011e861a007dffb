"""Short passes prove what a pass proves, in 255 bytes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import ConflictError, RefusalError
from exeat.identity.short import ShortOrLong, sign_short
from exeat.model.identity import Agent
from exeat.model.mission import Mission, MissionState
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import VerifiedPass

KEY = b"k" * 32
AGENT = Agent("invoice-bot", "prod", "exeat.internal")
LONGEST = Agent("a" * 63, "e" * 63, "exeat.internal")
MISSION = Mission("m_01M86D2F14W2AM3FD8MK5X37T3", "prod", ("invoice-bot",), (), (), 1_795_000_000.0, 1_795_511_368.0)


class Clock:
    now = 1_795_511_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return 0.0

    def boot(self) -> float:
        return 0.0


class Long:
    def verify(self, presented: Secret) -> VerifiedPass:
        raise RefusalError(Reason.IDENTITY_INVALID, "long")


def reader(clock: Clock | None = None, key: bytes = KEY) -> ShortOrLong:
    return ShortOrLong(key, "exeat.internal", Long(), clock or Clock())


def test_a_short_pass_names_its_session_until_the_mission_ends() -> None:
    found = reader().verify(sign_short(KEY, MISSION, AGENT))
    assert (found.mission, found.subject, found.expires_at) == (MISSION.id, AGENT.spiffe_id, MISSION.expires_at)
    assert len(sign_short(KEY, MISSION, LONGEST).reveal()) <= 255


def test_it_ends_with_the_mission() -> None:
    clock = Clock()
    clock.now = MISSION.expires_at
    with pytest.raises(RefusalError) as refused:
        reader(clock).verify(sign_short(KEY, MISSION, AGENT))
    assert refused.value.reason is Reason.MISSION_ENDED


def test_none_is_made_for_a_mission_that_has_ended() -> None:
    from dataclasses import replace

    with pytest.raises(ConflictError):
        sign_short(KEY, replace(MISSION, state=MissionState.REVOKED), AGENT)


def test_another_key_signs_nothing_here() -> None:
    with pytest.raises(RefusalError) as refused:
        reader().verify(sign_short(b"x" * 32, MISSION, AGENT))
    assert refused.value.reason is Reason.IDENTITY_INVALID


@pytest.mark.guard("short-pass-mac")
@pytest.mark.parametrize(
    "change",
    [
        lambda text: text.replace("invoice-bot", "payout-bot"),
        lambda text: text.replace("1795511368", "1995511368"),
        lambda text: text[:-1],
        lambda text: text + "A",
        lambda text: text[:-1] + ("A" if text[-1] != "A" else "B"),
        lambda text: text.replace("~", "~~", 1),
        lambda text: text.replace("T3~", "t3~"),
        lambda text: "exeat1~",
        lambda text: text.rpartition("~")[0] + "~" + "=" * 22,
    ],
)
def test_whatever_is_changed_is_refused(change) -> None:
    with pytest.raises(RefusalError) as refused:
        reader().verify(Secret(change(sign_short(KEY, MISSION, AGENT).reveal())))
    assert refused.value.reason is Reason.IDENTITY_INVALID
    assert refused.value.detail != "long"


@given(st.text("exeat1~m_0AZ.-09", max_size=120))
def test_nothing_else_raises(text: str) -> None:
    with pytest.raises(RefusalError):
        reader().verify(Secret("exeat1~" + text))
