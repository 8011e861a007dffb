"""What an origin wrote is put back into a request only where it can't change what the request is."""

from __future__ import annotations

import pytest

from exeat.credentials.custody import MARK, Custody
from exeat.enforcement.answers.keeping import Keeper
from exeat.model.request import CanonicalRequest
from exeat.model.service import Handouts
from unit.standing_clock import StandingClock

CLOCK = StandingClock()
REQUEST = CanonicalRequest("GET", "https", "api.example.test", 443, "/v1/a", "", (), "HTTP/1.1")


def handed(name: bytes, value: bytes) -> list[bytes]:
    """What an agent gets of one field."""
    keeper = Keeper(Custody(b"k" * 32, CLOCK.time, 65536), CLOCK, Handouts())
    return [given for _, given in keeper.hand_out("m_1/bot", REQUEST, ((name, value),), None)]


@pytest.mark.parametrize("value", [b"abc", b"a%2Fb", b"a=b", b"a'b"])
def test_a_signature_is_kept(value):
    (given,) = handed(b"Location", b"/v1/b?x=1&X-Amz-Signature=" + value)
    assert given.startswith(b"/v1/b?x=1&X-Amz-Signature=" + MARK.encode())


@pytest.mark.guard("link-value")
@pytest.mark.parametrize(
    "value", [b"a b HTTP/1.1", b"a\tb", b"a\xe9", b"a\x01", b"a\x7f", b"a%", b"a%zz", "é".encode()]
)
def test_a_signature_that_could_not_stand_in_a_target_is_withheld(value):
    assert handed(b"Location", b"/v1/b?X-Amz-Signature=" + value) == [b"/v1/b?X-Amz-Signature=withheld"]


@pytest.mark.guard("kept-cookie-fits")
@pytest.mark.parametrize("value", [b"a=b\x01c", b"a=b\x7f", b"a=b\x0bc"])
def test_a_cookie_with_control_characters_is_left_out(value):
    assert handed(b"Set-Cookie", value + b"; HttpOnly") == []
