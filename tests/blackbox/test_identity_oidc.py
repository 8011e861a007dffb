"""A stock OpenID provider vouches for an agent: its tokens are taken as they are, and no others of it."""

from __future__ import annotations

import time

import pytest

from rig.issuer import wait_for_keys
from rig.wire import Wire, refused, tunnel
from servers.oidc.launch import OidcServer, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the provider needs Node: {missing()}")

HOST, AUDIENCE = "api.example.test", "https://exeat.example.test"


@pytest.fixture(scope="module")
def oidc(tmp_path_factory):
    with OidcServer({}, tmp_path_factory.mktemp("oidc")) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, oidc):
    config.agent(
        "token-bot", jwt=[{"issuer": oidc.issuer, "subject": "token-bot", "claims": {"client_id": "token-bot"}}]
    )
    config.tables["identity"] = {
        "evidence": ["pass", "jwt"],
        "jwt": [
            {
                "issuer": oidc.issuer, "audience": AUDIENCE, "jwks_url": f"{oidc.issuer}/jwks", "typ": "at+jwt",
                "algorithms": ["ES256"], "without": ["nbf"], "longest_life": "5m", "refresh": "1s",
            }
        ],
    }  # fmt: skip
    return config


def get_token(oidc, resource=AUDIENCE, client="token-bot", secret="workload-secret"):
    form = {"grant_type": "client_credentials", "resource": resource, "scope": "items:read"}
    return oidc.call("/token", form, client, secret)["access_token"]


def show(exeat, token):
    with Wire(exeat) as wire:
        return wire.connect(f"{HOST}:443", token)


@pytest.fixture(scope="module")
def bot(exeat):
    return wait_for_keys(exeat).open(agent="token-bot")


def test_a_workload_acts_with_the_token_its_provider_gives_it(exeat, bot, oidc, origin):
    """From client credentials to the tag at the origin, with nothing of ours in between."""
    origin.clear()
    with tunnel(exeat, {**bot, "pass": get_token(oidc)}) as wire:
        assert wire.request("GET", "/echo", host=HOST).status == 200
    assert origin.last.one("exeat-agent") == bot["agent"]
    record = exeat.audit_records("decision", mission=bot["mission"])[-1]
    assert record["evidence"] == ["jwt"]


def test_other_tokens_of_the_same_provider_are_refused(exeat, bot, oidc):
    """For another resource, about another client, opaque."""
    others = [
        get_token(oidc, "https://api.example.test"),
        get_token(oidc, client="origin", secret="origin-secret"),
        get_token(oidc, "https://opaque.example.test"),
    ]
    for token in others:
        refused(show(exeat, token), "identity_invalid", status=407)
    assert not any(token.encode() in exeat.everything_written() for token in others)


def test_a_provider_that_comes_back_with_other_keys(exeat, bot, oidc):
    """Tokens of the old keys end with the keys, those of the new ones are taken at the next refresh (it calls both by one id)."""
    old = get_token(oidc)
    assert show(exeat, old).status == 200
    oidc.stop()
    assert show(exeat, old).status == 200
    oidc.start()
    new = get_token(oidc)
    deadline = time.monotonic() + 10
    while (answer := show(exeat, new)).status != 200:
        assert answer.code in {"state_stale", "identity_invalid"}
        assert time.monotonic() < deadline
        time.sleep(0.1)
    refused(show(exeat, old), "state_stale", "identity_invalid")
