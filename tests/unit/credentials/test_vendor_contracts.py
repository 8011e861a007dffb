"""Contract tests: our requests are those that the vendors publish, and their published answers are understood, also those too wide."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import UTC, datetime

import orjson
import pytest
from pydantic import TypeAdapter, ValidationError

from exeat.config.tables.issuers import IssuerSpecTable
from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuing import IssuerParts
from exeat.credentials.keys import KeyRing
from exeat.credentials.kinds import kind
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError, StartError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.oauth_fake import unsigned
from unit.credentials.requests_kit import REQUEST
from unit.credentials.vendor_fakes import ASSERTION, BEARER, EXCHANGE, TYPE, Contract, Vendor, signed

SECRETS = {"env:SECRET": Secret("s3cret"), "file:subject": Secret("subject-token-of-the-vendor")}
BASIC = "Basic " + base64.b64encode(b"exeat:s3cret").decode()
AGENT, ISSUER = REQUEST.agent, "https://exeat.test"


@pytest.fixture
async def vendor():
    made = Vendor()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
def keyring(tmp_path, clock):
    return KeyRing.load_or_create(tmp_path / "rsa", "token", "RS256", 86400.0, 3600.0, clock)


@pytest.fixture
async def parts(keyring, clock):
    context = client_context(())
    endpoints = Endpoints(context, clock)
    yield IssuerParts(
        clock=clock, keyring=keyring, issuer_url=ISSUER, assertions=Assertions(keyring, ISSUER, clock),
        endpoints=endpoints, tls=context, secrets=HeldSecrets(SECRETS), stored=lambda _: None, holders=Holders(),
        key=b"k" * 32,
    )  # fmt: skip
    await endpoints.close()


async def mint(parts, request=REQUEST, **settings):
    table = TypeAdapter(IssuerSpecTable).validate_python(settings)
    audience = table.audience or table.default_audience(("api.example.test",))
    spec = IssuerSpec(table.kind, table.ttl, audience, table.details(), table.promised())
    return await kind(table.kind).build(parts).mint(request, spec)


def exchange(vendor, name, **more):
    return {
        "kind": "oauth_exchange", "preset": name, "base": vendor.url("/base"), "client_id": "exeat",
        "client_secret": "env:SECRET", "scopes": {"refunds/create": "refunds:write"}, "ttl": "1h",
        "audience": "https://api.example.test", **more,
    }  # fmt: skip


KEYCLOAK = {
    "access_token": "kc-opaque-0123456789", "expires_in": 300, "refresh_expires_in": 0, "token_type": "Bearer",
    "not-before-policy": 0, "session_state": "8a1f", "scope": "refunds:write", "issued_token_type": TYPE + "access_token",
}  # fmt: skip


async def test_keycloak_exchanges_a_token_of_a_registered_issuer(vendor, parts, keyring):
    """The older exchange, for foreign tokens: ``subject_issuer`` is our alias there."""
    base = vendor.url("/base")
    vendor.expects(
        "/base/protocol/openid-connect/token",
        Contract(
            {
                "grant_type": EXCHANGE, "subject_token": signed(keyring, "RS256", iss=ISSUER, sub=AGENT, aud=base),
                "subject_token_type": TYPE + "jwt", "subject_issuer": "exeat-idp", "audience": "https://api.example.test",
                "requested_token_type": TYPE + "access_token", "scope": "refunds:write",
            },
            KEYCLOAK, BASIC,
        ),
    )  # fmt: skip
    token = await mint(parts, **exchange(vendor, "keycloak", subject_issuer="exeat-idp"))
    assert vendor.faults == []
    assert (token.value.reveal(), token.grade) == (KEYCLOAK["access_token"], Grade.A)


@pytest.mark.parametrize(("extra", "taken"), [(None, False), ("email profile", True)])
async def test_keycloak_adds_default_scopes(vendor, parts, extra, taken):
    """Which is wider than asked, unless an admin says that these may be there; what is refused is revoked."""
    vendor.expects(
        "/base/protocol/openid-connect/token",
        Contract(
            {
                "grant_type": EXCHANGE, "subject_token": "subject-token-of-the-vendor", "scope": "refunds:write",
                "subject_token_type": TYPE + "access_token", "audience": "https://api.example.test",
                "requested_token_type": TYPE + "access_token",
            },
            KEYCLOAK | {"scope": "refunds:write email profile"}, BASIC,
        ),
    )  # fmt: skip
    revoked = Contract({"token": KEYCLOAK["access_token"], "token_type_hint": "access_token"}, {}, BASIC)
    vendor.expects("/base/protocol/openid-connect/revoke", revoked)
    settings = exchange(vendor, "keycloak", subject_token="file:subject", extra_scopes=extra)
    if taken:
        assert (await mint(parts, **settings)).grade is Grade.B
    else:
        with pytest.raises(RefusalError) as refused:
            await mint(parts, **settings)
        assert refused.value.reason is Reason.TOKEN_TOO_WIDE
        assert len(revoked.seen) == 1
    assert vendor.faults == []


async def test_auth0_takes_a_type_of_our_own(vendor, parts, keyring):
    """Custom token exchange: the type chooses the Action that verifies; the answer doesn't say what kind of token it is."""
    audience = vendor.url("/base/")
    vendor.expects(
        "/base/oauth/token",
        Contract(
            {
                "grant_type": EXCHANGE, "subject_token": signed(keyring, "RS256", sub=AGENT, aud=audience),
                "subject_token_type": "urn:example:agent", "audience": "https://api.example.test",
                "scope": "refunds:write", "client_id": "exeat", "client_secret": "s3cret",
            },
            {"access_token": "a0-opaque-0123456789", "expires_in": 3600, "scope": "refunds:write", "token_type": "Bearer"},
        ),
    )  # fmt: skip
    settings = exchange(vendor, "auth0", subject_type="urn:example:agent", client_auth="post")
    assert (await mint(parts, **settings)).grade is Grade.A
    assert vendor.faults == []


