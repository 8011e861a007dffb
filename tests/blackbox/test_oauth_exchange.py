"""Token exchange with a stock authorization server: the origin sees the server's token, no wider than the decision."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig.config import SHARED_KEY, operation, service
from rig.wire import ask, refused
from servers.oidc.launch import CLIENT_SECRET, OidcServer, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the authorization server needs Node: {missing()}")

ITEMS = (
    operation("GET /echo", "items/list", "read"),
    operation("POST /echo", "items/create", "write"),
    operation("DELETE /v1/refunds/{id}", "items/delete", "delete"),
    operation("PUT /echo", "items/unmapped", "write"),
)
SCOPES = {"items/list": "items:read", "items/create": "items:write", "items/delete": "items:delete"}
NAMES = ("opaque", "long", "careless", "signed")


def exchanged(oidc, name, **more):
    """A service whose tokens come from the authorization server."""
    issuer = {
        "kind": "oauth_exchange", "token_url": f"{oidc.issuer}/token", "server": oidc.issuer, "ttl": "60s",
        "audience": f"https://{name}.example.test", "client_id": "exeat", "client_secret": "env:OIDC_SECRET",
        "scopes": SCOPES, "revoke_url": f"{oidc.issuer}/token/revocation",
    }  # fmt: skip
    return {key: value for key, value in (issuer | more).items() if value is not None}


@pytest.fixture(scope="module")
def config(config, tmp_path_factory):
    """Five services whose tokens come from a server that trusts exactly this installation's keys."""
    issuer = f"http://127.0.0.1:{config.admin_port}"
    with OidcServer({issuer: f"{issuer}/.well-known/jwks.json"}, tmp_path_factory.mktemp("oidc")) as running:
        del config.policies["site.cedar"]  # it speaks of operations that are not here
        config.environ |= {"OIDC_SECRET": CLIENT_SECRET}
        config.service("example").update(issuer=exchanged(running, "api"), operation=list(ITEMS))
        kept = tmp_path_factory.mktemp("vault") / "secret"
        kept.write_text(CLIENT_SECRET)
        special = {
            "signed": {"client_id": "exeat-signed", "client_secret": None, "audience": None, "actor": True,
                       "resource": "https://api.example.test"},
            "opaque": {"client_secret": f"exec:cat {kept}"},
        }  # fmt: skip
        for name in NAMES:
            issuer = exchanged(running, name, **special.get(name, {}))
            config.tables["service"].append(service(name, f"{name}.example.test", *ITEMS, issuer=issuer))
            config.allow(f"{name}.example.test")
        config.template["operations"] = [f"{name}:*" for name in ("example", *NAMES)]
        config.oidc = running
        yield config


@pytest.fixture(scope="module")
def oidc(config):
    return config.oidc


def bearer(seen):
    scheme, _, token = seen.one("authorization").partition(" ")
    assert scheme == "Bearer"
    return token


def outcome(exeat, mission):
    return exeat.audit_records("outcome", mission=mission["mission"])[-1]


def test_the_origin_sees_a_token_of_the_server_that_it_can_verify(exeat, mission, origin, oidc):
    """The exchanged token verifies against the server's keys, is about the agent, by us, and of one scope."""
    origin.require_jwt(f"{oidc.issuer}/jwks", "https://api.example.test")
    answer = ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {SHARED_KEY}")
    assert answer.status == 200, answer.body
    claims = origin.last.claims
    assert claims["iss"] == oidc.issuer
    assert claims["sub"] == mission["agent"]
    assert claims["act"] == {"sub": "exeat"}
    assert claims["scope"] == "items:read"
    assert claims["exp"] - claims["iat"] == 60
    assert outcome(exeat, mission)["credential"] == {"state": "shared", "grade": "A", "token": claims["jti"]}


def test_another_operation_gets_another_token(exeat, mission, origin, oidc):
    """A read token is never used for a write, and the same operation uses the same token again."""
    for method in ("GET", "POST", "GET"):
        assert ask(exeat, mission, method, "/echo").status == 200
    read, write, again = (bearer(seen) for seen in origin.requests)
    assert read == again
    assert read != write


def test_two_missions_get_two_tokens(exeat, mission, origin, oidc):
    """Each token is about one agent in one mission."""
    other = exeat.open(agent="report-bot")
    origin.require_jwt(f"{oidc.issuer}/jwks", "https://api.example.test")
    for each in (mission, other):
        assert ask(exeat, each, "GET", "/echo").status == 200
    assert [seen.claims["sub"] for seen in origin.requests] == [mission["agent"], other["agent"]]


def test_a_client_without_a_secret_signs_and_names_the_actor(exeat, mission, origin, oidc):
    """private_key_jwt with our published keys; the actor token becomes the ``act`` claim."""
    origin.require_jwt(f"{oidc.issuer}/jwks", "https://api.example.test")
    assert ask(exeat, mission, "GET", "/echo", host="signed.example.test").status == 200
    assert origin.last.claims["act"] == {"sub": "exeat-signed"}
    assert origin.last.claims["client_id"] == "exeat-signed"


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/refunds/1"), ("PUT", "/echo")])
def test_what_the_server_refuses_is_refused(exeat, mission, origin, method, path):
    """A scope that isn't the client's, or that the server doesn't know: no token, nothing sent."""
    refused(ask(exeat, mission, method, path), "token_unavailable", status=503)
    assert origin.requests == []


