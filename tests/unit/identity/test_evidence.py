"""Evidence: one way to show a pass, and no second reading of it."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.errors import RefusalError
from exeat.identity.evidence import read_credential
from exeat.model.reason import Reason

PASS = "aaa.bbb.ccc"


def basic(text: str | bytes) -> bytes:
    return b"Basic " + base64.b64encode(text.encode() if isinstance(text, str) else text)


def shown(value: bytes, name: bytes = b"Proxy-Authorization"):
    return read_credential(((b"Host", b"x"), (name, value), (b"Accept", b"*/*")))


@pytest.mark.parametrize(
    "value",
    [
        basic(f"mission:{PASS}"),
        basic(f":{PASS}"),
        basic(f"anybody at all:{PASS}"),
        basic("mission:" + PASS).replace(b"Basic", b"bAsIc"),
        b"Bearer aaa.bbb.ccc",
        b"bearer   aaa.bbb.ccc",
    ],
)
@pytest.mark.parametrize("name", [b"Proxy-Authorization", b"proxy-authorization", b"PROXY-AUTHORIZATION"])
def test_the_pass_is_read(value, name):
    """Basic with any user name, or Bearer, in any spelling of scheme and field."""
    assert shown(value, name).reveal() == PASS


def test_a_colon_belongs_to_the_password():
    """The first colon ends the user name (RFC 7617 §2)."""
    assert shown(basic("u:a:b")).reveal() == "a:b"


def test_no_field_is_no_pass():
    """Without the field there is no evidence; other fields don't count."""
    assert read_credential(()) is None
    assert read_credential(((b"Authorization", b"Bearer x"), (b"proxy_authorization", b"Bearer x"))) is None


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"Basic", id="scheme alone"),
        pytest.param(b"Basic ", id="nothing after the scheme"),
        pytest.param(PASS.encode(), id="no scheme"),
        pytest.param(b"Digest " + PASS.encode(), id="another scheme"),
        pytest.param(b"Negotiate abcd", id="negotiate"),
        pytest.param(b"Bearer a b", id="two tokens"),
        pytest.param(b"Bearer a,b", id="comma"),
        pytest.param(b"Bearer a, Basic b", id="two challenges in one field"),
        pytest.param(b" Bearer a", id="space before"),
        pytest.param(b"Bearer a ", id="space after"),
        pytest.param(b"Bearer\ta", id="tab"),
        pytest.param(b"Bearer a\r\n b", id="folded"),
        pytest.param(b"Bearer a\x00", id="NUL"),
        pytest.param("Bearer ä".encode(), id="not ASCII"),
        pytest.param(b"Bearer " + b"a" * 9000, id="too long"),
        pytest.param(basic(PASS), id="no colon"),
        pytest.param(basic(f"{PASS}:"), id="pass as the user name"),
        pytest.param(basic(""), id="nothing in it"),
        pytest.param(basic("mission:a b"), id="space in the password"),
        pytest.param(basic("mission:a\nb"), id="newline in the password"),
        pytest.param(basic("mis\x00sion:a"), id="NUL in the user name"),
        pytest.param(basic("mis\nsion:a"), id="newline in the user name"),
        pytest.param(basic("mission:ä"), id="password not ASCII"),
        pytest.param(b"Basic dTpw!!!!", id="not base64"),
        pytest.param(b"Basic dTphYg", id="padding missing"),
        pytest.param(b"Basic dTphYh==", id="bits behind the end"),
        pytest.param(b"Basic dTph=Yg=", id="padding inside"),
        pytest.param(b"Basic dTphYg====", id="too much padding"),
        pytest.param(b"Basic dTpw-_-_", id="URL alphabet"),
    ],
)
def test_what_could_be_read_in_two_ways_is_refused(value):
    """Malformed evidence is invalid, not missing."""
    with pytest.raises(RefusalError) as refused:
        shown(value)
    assert refused.value.reason is Reason.IDENTITY_INVALID


def test_two_fields_are_refused_even_when_equal():
    """Which one counts must never be a question."""
    twice = ((b"Proxy-Authorization", b"Bearer a"), (b"proxy-authorization", b"Bearer a"))
    with pytest.raises(RefusalError) as refused:
        read_credential(twice)
    assert refused.value.reason is Reason.IDENTITY_INVALID


def test_an_error_does_not_quote_the_pass():
    """The detail goes to the record, so it holds nothing that was shown."""
    for value in (b"Bearer secretpass x", basic("user:secret\npass"), basic("secretpass")):
        with pytest.raises(RefusalError) as refused:
            shown(value)
        assert "secret" not in str(refused.value)


@settings(max_examples=200)
@given(st.binary(max_size=60), st.sampled_from([b"", b"Basic ", b"Bearer "]), st.booleans())
def test_any_bytes_are_a_pass_or_a_refusal(value, scheme, encoded):
    """Property: nothing else is raised, and a pass is always visible ASCII."""
    try:
        found = shown(scheme + (base64.b64encode(value) if encoded else value))
    except RefusalError:
        return
    assert found is not None
    assert found.reveal().isascii()
    assert found.reveal().isprintable()
    assert " " not in found.reveal()