@pytest.mark.parametrize(
    ("scope", "taken"), [("api://b/refunds.write", True), ("api://b/refunds.write api://b/all", False)]
)
async def test_entra_asks_on_behalf_of(vendor, parts, scope, taken):
    """A JWT grant with ``requested_token_use``; Entra ID gives whatever was consented to, which may be more."""
    scp = " ".join(word.rpartition("/")[2] for word in scope.split())
    value = unsigned({"aud": "api://b", "exp": 1_900_000_000 + 3599, "scp": scp, "sub": "pairwise"})
    parts.clock.now = 1_900_000_000.0
    vendor.expects(
        "/base/oauth2/v2.0/token",
        Contract(
            {
                "grant_type": BEARER, "client_id": "exeat", "client_secret": "s3cret",
                "assertion": "subject-token-of-the-vendor", "scope": "api://b/refunds.write",
                "requested_token_use": "on_behalf_of",
            },
            {"token_type": "Bearer", "scope": scope, "expires_in": 3599, "ext_expires_in": 3599, "access_token": value},
        ),
    )  # fmt: skip
    settings = exchange(
        vendor, "entra", subject_token="file:subject", client_auth="post", audience="api://b",
        scopes={"refunds/create": "api://b/refunds.write"},
    )  # fmt: skip
    if taken:
        assert (await mint(parts, **settings)).grade is Grade.A
    else:
        with pytest.raises(RefusalError, match="wider scope"):
            await mint(parts, **settings)
    assert vendor.faults == []


async def test_okta_exchanges_tokens_of_its_own(vendor, parts, keyring):
    """On behalf of, between custom authorization servers; we sign as the client."""
    vendor.expects(
        "/base/v1/token",
        Contract(
            {
                "grant_type": EXCHANGE, "subject_token": "subject-token-of-the-vendor", "scope": "refunds:write",
                "subject_token_type": TYPE + "access_token", "audience": "https://api.example.test",
                "requested_token_type": TYPE + "access_token", "client_id": "exeat", "client_assertion_type": ASSERTION,
                "client_assertion": signed(keyring, "RS256", iss="exeat", sub="exeat", aud=vendor.url("/base/v1/token")),
            },
            {
                "token_type": "Bearer", "expires_in": 3600, "access_token": "okta-opaque-0123456789", "scope": "refunds:write",
                "issued_token_type": TYPE + "access_token",
            },
        ),
    )  # fmt: skip
    settings = exchange(vendor, "okta", subject_token="file:subject", client_secret=None)
    assert (await mint(parts, **settings)).grade is Grade.A
    assert vendor.faults == []


