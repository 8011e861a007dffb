"""Tokens of an authorization server whose client we are, through two workers: narrow, checked, revoked, refreshed by one at a time."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig.config import operation, service
from rig.token_relay import TokenRelay
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
RESOURCE = "https://opaque.example.test"
SPECIAL = {
    "own": {},
    "fixed": {"scope": "items:read items:write", "scopes": None},
    "post": {"client_id": "exeat-post", "client_auth": "post"},
    "signed": {"client_id": "exeat-signed", "client_secret": None, "resource": "https://api.example.test"},
    "bearer": {"grant": "jwt_bearer", "resource": "https://api.example.test"},
    "long": {"resource": "https://long.example.test"},
    "lasting": {"grant": "refresh_token", "revoke_url": None},
}


def issued(relay, oidc, **more):
    issuer = {
        "kind": "oauth_client", "token_url": f"{relay.url}/token", "server": oidc.issuer, "ttl": "60s",
        "client_id": "exeat-client", "client_secret": "env:OIDC_SECRET", "resource": RESOURCE, "scopes": SCOPES,
        "revoke_url": f"{relay.url}/token/revocation",
    }  # fmt: skip
    return {key: value for key, value in (issuer | more).items() if value is not None}


def authorize(oidc, config):
    """Somebody agrees, and their refresh token is put where Exeat begins with it."""
    config.first.write_text(oidc.authorize(RESOURCE))
    config.first.chmod(0o600)


@pytest.fixture(scope="module")
def config(config, tmp_path_factory):
    """A service for each way to ask; two workers, so that whoever refreshes is another process."""
    issuer = f"http://127.0.0.1:{config.admin_port}"
    oidc = OidcServer({issuer: f"{issuer}/.well-known/jwks.json"}, tmp_path_factory.mktemp("oidc"))
    with oidc, TokenRelay(oidc.issuer) as relay:
        config.oidc, config.relay = oidc, relay
        config.policies.pop("site.cedar")  # it speaks of operations that are not here
        config.environ |= {"OIDC_SECRET": CLIENT_SECRET, "EXEAT_PROXY__WORKERS": "2"}
        config.first = tmp_path_factory.mktemp("given") / "first"
        authorize(oidc, config)
        for name, special in SPECIAL.items():
            more = {"refresh_token": f"file:{config.first}"} if name == "lasting" else {}
            table = service(name, f"{name}.example.test", *ITEMS, issuer=issued(relay, oidc, **special, **more))
            config.tables["service"].append(table)
            config.allow(f"{name}.example.test")
            config.template["operations"].append(f"{name}:*")
        yield config


@pytest.fixture(scope="module")
def oidc(config):
    return config.oidc


@pytest.fixture
def relay(config):
    config.relay.clear()
    yield config.relay
    config.relay.clear()


def call(exeat, mission, name, method="GET", path="/echo"):
    return ask(exeat, mission, method, path, host=f"{name}.example.test")


def bearer(seen):
    return seen.one("authorization").removeprefix("Bearer ")


def outcome(exeat, mission):
    return exeat.audit_records("outcome", mission=mission["mission"])[-1]


@pytest.mark.parametrize(
    ("name", "scope", "grade"),
    [
        ("own", "items:read", "A"),
        ("fixed", "items:read items:write", "B"),
        ("post", "items:read", "A"),
        ("lasting", "items:read", "A"),
    ],
)
def test_the_server_knows_a_token_of_just_that_scope(exeat, mission, origin, oidc, name, scope, grade):
    """Asked by introspection, as an origin would: what isn't in it, the server refuses."""
    answer = call(exeat, mission, name)
    assert answer.status == 200, answer.body
    said = oidc.introspect(bearer(origin.last))
    assert said["active"] is True
    assert sorted(said["scope"].split()) == scope.split()
    assert (said["aud"], said["exp"] - said["iat"]) == (RESOURCE, 60)
    assert outcome(exeat, mission)["credential"]["grade"] == grade


@pytest.mark.parametrize("name", ["signed", "bearer"])
def test_our_keys_say_who_we_are_and_who_the_agent_is(exeat, mission, origin, oidc, name):
    """RFC 7523 §2.2 for the client, §2.1 for the grant; the origin verifies the server's token."""
    origin.require_jwt(f"{oidc.issuer}/jwks", "https://api.example.test")
    answer = call(exeat, mission, name, "POST")
    assert answer.status == 200, answer.body
    assert origin.last.claims["scope"] == "items:write"
    assert origin.last.claims["sub"] == (mission["agent"] if name == "bearer" else "exeat-signed")


@pytest.mark.parametrize(("method", "path"), [("DELETE", "/v1/refunds/1"), ("PUT", "/echo")])
@pytest.mark.parametrize("name", ["own", "lasting"])
def test_what_the_server_doesnt_grant_is_refused(exeat, mission, origin, relay, name, method, path):
    """A scope that isn't the client's: it says so. One that it doesn't know: it grants a token of none, which is revoked."""
    refused(call(exeat, mission, name, method, path), "token_unavailable", status=503)
    assert origin.requests == []
    if name == "own":
        assert len(relay.asked("/token/revocation")) == (1 if method == "PUT" else 0)


def test_a_token_that_lives_too_long_is_refused(exeat, mission, origin):
    """An hour is no minute."""
    refused(call(exeat, mission, "long"), "token_too_wide", status=503)
    assert origin.requests == []


