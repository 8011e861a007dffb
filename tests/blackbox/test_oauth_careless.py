"""A careless authorization server: what it grants beyond what was asked is refused, and ended where it can be."""

from __future__ import annotations

import pytest

from rig.config import operation, service
from rig.token_relay import TokenRelay
from rig.wire import ask, refused
from servers.authgent.launch import Authgent, program

pytestmark = pytest.mark.skipif(not program(), reason="authgent-server is missing (scripts/setup-servers)")

ITEMS = (operation("GET /echo", "items/list", "read"), operation("POST /echo", "items/delete", "write"))
SCOPES = {"items/list": "items:read", "items/delete": "items:delete"}


@pytest.fixture(scope="module")
def config(config, tmp_path_factory):
    """The same client by its own credentials and by an exchange, with the life that we want, and the one that it gives."""
    issuer = f"http://127.0.0.1:{config.admin_port}"
    with Authgent(tmp_path_factory.mktemp("authgent"), issuer) as server, TokenRelay(server.url) as relay:
        config.relay = relay
        client_id, secret = server.register("items:read", "items:write")
        config.environ |= {"AUTHGENT_SECRET": secret}
        config.policies.pop("site.cedar")
        for name, kind, ttl in (
            ("minute", "oauth_client", "60s"),
            ("patient", "oauth_client", "15m"),
            ("exchanged", "oauth_exchange", "60s"),
            ("slow", "oauth_exchange", "15m"),
        ):
            host = f"{name}.example.test"
            settings = {
                "kind": kind, "token_url": f"{relay.url}/token", "server": server.url, "revoke_url": f"{relay.url}/revoke",
                "client_id": client_id, "client_secret": "env:AUTHGENT_SECRET", "client_auth": "post", "scopes": SCOPES,
                "resource": f"https://{host}", "ttl": ttl, "audience": f"https://{host}",
            }  # fmt: skip
            if kind == "oauth_exchange":
                settings |= {"subject_type": "id_token"}
                del settings["resource"]
            config.tables["service"].append(service(name, host, *ITEMS, issuer=settings))
            config.allow(host)
            config.template["operations"].append(f"{name}:*")
        yield config


@pytest.fixture
def relay(config):
    config.relay.clear()
    return config.relay


def call(exeat, mission, name, method="GET"):
    return ask(exeat, mission, method, "/echo", host=f"{name}.example.test")


@pytest.mark.parametrize("name", ["minute", "exchanged"])
def test_a_life_that_nobody_asked_for_is_refused_and_ended(exeat, mission, origin, relay, name):
    """It gives minutes whatever was wanted: the origin sees nothing, the server gets its token back."""
    refused(call(exeat, mission, name), "token_too_wide", status=503)
    assert origin.requests == []
    assert len(relay.asked("/revoke")) == 1


@pytest.mark.parametrize("name", ["patient", "slow"])
def test_what_it_grants_as_asked_is_used_and_ended_with_the_mission(exeat, mission, origin, relay, name):
    """Where an admin accepts its lives."""
    answer = call(exeat, mission, name)
    assert answer.status == 200, answer.body
    token = origin.last.one("authorization").removeprefix("Bearer ")
    assert exeat.end(mission)["applied"]["tokens_revoked"] == 1
    assert [form["token"] for form in relay.asked("/revoke")] == [token]


@pytest.mark.parametrize("more", [{"scope": "items:read items:write"}, {"scope": ""}])
def test_a_scope_that_it_didnt_narrow_is_refused(exeat, mission, origin, relay, more):
    """As it answers an exchange whose scope it ignores; the token's own claims would have said the same."""
    relay.hook = lambda _, fields: fields | more
    refused(call(exeat, mission, "slow"), "token_too_wide" if more["scope"] else "token_unavailable", status=503)
    assert origin.requests == []


def test_what_it_refuses_is_refused(exeat, mission, origin):
    """With 403, where RFC 6749 §5.2 says 400."""
    refused(call(exeat, mission, "patient", "POST"), "token_unavailable", status=503)
    assert origin.requests == []