def entra(vendor, **more):
    return {"kind": "entra", "authority": vendor.url(), "tenant": "t1", "client_id": "app-1", **more}


@pytest.mark.parametrize(("roles", "taken"), [(None, True), (("Files.Read.All",), True), ((), False)])
async def test_entra_trusts_our_keys_as_the_client(vendor, parts, keyring, roles, taken):
    """A federated credential in place of a secret; the roles in the token are those that admins gave, and no others."""
    parts.clock.now = 1_900_000_000.0
    claims = {"aud": "https://graph.microsoft.com", "exp": 1_900_003_599, "roles": ["Files.Read.All"], "sub": "app"}
    vendor.expects(
        "/t1/oauth2/v2.0/token",
        Contract(
            {
                "grant_type": "client_credentials", "client_id": "app-1", "client_assertion_type": ASSERTION,
                "scope": "https://graph.microsoft.com/.default",
                "client_assertion": signed(keyring, "RS256", iss=ISSUER, sub=AGENT, aud="api://AzureADTokenExchange"),
            },
            {"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": unsigned(claims)},
        ),
    )  # fmt: skip
    if taken:
        assert (await mint(parts, **entra(vendor, roles=roles))).grade is Grade.B
    else:
        with pytest.raises(RefusalError, match="other application roles"):
            await mint(parts, **entra(vendor, roles=roles))
    assert vendor.faults == []


def test_entra_needs_keys_that_it_verifies(parts, tmp_path, clock):
    """Found at the start, not at the first refusal."""
    other = KeyRing.load_or_create(tmp_path / "ec", "token", "ES256", 86400.0, 3600.0, clock)
    with pytest.raises(StartError, match="nothing but RS256"):
        kind("entra").build(replace(parts, keyring=other))


PROVIDER = "//iam.googleapis.com/projects/42/locations/global/workloadIdentityPools/agents/providers/exeat"
ACCOUNT = "reader@acme.iam.gserviceaccount.com"
CLOUD = "https://www.googleapis.com/auth/cloud-platform"
READ_ONLY = "https://www.googleapis.com/auth/devstorage.read_only"
FEDERATED = {
    "access_token": "ya29.federated-0123456789", "expires_in": 3599, "token_type": "Bearer",
    "issued_token_type": TYPE + "access_token",
}  # fmt: skip
OBJECT = replace(REQUEST, scope="objects/get", resource='GCS::Object::"acme-invoices/2026/"')


def google(vendor, **more):
    return {
        "kind": "google", "provider": PROVIDER, "service_account": ACCOUNT, "scopes": {"objects/get": READ_ONLY},
        "sts_url": vendor.url("/v1/token"), "iam_url": vendor.url("/v1"), **more,
    }  # fmt: skip


def federation(keyring, scope=CLOUD):
    subject = signed(keyring, "RS256", iss=ISSUER, sub=AGENT, aud=f"https:{PROVIDER}")
    return Contract(
        {
            "grant_type": EXCHANGE, "audience": PROVIDER, "scope": scope, "subject_token": subject,
            "requested_token_type": TYPE + "access_token", "subject_token_type": TYPE + "jwt",
        },
        FEDERATED,
    )  # fmt: skip


def impersonation(clock, life=300.0):
    ends = datetime.fromtimestamp(clock.now + life, UTC).isoformat().replace("+00:00", "Z")
    return Contract(
        {"scope": lambda scopes: scopes == [READ_ONLY], "lifetime": "300s"},
        {"accessToken": "ya29.impersonated-0123456789", "expireTime": ends},
        f"Bearer {FEDERATED['access_token']}",
    )


