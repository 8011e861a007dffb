"""Signatures as the specification has them, and messages that are taken once, in time, from whom they are."""

from __future__ import annotations

import pytest

from exeat.approvals.errors import ReplayedError, SignatureError
from exeat.approvals.inbox import Inbox
from exeat.approvals.signing import holds, key_of, sign, signed
from exeat.errors import StartError
from exeat.model.secret import Secret
from unit.standing_clock import StandingClock

KEY, OTHER = b"k" * 24, b"o" * 24
BODY = b'{"a": 1}'


def test_the_signature_is_that_of_the_specification():
    """The vector of the reference libraries."""
    key = key_of(Secret("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"), "x")
    made = sign(key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, b'{"test": 2432232314}')
    assert made == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_one_of_several_signatures_is_enough_and_another_version_is_none():
    right = sign(KEY, "m", 1, BODY)
    assert holds(KEY, "m", 1, BODY, f"v1a,xx {sign(OTHER, 'm', 1, BODY)} {right}")
    for shown in ("", "v1,", right.replace("v1", "v2"), right[:-1], "v1,xx " * 20 + right):
        assert not holds(KEY, "m", 1, BODY, shown)
    assert not holds(KEY, "n", 1, BODY, right)
    assert not holds(KEY, "m", 2, BODY, right)
    assert not holds(KEY, "m", 1, BODY + b" ", right)


@pytest.mark.parametrize("text", ["short", "whsec_", "whsec_!!!", "whsec_c2hvcnQ="])
def test_a_weak_secret_refuses_to_start(text):
    with pytest.raises(StartError) as caught:
        key_of(Secret(text), "approver finance")
    assert text not in str(caught.value)


def test_a_message_is_taken_from_its_group_once_and_in_time():
    clock = StandingClock(1000.0)
    inbox = Inbox({"finance": KEY, "board": OTHER}, clock)
    message = signed(OTHER, "m_1", 1000, BODY)
    assert inbox.take(message, BODY) == "board"
    with pytest.raises(ReplayedError):
        inbox.take(message, BODY)
    inbox.give_back(message)
    assert inbox.take(message, BODY) == "board"
    for moment in (699, 1301):
        with pytest.raises(SignatureError):
            inbox.take(signed(KEY, f"m_{moment}", moment, BODY), BODY)
    clock.now = 1300.0
    with pytest.raises(ReplayedError):
        inbox.take(message, BODY)
    assert inbox.take(signed(KEY, "m_2", 1000, BODY), BODY) == "finance"
    clock.now = 1301.0
    with pytest.raises(SignatureError):
        inbox.take(message, BODY)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_a_message_without_a_part_of_its_signature_is_not_taken(missing):
    fields = {key: value for key, value in signed(KEY, "m", 1000, BODY).items() if key != missing}
    with pytest.raises(SignatureError):
        Inbox({"finance": KEY}, StandingClock(1000.0)).take(fields, BODY)
