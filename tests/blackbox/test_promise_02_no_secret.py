"""Promise 2, no secret out: real credentials and minted tokens reach the one origin they are for, and nobody else."""

from __future__ import annotations

import base64

import pytest

from rig.config import SHARED_KEY, operation, service
from rig.origin import Origin
from rig.wire import Wire, ask, basic, refused, tunnel

STORED = "stored_canary_9f8e7d6c5b4a"


@pytest.fixture(scope="module")
def others(authority, tmp_path_factory):
    """Origins no one should trust: expired, for another name, signed by a stranger."""
    stranger = type(authority)(tmp_path_factory.mktemp("stranger"), "stranger")
    with (
        Origin(authority, "expired.example.test", expired=True) as expired,
        Origin(authority, "somebody.else.test") as misnamed,
        Origin(stranger, "stranger.example.test") as unknown,
    ):
        yield {"expired": expired, "misnamed": misnamed, "stranger": unknown}


@pytest.fixture(scope="module")
def config(config, others):
    for name, running in others.items():
        config.allow(f"{name}.example.test", local=running.port)
        config.tables["service"].append(service(name, f"{name}.example.test", operation("GET /echo", "echo", "read")))
        config.template["operations"].append(f"{name}:read")
    config.environ["KEYED_KEY"] = STORED
    config.allow("keyed.example.test")
    config.tables["service"].append(
        service(
            "keyed",
            "keyed.example.test",
            operation("GET /echo", "echo", "read"),
            operation("GET /reflect", "reflect", "read"),
            shared={"source": "env:KEYED_KEY"},
            issuer={"kind": "stored_key"},
        )
    )
    config.template["operations"].append("keyed:read")
    return config


def test_the_origin_gets_a_token_scoped_to_the_request_and_never_the_shared_key(exeat, mission, origin):
    origin.require_jwt(exeat.jwks_url, "https://api.example.test")
    answer = ask(exeat, mission, "POST", "/v1/refunds", f"Authorization: Bearer {SHARED_KEY}", body=b"{}")
    assert answer.status == 201
    claims = origin.last.claims
    assert claims["sub"] == mission["agent"]
    assert claims["mission"] == mission["mission"]
    assert "refunds/create" in str(claims)
    assert claims["exp"] - claims["iat"] <= 60
    assert SHARED_KEY.encode() not in origin.raw()


@pytest.mark.parametrize("credential", [SHARED_KEY, "placeholder", None])
def test_the_shared_key_its_placeholder_or_nothing_are_all_swapped_alike(exeat, mission, origin, credential):
    value = mission["placeholders"]["example"] if credential == "placeholder" else credential
    headers = [f"Authorization: Bearer {value}"] if value else []
    origin.require_jwt(exeat.jwks_url, "https://api.example.test")
    assert ask(exeat, mission, "GET", "/v1/refunds", *headers).status == 200
    assert len(origin.last.header("authorization")) == 1
    assert not value or value.encode() not in origin.raw()


def test_what_is_written_holds_no_token_no_pass_and_no_key(exeat, mission, origin):
    ask(exeat, mission, "GET", "/v1/refunds", f"Authorization: Bearer {SHARED_KEY}")
    ask(exeat, mission, "GET", "/echo", host="keyed.example.test")
    with Wire(exeat) as wire:  # broken requests are the ones that loggers like to quote
        wire.send(f"GET /{SHARED_KEY} HTP\r\nAuthorization: Bearer {SHARED_KEY}\r\n\r\n").response()
    token = origin.requests[0].one("authorization").split()[1]
    written = exeat.everything_written()
    for secret in (token, mission["pass"], SHARED_KEY, STORED, exeat.token()):
        for form in (secret.encode(), base64.b64encode(secret.encode()), secret.encode().hex().encode()):
            assert form not in written


@pytest.mark.row("H08")
def test_a_stored_key_reaches_its_own_service_only(exeat, mission, origin):
    ask(exeat, mission, "GET", "/echo", host="keyed.example.test")
    assert origin.last.one("authorization") == f"Bearer {STORED}"
    origin.clear()
    refused(
        ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {mission['placeholders']['keyed']}"),
        "credential_foreign",
    )
    ask(exeat, mission, "GET", "/echo", host="cdn.example.test")
    assert STORED.encode() not in origin.raw()


@pytest.mark.row("H09")
@pytest.mark.guard("token-scrub")
@pytest.mark.parametrize("host", ["api.example.test", "keyed.example.test"])
def test_an_origin_that_echoes_the_token_does_not_hand_it_to_the_agent(exeat, mission, origin, host):
    answer = ask(exeat, mission, "GET", "/reflect", host=host)
    token = origin.last.one("authorization").split()[1].encode()
    assert token not in answer.body
    assert token not in repr(answer.headers).encode()


@pytest.mark.guard("tls-verify")
@pytest.mark.parametrize("name", ["expired", "misnamed", "stranger"])
@pytest.mark.row("M16")
def test_an_origin_whose_certificate_does_not_hold_gets_no_request(exeat, mission, others, name):
    refused(ask(exeat, mission, "GET", "/echo", host=f"{name}.example.test"), "upstream_untrusted", status=502)
    others[name].wait_quiet()
    assert others[name].bytes_received == 0


@pytest.mark.row("H03")
@pytest.mark.guard("proxy-auth-strip")
def test_the_pass_never_reaches_an_origin(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        assert (
            wire.request(
                "GET", "/echo", f"Proxy-Authorization: {basic(mission['pass'])}", host="api.example.test"
            ).status
            == 200
        )
    with Wire(exeat) as wire:
        pass_line = f"Proxy-Authorization: {basic(mission['pass'])}"
        assert wire.request("GET", "http://plain.example.test/echo", pass_line, host="plain.example.test").status == 200
    assert len(origin.requests) == 2
    raw = origin.raw().lower()
    assert b"proxy-authorization" not in raw
    assert basic(mission["pass"]).split()[1].lower().encode() not in raw


@pytest.mark.guard("plain-http-no-credential")
def test_no_credential_is_ever_put_on_plain_http(exeat, mission, origin):
    pass_line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        assert wire.request("GET", "http://plain.example.test/echo", pass_line, host="plain.example.test").status == 200
    assert origin.last.header("authorization") == []
    with Wire(exeat) as wire:
        refused(wire.request("GET", "http://api.example.test/echo", pass_line, host="api.example.test"),
                "destination_not_allowed", "protocol_not_allowed")  # fmt: skip
    assert len(origin.requests) == 1