@pytest.mark.guard("grant-scope")
@pytest.mark.parametrize("name", ["careless", "long"])
def test_a_grant_wider_than_asked_is_refused(exeat, mission, origin, name):
    """More scopes than asked, or an hour instead of a minute: the origin gets nothing."""
    refused(ask(exeat, mission, "GET", "/echo", host=f"{name}.example.test"), "token_too_wide", status=503)
    assert origin.requests == []
    assert outcome(exeat, mission)["code"] == "token_too_wide"


@pytest.mark.parametrize("verb", ["close", "revoke"])
def test_a_token_dies_at_the_server_with_its_mission(exeat, mission, origin, oidc, verb):
    """Introspection says active before and inactive after."""
    assert ask(exeat, mission, "GET", "/echo", host="opaque.example.test").status == 200
    token = bearer(origin.last)
    assert oidc.introspect(token)["active"] is True
    figures = exeat.end(mission, verb)
    assert figures["applied"]["tokens_revoked"] == 1, figures
    assert oidc.introspect(token) == {"active": False}


def test_a_token_of_a_killed_process_dies_with_its_mission(exeat, mission, origin, oidc):
    """Whoever minted it is gone; the list that was made before it was used still ends it."""
    assert ask(exeat, mission, "GET", "/echo", host="opaque.example.test").status == 200
    token = bearer(origin.last)
    (listed,) = exeat.admin("GET", f"/v1/missions/{mission['mission']}/tokens").ok()["tokens"]
    assert (listed["service"], listed["issuer"], listed["state"]) == ("opaque", "oauth_exchange", "live")
    assert token not in str(listed)
    exeat.kill()
    exeat.start()
    figures = exeat.end(mission, "revoke")
    assert figures["applied"]["tokens_revoked"] == 1, figures
    assert oidc.introspect(token) == {"active": False}
    (listed,) = exeat.admin("GET", f"/v1/missions/{mission['mission']}/tokens").ok()["tokens"]
    assert listed["state"] == "revoked"


def test_a_silent_server_refuses_in_time_and_recovers(exeat, mission, origin, oidc):
    """A server that accepts and never answers costs seconds, not for ever; afterwards all is as before."""
    oidc.freeze(True)
    try:
        started = time.monotonic()
        refused(ask(exeat, mission, "POST", "/echo"), "token_unavailable", status=503)
        assert time.monotonic() - started < 6
    finally:
        oidc.freeze(False)
    time.sleep(1.1)  # it is left alone for a second
    assert ask(exeat, mission, "POST", "/echo").status == 200


def test_a_cold_mint_delays_nobody_else(exeat, mission, origin, oidc):
    """While one request waits for a server that says nothing, those with a token go on."""
    assert ask(exeat, mission, "GET", "/echo").status == 200
    oidc.freeze(True)
    try:
        with ThreadPoolExecutor(1) as pool:
            cold = pool.submit(ask, exeat, mission, "POST", "/echo")
            while not exeat.admin("GET", "/v1/status").ok()["tokens"]["minting"]:
                assert not cold.done(), "it was to wait"
                time.sleep(0.02)
            for _ in range(5):
                assert ask(exeat, mission, "GET", "/echo").status == 200
            assert not cold.done()
            refused(cold.result(20), "token_unavailable", status=503)
    finally:
        oidc.freeze(False)
    time.sleep(1.1)  # it is left alone for a second


def test_a_dead_server_refuses_and_its_new_keys_are_no_matter_to_us(exeat, mission, origin, oidc):
    """While it is down nothing new is sent; a token already granted still works; it comes back with other keys."""
    assert ask(exeat, mission, "GET", "/echo").status == 200
    oidc.stop()
    try:
        refused(ask(exeat, mission, "POST", "/echo"), "token_unavailable", status=503)
        assert len(origin.requests) == 1
        assert ask(exeat, mission, "GET", "/echo").status == 200
    finally:
        oidc.start()
    time.sleep(1.1)
    origin.require_jwt(f"{oidc.issuer}/jwks", "https://api.example.test")
    assert ask(exeat, mission, "POST", "/echo").status == 200
    assert origin.last.claims["scope"] == "items:write"


def test_no_secret_leaves_or_is_written_down(exeat, mission, origin, oidc):
    """The shared key reaches neither origin nor server; the client's secret and the tokens are in no log or record."""
    assert ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {SHARED_KEY}").status == 200
    assert ask(exeat, mission, "GET", "/echo", host="opaque.example.test").status == 200
    written = exeat.everything_written()
    for secret in (SHARED_KEY, CLIENT_SECRET):
        assert secret.encode() not in origin.raw()
        assert secret.encode() not in written
    for seen in origin.requests:
        assert bearer(seen).encode() not in written
