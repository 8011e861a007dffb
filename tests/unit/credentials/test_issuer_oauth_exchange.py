"""The exchange issuer: our word about the agent for a token of exactly one scope, or a refusal."""

from __future__ import annotations

import asyncio
import base64
from dataclasses import replace

import jwt
import pytest

from exeat.config.tables.issuers.oauth_exchange import OAuthExchangeTable
from exeat.credentials.broker import TokenBroker
from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuers.oauth_exchange import OAuthExchangeIssuer
from exeat.credentials.oauth import holders
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.oauth.holders import Holders
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.oauth_exchange import TokenExchange
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.oauth_fake import GOOD, FakeServer, unsigned
from unit.credentials.requests_kit import REQUEST, counts

SECRET = "s3cret:with/odd chars+%"
ISSUER_URL = "https://exeat.test"
SERVER = "https://login.example.test"


@pytest.fixture
async def server():
    made = FakeServer()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def spec(server):
    exchange = TokenExchange(
        token_url=server.url("/token"), server=SERVER, client_id="exeat", client_secret="env:OAUTH_SECRET",
        scopes={"refunds/create": "items:write"}, revoke_url=server.url("/revoke"),
    )  # fmt: skip
    return IssuerSpec("oauth_exchange", 60.0, "https://api.example.test", exchange, Grade.A)


@pytest.fixture
async def issuer(keyring, clock):
    assertions, endpoints = Assertions(keyring, ISSUER_URL, clock), Endpoints(client_context(()), clock)
    secrets = HeldSecrets({"env:OAUTH_SECRET": Secret(SECRET)})
    client, naming = Client(assertions, endpoints, secrets), Naming(b"k" * 32, Holders(), clock)
    yield OAuthExchangeIssuer(assertions, client, secrets, naming, clock)
    await endpoints.close()


def with_exchange(spec, **changed):
    return replace(spec, details=replace(spec.details, **changed))


def read(keyring, token):
    header = jwt.get_unverified_header(token)
    key = keyring.public(header["kid"])
    options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    return header, jwt.decode(token, key.key, [key.algorithm], options=options)


async def test_a_decision_becomes_an_exchange(issuer, spec, server, clock):
    """The token is the server's, grade A, and lives as long as it says from when it was asked for."""
    token = await issuer.mint(REQUEST, spec)
    assert token.value.reveal() == GOOD["access_token"]
    assert (token.grade, token.expires_at) == (Grade.A, clock.now + 60)
    form = server.forms[0]
    assert {name: form[name] for name in form if name != "subject_token"} == {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "requested_token_type": "urn:ietf:params:oauth:token-type:access_token",
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
        "scope": "items:write",
        "audience": "https://api.example.test",
    }


async def test_the_subject_token_is_our_word_about_the_agent(issuer, spec, server, keyring, clock):
    """Signed, for this server alone, short-lived; it says who may act, and isn't of the type of an access token."""
    await issuer.mint(REQUEST, spec)
    header, claims = read(keyring, server.forms[0]["subject_token"])
    assert header["typ"] == "JWT"
    assert claims.pop("jti")
    assert claims == {
        "iss": ISSUER_URL, "sub": REQUEST.agent, "aud": SERVER, "iat": clock.now, "exp": clock.now + 60,
        "scope": "items:write", "mission": "m_1", "may_act": {"sub": "exeat"},
        "authorization_details": [
            {"type": "exeat", "action": "example:refunds/create", "resource": 'Exeat::Service::"example"'}
        ],
    }  # fmt: skip


async def test_each_exchange_has_a_word_of_its_own(issuer, spec, server):
    """A server that detects replay is satisfied."""
    for _ in range(2):
        await issuer.mint(REQUEST, spec)
    assert server.forms[0]["subject_token"] != server.forms[1]["subject_token"]


async def test_the_client_shows_its_secret_encoded(issuer, spec, server):
    """RFC 6749 §2.3.1: form-encoded before base64; the secret is in no form field."""
    await issuer.mint(REQUEST, spec)
    scheme, _, value = server.authorizations[0].partition(" ")
    assert (scheme, base64.b64decode(value).decode()) == ("Basic", "exeat:s3cret%3Awith%2Fodd+chars%2B%25")
    assert SECRET not in str(server.forms)


