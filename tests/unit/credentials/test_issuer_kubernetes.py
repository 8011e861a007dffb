"""TokenRequest against a server that is strict about the published type, and what a lying one gets."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

import jwt
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from exeat.config.tables.issuers.kubernetes import KubernetesTable
from exeat.credentials.held import HeldSecrets
from exeat.credentials.issuers.kubernetes import KubernetesIssuer
from exeat.credentials.kubernetes.token_request import Wanted, check_token_request
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.requests_kit import REQUEST

AUDIENCE, SOURCE, BEARER = "https://cluster.example.test", "env:K8S", "k8s-token-canary-52c0"
WANTED = Wanted("agents", "bot", AUDIENCE, 600)
PUBLISHED = {"audiences", "expirationSeconds", "boundObjectRef"}
"""The members of TokenRequestSpec."""


def signed(claims):
    parts = (json.dumps({"alg": "RS256"}), json.dumps(claims), "signature")
    return ".".join(base64.urlsafe_b64encode(part.encode()).rstrip(b"=").decode() for part in parts)


def claims_of(namespace, name, audiences, end, bound=None):
    """As the reference of service accounts shows them."""
    private = {"namespace": namespace, "serviceaccount": {"name": name, "uid": "u-1"}}
    if bound:
        private[bound["kind"].lower()] = {"name": bound["name"], "uid": bound.get("uid", "u-2")}
    subject = f"system:serviceaccount:{namespace}:{name}"
    return {"aud": audiences, "exp": end, "jti": "j-1", "sub": subject, "kubernetes.io": private}


class ApiServer:
    """One path; ``lie`` changes the claims of what it grants, ``allowed`` says whom it knows."""

    def __init__(self, clock):
        self.clock, self.lie, self.status, self.asked, self.shown = clock, {}, 201, [], []
        self.number = 0
        app = web.Application()
        app.router.add_post("/api/v1/namespaces/{namespace}/serviceaccounts/{name}/token", self.take)
        self.server = TestServer(app)

    async def take(self, request):
        body = await request.json()
        spec = body["spec"]
        assert (body["apiVersion"], body["kind"]) == ("authentication.k8s.io/v1", "TokenRequest")
        assert set(spec) <= PUBLISHED
        assert spec["audiences"]
        self.asked.append((request.match_info["namespace"], request.match_info["name"], spec))
        self.shown.append(request.headers["Authorization"].removeprefix("Bearer "))
        if self.status != 201 or spec["expirationSeconds"] < 600:
            return web.json_response({"kind": "Status", "status": "Failure", "code": 403}, status=self.status)
        end = int(self.clock.now) + spec["expirationSeconds"]
        claims = claims_of(*self.asked[-1][:2], spec["audiences"], end, spec.get("boundObjectRef"))
        self.number += 1
        token = signed({**claims, "n": self.number, **self.lie})
        told = datetime.fromtimestamp(end, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = {"token": token, "expirationTimestamp": told}
        return web.json_response({**body, "metadata": {"creationTimestamp": None}, "status": status}, status=201)


@pytest.fixture
async def api(clock):
    made = ApiServer(clock)
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
async def issuer(keyring, clock):
    endpoints = Endpoints(client_context(()), clock)
    held = HeldSecrets({SOURCE: Secret(BEARER)})
    yield KubernetesIssuer(endpoints, keyring, "https://exeat.test", held, Holders(), b"k" * 32, clock)
    await endpoints.close()


def spec_for(api, **more):
    table = KubernetesTable.model_validate(
        {"kind": "kubernetes", "api_url": str(api.server.make_url("/")), "namespace": "agents", "service_account": "bot",
         "audience": AUDIENCE, **more}
    )  # fmt: skip
    return IssuerSpec("kubernetes", table.ttl, table.audience, table.details(), table.promised())


async def test_a_token_of_the_account_for_one_audience(issuer, api, clock):
    """Exactly the published request; what comes is the account's, grade B, and ends when the token itself says."""
    token = await issuer.mint(REQUEST, spec_for(api, token=SOURCE))
    assert api.asked == [("agents", "bot", {"audiences": [AUDIENCE], "expirationSeconds": 600})]
    assert api.shown == [BEARER]
    assert (token.grade, token.id, token.expires_at) == (Grade.B, "j-1", int(clock.now) + 600)
    assert await issuer.revoke(token, spec_for(api)) is False


