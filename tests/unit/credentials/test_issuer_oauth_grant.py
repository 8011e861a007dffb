"""What a token endpoint grants is compared with what was asked; wider in any way is refused."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.credentials.oauth.grant import Asked, check_grant
from exeat.credentials.oauth.strict_json import read_object
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from unit.credentials.oauth_fake import GOOD, unsigned

NOW = 1_900_000_000.0
AGENT = "spiffe://exeat.internal/env/prod/agent/invoice-bot"
ASKED = Asked(AGENT, frozenset({"items:read", "items:write"}), frozenset({"https://api.example.test"}), 60.0)
CLAIMS = {
    "iss": "https://login.example.test", "sub": AGENT, "aud": "https://api.example.test", "exp": int(NOW) + 60,
    "jti": "0123456789abcdef", "scope": "items:write",
}  # fmt: skip


def check(**changed):
    fields = {name: value for name, value in (GOOD | changed).items() if value is not ...}
    return check_grant(fields, ASKED, sent=NOW, now=NOW + 0.1)


def check_jwt(**changed):
    claims = {name: value for name, value in (CLAIMS | changed).items() if value is not ...}
    return check(access_token=unsigned(claims))


def test_a_grant_as_asked_is_taken():
    """The value and the end of life, counted from when the request was sent."""
    grant = check()
    assert (grant.value.reveal(), grant.id, grant.expires_at) == (GOOD["access_token"], "", NOW + 60)
    assert "opaque" not in repr(grant)


@pytest.mark.parametrize(
    "changed",
    [
        {"scope": ...}, {"scope": "items:write items:read"}, {"scope": "items:read"},
        {"token_type": "bearer"}, {"token_type": "BEARER"}, {"expires_in": 3}, {"refresh_token": "x"},
        {"access_token": "a.b.c"}, {"access_token": "v2.local.payload"}, {"access_token": "x" * 16384},
    ],
)  # fmt: skip
def test_narrower_or_the_same_is_taken(changed):
    """Fewer scopes, a shorter life, another case, tokens with dots that are no JWTs."""
    assert check(**changed).expires_at <= NOW + 60


@pytest.mark.guard("grant-scope")
@pytest.mark.guard("grant-life")
@pytest.mark.parametrize(
    "changed",
    [
        {"scope": "items:delete"}, {"scope": "items:write items:delete"}, {"scope": "ITEMS:WRITE"}, {"scope": "*"},
        {"scope": None}, {"scope": 7}, {"scope": ["items:write", 7]}, {"scope": ["items:delete"]}, {"scope": {}},
        {"scope": "items:write\titems:delete"},
        {"expires_in": 61}, {"expires_in": 10**30}, {"expires_in": ...}, {"expires_in": None}, {"expires_in": True},
        {"expires_in": "60"}, {"expires_in": 60.0}, {"expires_in": [60]},
        {"token_type": "DPoP"}, {"token_type": "N_A"}, {"token_type": "mac"}, {"token_type": ...}, {"token_type": 1},
        {"issued_token_type": ...}, {"issued_token_type": None},
        {"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"issued_token_type": "urn:ietf:params:oauth:token-type:id_token"},
    ],
)  # fmt: skip
def test_wider_or_unclear_is_too_wide(changed):
    """Another scope, a longer or unknown life, another type."""
    with pytest.raises(RefusalError) as refused:
        check(**changed)
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE
    assert GOOD["access_token"] not in refused.value.detail


@pytest.mark.parametrize(
    "changed",
    [
        {"access_token": ...}, {"access_token": ""}, {"access_token": None}, {"access_token": ["x"]},
        {"access_token": "with space"}, {"access_token": "two\r\nlines"}, {"access_token": "ümlaut"},
        {"access_token": "x" * 16385}, {"expires_in": 0}, {"expires_in": -60}, {"scope": ""}, {"scope": " "},
    ],
)  # fmt: skip
def test_what_is_no_living_token_is_unavailable(changed):
    """Nothing that a header can't carry, nothing that is over, nothing of no scope at all."""
    with pytest.raises(RefusalError) as refused:
        check(**changed)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


def test_a_jwt_as_asked_is_taken_with_its_id():
    """The ``jti`` names it in the record; it ends when the earlier of both ends says."""
    assert check_jwt().id == "0123456789abcdef"
    assert check_jwt(exp=int(NOW) + 30).expires_at == NOW + 30
    assert check_jwt(exp=int(NOW) + 64).expires_at == NOW + 60  # the server's clock is a little ahead


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": ["https://api.example.test"]}, {"scope": ...}, {"scope": "items:read"}, {"scope": ["items:read"]},
        {"scp": ["items:write"]}, {"sub": "00u1"}, {"sub": ...}, {"act": {"sub": "exeat"}}, {"exp": NOW + 60.5},
    ],
)  # fmt: skip
def test_a_jwt_no_wider_is_taken(changed):
    """Claims as different servers write them."""
    assert check_jwt(**changed).expires_at <= NOW + 60


