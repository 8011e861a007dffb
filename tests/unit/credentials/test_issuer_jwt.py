"""The JWT issuer: an RFC 9068 token that says exactly what was decided."""

from __future__ import annotations

from dataclasses import replace

import jwt
import pytest

from exeat.credentials.issuers.jwt import JwtIssuer
from exeat.credentials.keys import KeyRing
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.jwt import SignedToken
from exeat.model.reason import Reason
from unit.credentials.requests_kit import REQUEST

SPEC = IssuerSpec("jwt", 60.0, "https://api.example.test")


def read(keyring: KeyRing, value: str, audience: str = SPEC.audience) -> dict:
    key = keyring.public(jwt.get_unverified_header(value)["kid"])
    options = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}
    return jwt.decode(value, key.key, [key.algorithm], audience=audience, issuer="https://exeat.test", options=options)


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
async def test_the_token_says_what_was_decided(tmp_path, clock, algorithm):
    """PyJWT verifies the token, and its claims are the request's."""
    keyring = KeyRing.load_or_create(tmp_path / "state", "token", algorithm, 100, 60, clock)
    clock.now += 0.75
    token = await JwtIssuer(keyring, "https://exeat.test", clock).mint(REQUEST, SPEC)
    value = token.value.reveal()
    now = int(clock.now)
    assert jwt.get_unverified_header(value) == {"typ": "at+jwt", "alg": algorithm, "kid": keyring.current().kid}
    assert read(keyring, value) == {
        "iss": "https://exeat.test",
        "aud": "https://api.example.test",
        "sub": REQUEST.agent,
        "client_id": REQUEST.agent,
        "jti": token.id,
        "iat": now,
        "nbf": now,
        "exp": now + 60,
        "scope": "refunds/create",
        "mission": "m_1",
        "authorization_details": [
            {"type": "exeat", "action": "example:refunds/create", "resource": 'Exeat::Service::"example"'}
        ],
    }
    assert token.grade is Grade.A
    assert token.expires_at == now + 60


async def test_the_token_never_outlives_its_ttl(keyring, clock):
    """Whatever fraction of a second it is, the life is ``ttl`` at most."""
    issuer = JwtIssuer(keyring, "https://exeat.test", clock)
    for fraction in (0.0, 0.001, 0.5, 0.999):
        clock.now = 1_900_000_000 + fraction
        token = await issuer.mint(REQUEST, replace(SPEC, ttl=60.9))
        assert token.expires_at - clock.now <= 60.9


async def test_two_tokens_have_two_ids(keyring, clock):
    """Every token has an id of its own."""
    issuer = JwtIssuer(keyring, "https://exeat.test", clock)
    assert (await issuer.mint(REQUEST, SPEC)).id != (await issuer.mint(REQUEST, SPEC)).id


async def test_hostile_ids_stay_data(keyring, clock):
    """Quotes, backslashes and non-ASCII in a resource come out as they went in."""
    resource = 'GitHub::Repo::"a\\"b\\\\ü\u2028/."'
    token = await JwtIssuer(keyring, "https://exeat.test", clock).mint(replace(REQUEST, resource=resource), SPEC)
    assert read(keyring, token.value.reveal())["authorization_details"][0]["resource"] == resource


@pytest.mark.parametrize("spec", [replace(SPEC, audience=""), replace(SPEC, ttl=0.9), replace(SPEC, ttl=-5)])
async def test_a_token_for_nobody_or_no_time_is_refused(keyring, clock, spec):
    """Without an audience, or a life of a second, nothing is signed."""
    with pytest.raises(RefusalError) as refused:
        await JwtIssuer(keyring, "https://exeat.test", clock).mint(REQUEST, spec)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


async def test_revocation_is_not_claimed(keyring, clock):
    """A self-contained token can't be revoked, and the issuer says so."""
    issuer = JwtIssuer(keyring, "https://exeat.test", clock)
    assert await issuer.revoke(await issuer.mint(REQUEST, SPEC), SPEC) is False


async def test_nothing_shows_the_token(keyring, clock):
    """The token's value is in no repr."""
    token = await JwtIssuer(keyring, "https://exeat.test", clock).mint(REQUEST, SPEC)
    assert token.value.reveal() not in repr(token)


@pytest.mark.guard("txn-typ")
async def test_a_transaction_token_is_no_access_token(keyring, clock):
    """The mission is the transaction, the decision its context (draft-ietf-oauth-transaction-tokens); its type tells them apart."""
    issuer, now = JwtIssuer(keyring, "https://exeat.test", clock), int(clock.now)
    request = replace(REQUEST, act=("spiffe://example.org/env/prod/agent/planner",))
    spec = replace(SPEC, audience="shop.example", details=SignedToken("txn"))
    token = await issuer.mint(request, spec)
    value = token.value.reveal()
    assert jwt.get_unverified_header(value)["typ"] == "txntoken+jwt"
    assert read(keyring, value, "shop.example") == {
        "iss": "https://exeat.test", "aud": "shop.example", "sub": request.act[0], "jti": token.id,
        "iat": now, "nbf": now, "exp": now + 60, "scope": "refunds/create", "txn": "m_1", "req_wl": REQUEST.agent,
        "tctx": {"action": "example:refunds/create", "resource": 'Exeat::Service::"example"'},
        "rctx": {"mission": "m_1", "act": {"sub": REQUEST.agent}},
    }  # fmt: skip