async def test_our_own_word_authenticates_where_there_is_no_token(issuer, api, keyring):
    """Signed with our published key, for the API server alone, and no access token of ours."""
    await issuer.mint(REQUEST, spec_for(api, subject="exeat-prod", login_audience="https://k8s"))
    header = jwt.get_unverified_header(api.shown[0])
    key = keyring.public(header["kid"])
    options = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(api.shown[0], key.key, [key.algorithm], audience="https://k8s", options=options)
    assert (claims["iss"], claims["sub"], claims["exp"] - claims["iat"]) == ("https://exeat.test", "exeat-prod", 60)
    assert header["typ"] == "JWT"


async def test_an_operation_may_have_an_account_of_its_own(issuer, api):
    """Its scope chooses; a token is bound to an object where that is asked."""
    accounts = {REQUEST.scope: "reader"}
    bound = {"kind": "Pod", "name": "runner-0", "uid": "900f80ed-bafe-49f0-9ae2-c5f0a3ac2cbe"}
    await issuer.mint(REQUEST, spec_for(api, service_accounts=accounts, bound_to=bound))
    ((_, account, spec),) = api.asked
    assert account == "reader"
    assert spec["boundObjectRef"] == {"apiVersion": "v1", **bound}


@pytest.mark.guard("kubernetes-audience")
@pytest.mark.parametrize(
    "lie",
    [
        {"aud": [AUDIENCE, "https://kubernetes.default.svc"]}, {"aud": []}, {"aud": None}, {"aud": "other"},
        {"sub": "system:serviceaccount:agents:admin"}, {"sub": None}, {"exp": 4_000_000_000}, {"exp": None}, {"exp": True},
        {"kubernetes.io": {}}, {"kubernetes.io": {"pod": {"name": "other"}}},
        {"kubernetes.io": {"pod": {"name": "runner-0", "uid": "0"}}},
    ],
)  # fmt: skip
async def test_another_token_than_asked_is_too_wide(issuer, api, lie):
    """Another audience, account or life, or not bound: what the token itself says counts, not what stands beside it."""
    api.lie = lie
    bound = {"kind": "Pod", "name": "runner-0", "uid": "900f80ed-bafe-49f0-9ae2-c5f0a3ac2cbe"}
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec_for(api, bound_to=bound))
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


async def test_a_refusal_or_a_dead_server_gives_no_token(issuer, api):
    """Forbidden by RBAC, and gone altogether."""
    api.status = 403
    spec = spec_for(api)
    with pytest.raises(RefusalError, match="403") as refused:
        await issuer.mint(REQUEST, spec)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    await api.server.close()
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, spec)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


@given(
    st.dictionaries(
        st.text(max_size=8), st.recursive(st.none() | st.text(max_size=8), st.lists, max_leaves=4), max_size=4
    )
)
def test_no_answer_breaks_the_check(fields):
    """Whatever is answered: a refusal."""
    for answer in (
        fields,
        {"kind": "TokenRequest", "status": fields},
        {"kind": "TokenRequest", "status": {"token": "a.b.c"}},
    ):
        with pytest.raises(RefusalError):
            check_token_request(answer, WANTED, sent=0.0, now=0.0)


@pytest.mark.parametrize(
    "wrong", [{"ttl": "5m"}, {"audience": ""}, {"service_account": ""}, {"service_account": "a/../b"}]
)
def test_settings_that_cant_work_are_refused(wrong):
    """Less than ten minutes, a token for everybody, no account, a name that would be a path."""
    with pytest.raises(ValidationError):
        KubernetesTable.model_validate(
            {"kind": "kubernetes", "api_url": "https://k8s", "service_account": "bot", "audience": AUDIENCE, **wrong}
        )