@pytest.mark.guard("grant-audience")
@pytest.mark.parametrize(
    "changed",
    [
        {"exp": int(NOW) + 66}, {"exp": ...}, {"exp": None}, {"exp": True}, {"exp": "soon"}, {"exp": 10**20},
        {"aud": ...}, {"aud": []}, {"aud": ""}, {"aud": None}, {"aud": 7}, {"aud": ["https://api.example.test", 7]},
        {"aud": "https://other.example.test"}, {"aud": ["https://api.example.test", "https://other.example.test"]},
        {"aud": "https://api.example.test/"}, {"aud": {"x": 1}},
        {"scope": "items:write items:delete"}, {"scope": 7}, {"scp": ["items:delete"]}, {"scp": "items:admin"},
        {"sub": AGENT.replace("invoice", "report")},
    ],
)  # fmt: skip
def test_a_jwt_that_says_it_is_wider_is_too_wide(changed):
    """The answer's own fields were as asked; the token itself says otherwise."""
    with pytest.raises(RefusalError) as refused:
        check_jwt(**changed)
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


@pytest.mark.parametrize(
    "claims",
    ["", "[]", "null", '{"exp": 1, "exp": 2}', '{"aud": NaN}', '{"a": {"b": 1, "b": 2}}', "{", '{"a": "\\ud800"}'],
)
def test_a_jwt_that_can_be_read_in_two_ways_is_refused(claims):
    """Duplicate keys, NaN and broken JSON: whoever verifies it may read something else."""
    with pytest.raises(RefusalError) as refused:
        check(access_token=unsigned(claims))
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


@pytest.mark.parametrize("jti", ["1", "short", "x" * 129, "two words in a row", 7, None, ..., "ümlaut-0123456789"])
def test_a_jti_that_may_not_be_unique_is_no_id(jti):
    """The broker's caller keeps things by a token's id."""
    assert check_jwt(jti=jti).id == ""


def test_an_expired_jwt_is_unavailable():
    """A server whose clock is behind grants tokens that are over."""
    with pytest.raises(RefusalError) as refused:
        check_jwt(exp=int(NOW) - 1)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


words = st.sampled_from(["items:read", "items:write", "items:delete", "admin", ""])


@settings(max_examples=150)
@given(st.lists(words, max_size=5), st.lists(words, max_size=5), st.integers(-10, 200), st.integers(-10, 200))
def test_nothing_taken_is_ever_wider(answer, claim, life, exp):
    """Property: whatever passes holds no scope that wasn't asked for and ends within the time asked for."""
    try:
        grant = check(
            scope=" ".join(answer),
            expires_in=life,
            access_token=unsigned(CLAIMS | {"scope": " ".join(claim), "exp": int(NOW) + exp}),
        )
    except RefusalError:
        return
    assert {*answer, *claim} <= ASKED.scope | {""}
    assert NOW < grant.expires_at <= NOW + ASKED.ttl


@pytest.mark.parametrize(
    "raw",
    [b"", b"[]", b"1", b"null", b'"x"', b'{"a":1,"a":1}', b'{"a":[{"b":1,"b":2}]}', b'{"a":NaN}', b'{"a":Infinity}',
     b'{"a":1}x', b'{"a":"\xff"}', b"\xef\xbb\xbf{}", b'{"a":' * 5000, b'{"a":' + b"9" * 5000 + b"}"],
)  # fmt: skip
def test_json_that_is_not_one_clear_object_is_refused(raw):
    """And the error quotes none of it."""
    with pytest.raises(ValueError, match=r"^not ") as refused:
        read_object(raw)
    assert refused.value.__cause__ is None


@settings(max_examples=100)
@given(
    st.dictionaries(st.text(), st.recursive(st.none() | st.booleans() | st.text(), st.lists, max_leaves=5), max_size=5)
)
def test_a_clear_object_is_read_as_it_is(value):
    """Property: what Python writes is what is read."""
    try:
        raw = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    assert read_object(raw) == value


@pytest.mark.guard("grant-no-scope")
@pytest.mark.parametrize(
    ("token", "scope", "taken"),
    [
        ("opaque", ..., False), ("opaque", "items:write", True), ({}, ..., False), ({"scope": "items:write"}, ..., True),
        ({"scp": ["items:write"]}, ..., True), ({"scope": ""}, "items:write", False), ({"scp": []}, ..., False),
    ],
)  # fmt: skip
def test_a_server_that_isnt_quiet_states_what_it_grants(token, scope, taken):
    """A scope that it doesn't know is dropped without a word: what isn't stated, in answer or token, wasn't granted."""
    fields = GOOD | {"scope": scope} if scope is not ... else {name: GOOD[name] for name in GOOD if name != "scope"}
    if token != "opaque":
        claims = {name: value for name, value in CLAIMS.items() if name != "scope"}
        fields["access_token"] = unsigned(claims | token)
    asked = replace(ASKED, quiet=False)
    if taken:
        assert check_grant(fields, asked, sent=NOW, now=NOW).expires_at == NOW + 60
    else:
        with pytest.raises(RefusalError, match="granted no scope"):
            check_grant(fields, asked, sent=NOW, now=NOW)


def test_only_an_exchange_has_to_name_what_kind_of_token_it_gave():
    """RFC 8693 §2.2.1; a kind that is named is compared all the same."""
    fields, asked = {name: GOOD[name] for name in GOOD if name != "issued_token_type"}, replace(ASKED, kind=False)
    assert check_grant(fields, asked, sent=NOW, now=NOW)
    with pytest.raises(RefusalError, match="another kind of token"):
        check_grant(fields | {"issued_token_type": "urn:x"}, asked, sent=NOW, now=NOW)
