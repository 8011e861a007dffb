"""Tokens taken apart: whatever comes in, there is one reading or a refusal; and a changed token never verifies."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.errors import RefusalError
from exeat.identity.issuer import REQUIRED, TYPES, TrustedIssuer
from exeat.identity.issuer_keys import IssuerKeys, Schedule
from exeat.identity.jose import UnverifiedToken, read_token
from exeat.identity.tokens import TokenVerifier
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from rig.issuer import Key, b64, compact
from unit.standing_clock import StandingClock

KEY, CLOCK = Key(), StandingClock()
NOW = int(CLOCK.now)
ISSUER = TrustedIssuer("https://i", "oidc", "us", frozenset({"ES256"}), REQUIRED["oidc"], TYPES["oidc"], 3600, 30)
CLAIMS = {"iss": "https://i", "sub": "s", "aud": "us", "exp": NOW + 60, "iat": NOW, "nbf": NOW, "jti": "j"}
GOOD = compact({"alg": "ES256", "kid": KEY.kid, "typ": "JWT"}, CLAIMS, KEY)


class Never:
    def use(self, *_):
        raise AssertionError("none is shown once")


@pytest.fixture(scope="module")
def verifier():
    keys = IssuerKeys(ISSUER, Schedule(300, 3600), CLOCK)
    keys.replace(json.dumps({"keys": [KEY.jwk]}).encode(), keys.begin())
    return TokenVerifier([keys], Never(), CLOCK, capacity=4)


def reads(value: str) -> UnverifiedToken | Reason:
    try:
        return read_token(value)
    except RefusalError as error:
        return error.reason


def test_a_good_token_is_read_and_verified(verifier):
    found = reads(GOOD)
    assert isinstance(found, UnverifiedToken)
    assert (found.kid, found.algorithm, found.typ) == (KEY.kid, "ES256", "jwt")
    assert verifier.verify(Secret(GOOD), 1).subject == "s"
    assert "https://i" not in repr(found)  # no claim in a log


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=8,
)


@given(st.one_of(st.text(max_size=200), st.builds(".".join, st.lists(st.text("aA0-_=", max_size=9), max_size=6))))
def test_no_text_raises_anything_else(value):
    assert reads(value) is Reason.IDENTITY_INVALID or isinstance(reads(value), UnverifiedToken)


@given(
    st.dictionaries(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "x"]), JSON),
    st.dictionaries(st.sampled_from([*CLAIMS, "cnf"]), JSON),
)
def test_no_header_or_claims_raise_anything_else(verifier, header, claims):
    """Signed by a key we trust, whatever it says: verified only when it is as the profile says."""
    token = compact({"alg": "ES256", "kid": KEY.kid} | header, CLAIMS | claims, KEY)
    try:
        verified = verifier.verify(Secret(token), 1)
    except RefusalError as error:
        refusal = error.reason
    else:
        refusal = None
        assert (CLAIMS | claims)["aud"] in ("us", ["us"])
        assert isinstance(verified.subject, str)
        assert NOW < verified.expires_at <= NOW + 3660
    assert refusal in {None, Reason.IDENTITY_INVALID, Reason.STATE_STALE}


@pytest.mark.guard("token-signature")
@given(st.integers(0, len(GOOD) - 1), st.sampled_from("abcXYZ019-_.="))
def test_one_changed_character_is_another_token(verifier, at, sign):
    changed = GOOD[:at] + sign + GOOD[at + 1 :]
    if changed != GOOD:
        with pytest.raises(RefusalError):
            verifier.verify(Secret(changed), 1)


def test_memory_is_bounded(verifier):
    """A thousand good tokens leave as many remembered as may be."""
    header = b64({"alg": "ES256", "kid": KEY.kid})
    for number in range(50):
        signed = f"{header}.{b64(CLAIMS | {'jti': str(number)})}"
        verifier.verify(Secret(f"{signed}.{b64(KEY.sign(signed.encode()))}"), 1)
    assert len(verifier._verified) == 4


@pytest.mark.guard("token-times")
def test_a_remembered_token_expires():
    clock = StandingClock()
    keys = IssuerKeys(ISSUER, Schedule(300, 3600), clock)
    keys.replace(json.dumps({"keys": [KEY.jwk]}).encode(), keys.begin())
    fresh = TokenVerifier([keys], Never(), clock)
    assert fresh.verify(Secret(GOOD), 1)
    clock.now += 60
    with pytest.raises(RefusalError):
        fresh.verify(Secret(GOOD), 1)