async def test_without_a_secret_the_client_signs(issuer, spec, server, keyring):
    """RFC 7523 §3: issuer and subject are the client id."""
    await issuer.mint(REQUEST, with_exchange(spec, client_secret="", client_auth="signed"))
    form = server.forms[0]
    assert server.authorizations == [None]
    assert form["client_assertion_type"] == "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
    _, claims = read(keyring, form["client_assertion"])
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("exeat", "exeat", SERVER)


async def test_the_actor_is_named_when_asked_to(issuer, spec, server, keyring):
    """A second token, about this installation."""
    await issuer.mint(REQUEST, with_exchange(spec, actor=True))
    form = server.forms[0]
    assert form["actor_token_type"] == "urn:ietf:params:oauth:token-type:jwt"
    _, claims = read(keyring, form["actor_token"])
    assert (claims["iss"], claims["sub"]) == (ISSUER_URL, "exeat")


async def test_a_resource_and_another_subject_type(issuer, spec, server):
    """RFC 8707, and servers that want an ``id_token``."""
    narrowed = with_exchange(replace(spec, audience=""), resource="https://api.example.test/", subject_type="id_token")
    await issuer.mint(REQUEST, narrowed)
    form = server.forms[0]
    assert "audience" not in form
    assert form["resource"] == "https://api.example.test/"
    assert form["subject_token_type"].endswith(":id_token")


async def test_an_unmapped_scope_is_asked_for_as_it_is(issuer, spec, server):
    """And an empty one isn't asked for at all: a server would then give its default."""
    server.says = GOOD | {"scope": "refunds/create"}
    await issuer.mint(REQUEST, with_exchange(spec, scopes={}))
    assert server.forms[0]["scope"] == "refunds/create"
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(replace(REQUEST, scope=""), spec)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    assert len(server.forms) == 1


@pytest.mark.parametrize(
    "says",
    [
        {"scope": "items:write items:delete"}, {"expires_in": 61}, {"token_type": "DPoP"},
        {"issued_token_type": "urn:ietf:params:oauth:token-type:refresh_token"},
        {"access_token": unsigned({"aud": "https://other.example.test", "exp": 1_900_000_060})},
    ],
)  # fmt: skip
async def test_a_lie_is_refused_and_the_token_withdrawn(issuer, spec, server, says):
    """Whatever came too wide is revoked where it can be, so that it doesn't live on."""
    server.says = GOOD | says
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec)
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE
    assert [form["token"] for form in server.revoked] == [server.says["access_token"]]
    assert server.says["access_token"] not in str(refused.value)


@pytest.mark.guard("assertion-echo")
@pytest.mark.parametrize("field", ["subject_token", "actor_token"])
async def test_a_server_that_echoes_gets_nowhere(issuer, spec, server, field):
    """Our own assertion must never reach an origin: with it, the origin could exchange for itself."""
    server.says = lambda form: GOOD | {"access_token": form[field]}
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, with_exchange(spec, actor=True))
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


@pytest.mark.parametrize("status", [400, 401, 403, 404, 500, 302, 204])
async def test_an_error_is_unavailable_with_its_code(issuer, spec, server, status):
    """The code stands in the record, the description and the body don't."""
    server.status = status
    server.says = b"" if status == 204 else {"error": "invalid_scope", "error_description": "quotes-what-was-sent"}
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    assert ("invalid_scope" in refused.value.detail) is (status != 204)
    assert str(status) in refused.value.detail
    assert "quotes" not in str(refused.value)


async def test_a_jti_is_the_id_in_the_record_else_a_keyed_one(issuer, spec, server):
    """An id without a key could be compared with a guess."""
    opaque = await issuer.mint(REQUEST, spec)
    again = await issuer.mint(REQUEST, spec)
    assert opaque.id == again.id
    assert opaque.id.startswith("xt-")
    claims = {"aud": "https://api.example.test", "exp": 1_900_000_060, "jti": "A1b2C3d4E5f6G7h8"}
    server.says = GOOD | {"access_token": unsigned(claims)}
    assert (await issuer.mint(REQUEST, spec)).id == "A1b2C3d4E5f6G7h8"


