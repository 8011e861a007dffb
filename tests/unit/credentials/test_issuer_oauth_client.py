"""The client issuer: a scope fixed or asked for, as ourselves or by our word, and nothing more than that."""

from __future__ import annotations

import base64
from dataclasses import replace

import pytest
from pydantic import TypeAdapter, ValidationError

from exeat.config.tables.issuers import IssuerSpecTable
from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuers.oauth_client import OAuthClientIssuer
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.oauth.holders import Holders
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.oauth_fake import FakeServer
from unit.credentials.requests_kit import REQUEST

GOOD = {"access_token": "opaque-token-0123456789", "token_type": "Bearer", "expires_in": 60, "scope": "items:write"}


class Refresher:
    """Remembers what it was asked for."""

    def __init__(self):
        self.asked = []

    async def refresh(self, service, scope):
        self.asked.append((service, scope))
        return GOOD


@pytest.fixture
async def server():
    made = FakeServer()
    made.says = GOOD
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def refresher():
    return Refresher()


@pytest.fixture
async def issuer(keyring, clock, refresher):
    assertions, endpoints = Assertions(keyring, "https://exeat.test", clock), Endpoints(client_context(()), clock)
    client = Client(assertions, endpoints, HeldSecrets({"env:SECRET": Secret("s3c ret")}))
    yield OAuthClientIssuer(assertions, client, refresher, Naming(b"k" * 32, Holders(), clock), clock)
    await endpoints.close()


@pytest.fixture
def spec(server):
    def make(**fields):
        table = settings(token_url=server.url("/token"), revoke_url=server.url("/revoke"), **fields)
        return IssuerSpec("oauth_client", table.ttl, table.audience, table.details(), table.promised())

    return make


def settings(**fields):
    base = {"kind": "oauth_client", "token_url": "https://login.example.com/token", "client_id": "exeat"}
    base |= {"client_secret": "env:SECRET", "scopes": {"refunds/create": "items:write"}}
    return TypeAdapter(IssuerSpecTable).validate_python({k: v for k, v in (base | fields).items() if v is not ...})


async def test_the_requests_own_scope_is_asked_for(issuer, spec, server, clock):
    """Client credentials (RFC 6749 §4.4): grade A, for the answer held just that scope."""
    token = await issuer.mint(REQUEST, spec())
    assert (token.value.reveal(), token.grade, token.expires_at) == (GOOD["access_token"], Grade.A, clock.now + 60)
    assert server.forms == [{"grant_type": "client_credentials", "scope": "items:write"}]
    assert base64.b64decode(server.authorizations[0].partition(" ")[2]) == b"exeat:s3c+ret"


async def test_a_fixed_scope_is_asked_for_whatever_the_request(issuer, spec, server):
    """Grade B: an admin chose it."""
    server.says = GOOD | {"scope": "all:of it"}
    token = await issuer.mint(REQUEST, spec(scope="it all:of", scopes=...))
    assert token.grade is Grade.B
    assert server.forms[0]["scope"] == "it all:of"


async def test_a_secret_in_the_form_and_an_audience(issuer, spec, server):
    """For servers that read nothing else."""
    await issuer.mint(REQUEST, spec(client_auth="post", audience="https://api.example.test", send_audience=True))
    assert server.authorizations == [None]
    assert server.forms[0] | {} == {
        "grant_type": "client_credentials", "scope": "items:write", "client_id": "exeat", "client_secret": "s3c ret",
        "audience": "https://api.example.test",
    }  # fmt: skip


async def test_our_word_about_the_agent_is_the_grant(issuer, spec, server):
    """RFC 7523 §2.1, and §2.2 for ourselves."""
    await issuer.mint(REQUEST, spec(grant="jwt_bearer", client_secret=...))
    form = server.forms[0]
    assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
    assert form["assertion"].count(".") == form["client_assertion"].count(".") == 2
    assert form["assertion"] != form["client_assertion"]


async def test_a_refresh_token_is_used_elsewhere(issuer, spec, server, refresher):
    """This process never has it."""
    assert (
        await issuer.mint(REQUEST, spec(grant="refresh_token", refresh_token="env:FIRST", spares_refresh=True))
    ).value
    assert refresher.asked == [("example", "items:write")]
    assert server.forms == []


@pytest.mark.guard("client-withdraws")
@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"scope": "items:write items:delete"}, Reason.TOKEN_TOO_WIDE),
        ({"expires_in": 3600}, Reason.TOKEN_TOO_WIDE),
        ({"token_type": "mac"}, Reason.TOKEN_TOO_WIDE),
        ({"scope": ""}, Reason.TOKEN_UNAVAILABLE),
    ],
)
async def test_what_isnt_as_asked_is_refused_and_revoked(issuer, spec, server, changed, reason):
    """It must not live on at the server."""
    server.says = GOOD | changed
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec())
    assert refused.value.reason is reason
    assert [form["token"] for form in server.revoked] == [GOOD["access_token"]]


async def test_what_a_server_adds_by_itself_is_taken_where_it_may(issuer, spec, server):
    """And the tokens are grade B then."""
    server.says = GOOD | {"scope": "items:write profile"}
    assert (await issuer.mint(REQUEST, spec(extra_scopes="profile email"))).grade is Grade.B


async def test_two_sessions_never_hold_one_token(issuer, spec, server):
    """A server that caches by client would undo their isolation."""
    await issuer.mint(REQUEST, spec())
    with pytest.raises(RefusalError, match="another session holds"):
        await issuer.mint(replace(REQUEST, session="m_2/agent"), spec())


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"token_url": ...}, "needs token_url"),
        ({"grant": "refresh_token"}, "needs refresh_token"),
        ({"refresh_token": "env:X"}, 'by grant = "refresh_token" alone'),
        (
            {"grant": "refresh_token", "refresh_token": "env:X", "revoke_url": "https://login.example.com/r"},
            "may end the refresh token too",
        ),
        ({"scope": "a"}, "set one of them"),
        ({"send_audience": True}, "needs audience"),
        ({"refresh_token": "a-pasted-token"}, "pattern"),
    ],
)
def test_settings_that_dont_hold_together(fields, words):
    """Found before anything is served."""
    with pytest.raises(ValidationError, match=words):
        settings(**fields)