@pytest.mark.parametrize(
    "lie", [{"scope": "items:read items:delete"}, {"token_type": "mac"}, {"expires_in": 61}, {"issued_token_type": "x"}]
)
def test_a_lying_server_gets_its_token_back(exeat, mission, origin, relay, lie):
    """What is wider than asked is refused, and ended at the server."""
    relay.hook = lambda _, fields: fields | lie
    refused(call(exeat, mission, "own"), "token_too_wide", status=503)
    assert origin.requests == []
    assert len(relay.asked("/token/revocation")) == 1


def test_a_token_is_replaced_before_it_expires(exeat, mission, origin, relay):
    """One that lives four seconds serves the first two."""
    relay.hook = lambda _, fields: fields | {"expires_in": 4}
    seen, deadline = set(), time.monotonic() + 15
    while len(seen) <= 2:  # each worker has one of its own
        assert time.monotonic() < deadline
        assert call(exeat, mission, "own").status == 200
        seen.add(bearer(origin.last))
        time.sleep(0.25)


def test_a_token_dies_at_the_server_with_its_mission(exeat, mission, origin, oidc):
    """Introspection says active before and inactive after."""
    assert call(exeat, mission, "own").status == 200
    token = bearer(origin.last)
    assert oidc.introspect(token)["active"] is True
    assert exeat.end(mission)["applied"]["tokens_revoked"] == 1
    assert oidc.introspect(token) == {"active": False}


def test_what_other_missions_refresh_by_outlives_one_of_them(exeat, mission, origin, oidc):
    """This server ends a whole family with one access token (RFC 7009 §2.1): so it is dropped here, and named as living on."""
    assert call(exeat, mission, "lasting").status == 200
    applied = exeat.end(mission)["applied"]
    assert (applied["tokens_dropped"], applied["tokens_revoked"]) == (1, 0), applied
    assert call(exeat, exeat.open(), "lasting").status == 200


def test_a_hundred_requests_at_once_cause_one_mint_a_worker(exeat, mission, origin, relay):
    """Through the socket; two workers keep no tokens for each other."""
    relay.delay = 0.3
    with ThreadPoolExecutor(50) as pool:
        answers = list(pool.map(lambda _: call(exeat, mission, "own").status, range(100)))
    assert answers == [200] * 100
    assert 1 <= len(relay.asked("/token")) <= 2
    assert len({bearer(seen) for seen in origin.requests}) == len(relay.asked("/token"))


@pytest.mark.guard("refresh-in-turn")
def test_many_sessions_refresh_one_after_the_other(exeat, origin, oidc, relay):
    """Both workers ask; the server, which ends a family that is used twice at a time, goes on."""
    relay.delay = 0.1
    missions = [exeat.open(agent=agent) for agent in ("invoice-bot", "report-bot") for _ in range(3)]
    with ThreadPoolExecutor(12) as pool:
        answers = list(pool.map(lambda each: call(exeat, each, "lasting", "POST").status, missions * 2))
    assert answers == [200] * 12
    used = [form["refresh_token"] for form in relay.asked("/token")]
    assert len(set(used)) == len(used) >= 6
    assert relay.busiest == 1
    for mission in missions:
        exeat.end(mission)


def test_a_silent_server_refuses_in_time_and_a_late_answer_isnt_lost(exeat, mission, origin, oidc):
    """Requests are refused; the refresh token that comes at last is kept, and all is as before."""
    assert call(exeat, exeat.open(), "lasting").status == 200
    oidc.freeze(True)
    try:
        started = time.monotonic()
        with ThreadPoolExecutor(2) as pool:
            for answer in pool.map(lambda name: call(exeat, mission, name, "POST"), ("own", "lasting")):
                refused(answer, "token_unavailable", status=503)
        assert time.monotonic() - started < 7
    finally:
        oidc.freeze(False)
    deadline = time.monotonic() + 20
    while {call(exeat, mission, name, "POST").status for name in ("own", "lasting")} != {200}:
        assert time.monotonic() < deadline, exeat.log_text()[-3000:]
        time.sleep(0.2)  # it is left alone for a while


@pytest.mark.guard("refresh-mark")
def test_a_crash_between_answer_and_commit_is_told_and_mended(exeat, oidc, origin, config, relay):
    """The next refresh token was on its way when we died: the server takes our second use of the old one for a theft.

    That is no silent end: it is in the log and in each record, the server isn't asked any more, and a new authorization in
    the source is taken without a restart.
    """
    assert call(exeat, exeat.open(), "lasting").status == 200

    def die(form, fields):
        if form["grant_type"] == "refresh_token":
            exeat.kill()
        return fields

    relay.hook = die
    mission = exeat.open()
    with pytest.raises((OSError, AssertionError, ValueError)):
        assert call(exeat, mission, "lasting").status == 200
    relay.clear()
    exeat.start()
    mission = exeat.open()
    for _ in range(2):
        refused(call(exeat, mission, "lasting"), "token_unavailable", status=503)
    assert len(relay.asked("/token")) == 1
    said = outcome(exeat, mission)
    decided = exeat.admin("GET", f"/v1/decisions/{said['decision_id']}").ok()
    assert "the answer to its use at" in str(decided)
    assert "was never stored" in exeat.log_text()
    assert [each["service"] for each in exeat.audit_records("alert", event="refresh_token_lost")] == ["lasting"]
    authorize(oidc, config)
    assert call(exeat, mission, "lasting").status == 200, exeat.log_text()[-3000:]


def test_no_secret_of_all_this_is_written_down(exeat, relay, origin):
    """Neither the client's secret, nor any refresh token or access token, in store, log or audit."""
    assert call(exeat, exeat.open(), "lasting").status == 200
    written = exeat.everything_written()
    secrets = [form["refresh_token"] for form in relay.asked("/token")] + [bearer(origin.last), CLIENT_SECRET]
    assert len(secrets) == 3
    for secret in secrets:
        assert secret.encode() not in written