@pytest.mark.guard("token-of-one-session")
async def test_a_token_that_another_session_holds_is_refused(issuer, spec, server, clock):
    """A server that caches by client: it would serve two sessions, and revoking one would cut the other."""
    other = replace(REQUEST, session="m_2/invoice-bot", mission="m_2")
    await issuer.mint(REQUEST, spec)
    await issuer.mint(replace(REQUEST, action="example:refunds/again"), spec)
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(other, spec)
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE
    assert server.revoked == []
    clock.now += 61
    assert await issuer.mint(other, spec)


def test_what_is_remembered_of_holders_is_bounded_and_forgotten(monkeypatch):
    """Expired ones go first; never more than a fixed number stay."""
    monkeypatch.setattr(holders, "_MOST", 3)
    kept = Holders()
    for number in range(10):
        assert kept.take(b"%d" % number, "a", 100.0, 0.0)
    assert len(kept._held) == 3
    assert not kept.take(b"9", "b", 100.0, 99.0)
    assert kept.take(b"x", "b", 200.0, 100.0)
    assert len(kept._held) == 1
    assert kept.take(b"x", "b", 150.0, 300.0)


async def test_revoking(issuer, spec, server):
    """RFC 7009, authenticated; True only when the server says so."""
    token = await issuer.mint(REQUEST, spec)
    assert await issuer.revoke(token, spec) is True
    assert server.revoked == [{"token": GOOD["access_token"], "token_type_hint": "access_token"}]
    server.revoke_status = 400
    assert await issuer.revoke(token, spec) is False
    assert await issuer.revoke(token, with_exchange(spec, revoke_url="")) is False
    assert len(server.revoked) == 2


@pytest.mark.parametrize("broken", ["no-exchange", "no-secret"])
async def test_what_is_not_configured_is_unavailable(issuer, spec, server, broken):
    """Nothing is sent."""
    wrong = replace(spec, details=None) if broken == "no-exchange" else with_exchange(spec, client_secret="env:OTHER")
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, wrong)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    assert server.forms == []


@pytest.fixture
async def broker(issuer, spec, clock):
    made = TokenBroker({"oauth_exchange": issuer}, {"example": spec}, clock, is_live=lambda _: True)
    yield made
    await made.close()


async def test_the_broker_shares_one_exchange_and_renews_an_old_token(broker, server, clock):
    """50 requests at once are one exchange; a token near its end isn't handed out any more."""
    assert OAuthExchangeTable.grade is Grade.A
    server.delay = 0.05
    tokens = await asyncio.gather(*(broker.token(REQUEST) for _ in range(50)))
    assert len({token.id for token in tokens}) == len(server.forms) == 1
    clock.now += 55
    server.says = GOOD | {"access_token": "another-token"}
    assert (await broker.token(REQUEST)).value.reveal() == "another-token"


async def test_the_broker_revokes_at_the_server_when_the_mission_ends(broker, server):
    """Dropped and revoked."""
    await broker.token(REQUEST)
    assert counts(await broker.end("m_1")) == (1, 1)
    assert broker.cached(REQUEST) is None
    assert len(server.revoked) == 1


async def test_a_token_that_comes_after_the_end_is_revoked(broker, server):
    """A mission that ends while the server works gets nothing, and nothing stays alive."""
    server.delay = 0.1
    waiting = asyncio.create_task(broker.token(REQUEST))
    await asyncio.sleep(0.03)
    assert counts(await broker.end("m_1")) == (1, 0)
    with pytest.raises(RefusalError) as refused:
        await waiting
    assert refused.value.reason is Reason.MISSION_ENDED
    for _ in range(100):
        if server.revoked:
            break
        await asyncio.sleep(0.02)
    assert [form["token"] for form in server.revoked] == [GOOD["access_token"]]