async def test_google_impersonates_for_our_word_about_the_agent(vendor, parts, keyring, clock):
    """Two calls; the token has the operation's scope and a life of minutes."""
    vendor.expects("/v1/token", federation(keyring))
    vendor.expects(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", impersonation(clock))
    token = await mint(parts, OBJECT, **google(vendor))
    assert vendor.faults == []
    assert (token.grade, token.expires_at) == (Grade.B, clock.now + 300)


async def test_google_narrows_to_the_objects_of_the_request(vendor, parts, keyring, clock):
    """A credential access boundary: one role, one bucket, one beginning of names; grade A."""
    boundary = {
        "accessBoundary": {
            "accessBoundaryRules": [
                {
                    "availablePermissions": ["inRole:roles/storage.objectViewer"],
                    "availableResource": "//storage.googleapis.com/projects/_/buckets/acme-invoices",
                    "availabilityCondition": {
                        "expression": "resource.name.startsWith('projects/_/buckets/acme-invoices/objects/2026/')"
                    },
                }
            ]
        }
    }
    narrowing = Contract(
        {
            "grant_type": EXCHANGE, "subject_token": "ya29.impersonated-0123456789", "subject_token_type": TYPE + "access_token",
            "requested_token_type": TYPE + "access_token", "options": lambda text: orjson.loads(text) == boundary,
        },
        {"access_token": "ya29.downscoped-0123456789", "token_type": "Bearer", "issued_token_type": TYPE + "access_token"},
    )  # fmt: skip
    vendor.expects("/v1/token", federation(keyring), narrowing)
    vendor.expects(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", impersonation(clock))
    token = await mint(parts, OBJECT, **google(vendor, boundary={"objects/get": "inRole:roles/storage.objectViewer"}))
    assert vendor.faults == []
    assert (token.value.reveal(), token.grade) == ("ya29.downscoped-0123456789", Grade.A)
    assert token.expires_at <= clock.now + 300


@pytest.mark.guard("google-life")
async def test_google_granting_a_longer_life_is_refused(vendor, parts, keyring, clock):
    """An hour was never asked for."""
    vendor.expects("/v1/token", federation(keyring))
    vendor.expects(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", impersonation(clock, 3600.0))
    with pytest.raises(RefusalError) as refused:
        await mint(parts, OBJECT, **google(vendor))
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


@pytest.mark.guard("google-boundary")
@pytest.mark.parametrize(
    "changed",
    [
        {"scope": "objects/delete"}, {"scope": "objects/get objects/delete"}, {"resource": 'GCS::Service::"X"'},
        {"resource": "GCS::Object::\"acme/a') || true || resource.name.startsWith('\""},
        {"resource": 'GCS::Object::"acme-invoices/a\\"b"'},
    ],
)  # fmt: skip
async def test_google_gets_no_boundary_that_says_something_else(vendor, parts, changed):
    """An operation without one, a resource that is no bucket, a name that would end the condition's text: nothing is asked for."""
    settings = google(vendor, boundary={"objects/get": "inRole:roles/storage.objectViewer"})
    with pytest.raises(RefusalError, match="says nothing of this"):
        await mint(parts, replace(OBJECT, **changed), **settings)
    assert vendor.faults == []


async def test_google_without_a_service_account_is_the_agent_itself(vendor, parts, keyring):
    """One call; Google chooses an hour."""
    vendor.expects("/v1/token", federation(keyring, READ_ONLY))
    assert (await mint(parts, OBJECT, **google(vendor, service_account="", ttl="1h"))).grade is Grade.B
    assert vendor.faults == []


async def test_googles_refusal_is_named_by_its_code(vendor, parts, keyring):
    """Never by its text, which may quote what we sent."""
    vendor.expects("/v1/token", federation(keyring))
    denied = impersonation(parts.clock)
    denied.answer = {"error": {"code": 403, "status": "PERMISSION_DENIED", "message": "secret text"}}
    denied.status = 403
    vendor.expects(f"/v1/projects/-/serviceAccounts/{ACCOUNT}:generateAccessToken", denied)
    with pytest.raises(RefusalError, match=r"Google refused: PERMISSION_DENIED \(403\)$"):
        await mint(parts, OBJECT, **google(vendor))


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"kind": "google", "provider": PROVIDER, "ttl": "5m"}, "tokens live an hour"),
        ({"kind": "google", "provider": PROVIDER, "service_account": ACCOUNT, "ttl": "2h"}, "an hour at most"),
        ({"kind": "google", "provider": "projects/42"}, "pattern"),
        ({"kind": "entra", "tenant": "t", "client_id": "a", "ttl": "5m"}, "600 s at least"),
        ({"kind": "entra", "client_id": "a"}, "needs tenant"),
        ({"kind": "entra", "tenant": "t", "client_id": "a", "scope": "Files.Read"}, "pattern"),
    ],
)
def test_settings_that_no_server_would_fulfil(settings, words):
    """Found before anything is served."""
    with pytest.raises(ValidationError, match=words):
        TypeAdapter(IssuerSpecTable).validate_python(settings)
