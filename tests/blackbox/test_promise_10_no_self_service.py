"""Promise 10, no self-service: only the authenticated control plane writes state, and it stays below the ceilings."""

from __future__ import annotations

import base64
import json
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from rig.wire import Wire, ask, basic, denied, refused

OPEN = {"template": "refunds", "agents": ["invoice-bot"]}


@pytest.mark.guard("admin-auth")
@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/v1/missions", OPEN), ("GET", "/v1/missions", None), ("POST", "/v1/missions/{id}/resume", {}),
    ("POST", "/v1/missions/{id}/extend", {"ttl": "9h"}), ("POST", "/v1/missions/{id}/revoke", {}), ("GET", "/v1/audit", None),
    ("GET", "/v1/decisions/last", None),
])  # fmt: skip
@pytest.mark.row("M02")
def test_nobody_without_the_admin_token_reads_or_writes(exeat, mission, method, path, body):
    target = path.replace("{id}", mission["mission"])
    for headers in (
        {}, {"Authorization": "Bearer "}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Bearer {mission['pass']}"},
        {"Authorization": basic(exeat.token())},
    ):  # fmt: skip
        assert exeat.admin(method, target, body, token=None, headers=headers).status == 401, headers
    assert exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] == "open"


@pytest.mark.parametrize("target", ["127.0.0.1", "localhost", "[::1]", "0.0.0.0", "127.1", "2130706433", "0x7f000001"])
@pytest.mark.row("M01")
def test_the_admin_port_can_not_be_reached_through_the_proxy(exeat, mission, target):
    """M01."""
    with Wire(exeat) as wire:
        answer = wire.connect(f"{target}:{exeat.admin_port}", mission["pass"])
        if answer.status == 200:
            try:
                wire.secure(mission["ca_file"], "localhost", verify=False)
            except OSError:
                return
            answer = wire.request("GET", "/healthz", host=f"{target}:{exeat.admin_port}")
        denied(answer)
    with Wire(exeat) as wire:
        url = f"http://{target}:{exeat.admin_port}/healthz"
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        denied(wire.request("GET", url, line, host=f"{target}:{exeat.admin_port}"))


@pytest.mark.guard("ceiling-check")
@pytest.mark.parametrize("fields", [
    {"destinations": ["evil.example.test:443"]}, {"destinations": ["*:443"]}, {"destinations": ["api.example.test:8443"]},
    {"destinations": ["*.example.test:443"]}, {"ttl": "30d"}, {"operations": ["example:no-such-thing"]},
    {"operations": ["example:refunds/delete"]}, {"operations": ["example:*"]},
])  # fmt: skip
def test_a_mission_can_not_exceed_its_template_or_the_ceilings(exeat, fields):
    answer = exeat.admin("POST", "/v1/missions", OPEN | fields)
    assert answer.status in {403, 422}, answer
    assert "pass" not in answer.body


@pytest.mark.guard("ceiling-check")
@pytest.mark.parametrize("fields", [
    {"destinations": ["evil.example.test:443"]}, {"destinations": ["*:443"]}, {"ttl": "30d"}, {"ttl": "25h"},
])  # fmt: skip
def test_a_mission_of_ones_own_can_not_exceed_the_ceilings(exeat, fields):
    made = {
        "agents": ["invoice-bot"], "environment": "prod", "purpose": "test", "owner": "tests", "ttl": "10m",
        "destinations": ["api.example.test:443"], "operations": ["example:read"],
    }  # fmt: skip
    assert exeat.admin("POST", "/v1/missions", made).status < 300
    assert exeat.admin("POST", "/v1/missions", made | fields).status == 403


def test_an_extension_stays_below_the_longest_life(exeat, mission):
    assert exeat.admin("POST", f"/v1/missions/{mission['mission']}/extend", {"ttl": "30d"}).status == 403


def test_an_ended_mission_can_not_be_brought_back(exeat, mission):
    exeat.end(mission)
    for verb, body in (("resume", {}), ("extend", {"ttl": "1h"}), ("suspend", {})):
        answer = exeat.admin("POST", f"/v1/missions/{mission['mission']}/{verb}", body)
        assert answer.status in {409, 422}, (verb, answer)
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended")


def _forgeries(value):
    header, payload, signature = value.split(".")
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))  # noqa: TID251
    kid = jwt.get_unverified_header(value)["kid"]
    key = ec.generate_private_key(ec.SECP256R1())
    longer = {**claims, "exp": int(time.time()) + 10**6, "agent": "report-bot"}
    typ = jwt.get_unverified_header(value)["typ"]
    none = base64.urlsafe_b64encode(json.dumps({"alg": "none", "typ": typ, "kid": kid}).encode()).decode().rstrip("=")
    payload_longer = base64.urlsafe_b64encode(json.dumps(longer).encode()).decode().rstrip("=")
    only_longer = json.dumps({**claims, "exp": claims["exp"] + 600}).encode()
    payload_only_longer = base64.urlsafe_b64encode(only_longer).decode().rstrip("=")
    return {
        "another-key": jwt.encode(longer, key, "ES256", headers={"kid": kid, "typ": typ}),
        "longer-life": f"{header}.{payload_only_longer}.{signature}",
        "changed-claims": f"{header}.{payload_longer}.{signature}",
        "alg-none": f"{none}.{payload_longer}.",
        "hmac": jwt.encode(longer, "0" * 32, "HS256", headers={"kid": kid, "typ": typ}),
        "cut": value[:-5],
        "empty": "",
        "garbage": "a.b.c",
        "huge": value + "A" * 20000,
    }


@pytest.mark.guard("pass-signature")
@pytest.mark.parametrize(
    "forgery", ["another-key", "longer-life", "changed-claims", "alg-none", "hmac", "cut", "empty", "garbage", "huge"]
)
def test_a_forged_pass_opens_nothing(exeat, mission, origin, forgery):
    """J01 to J09 at the door."""
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", _forgeries(mission["pass"])[forgery])
    assert answer.closed or answer.status in {400, 407, 431}, answer
    assert answer.code in {"", "identity_invalid", "identity_missing", "request_malformed"}
    assert origin.connections == []


def test_a_minted_token_is_no_pass(exeat, mission, origin):
    """J08: one kind of token never stands for another."""
    ask(exeat, mission, "GET", "/v1/refunds")
    token = origin.last.one("authorization").split()[1]
    with Wire(exeat) as wire:
        refused(wire.connect("api.example.test:443", token), "identity_invalid", status=407)


def test_the_pass_may_be_shown_as_a_bearer_token(exeat, mission):
    with Wire(exeat) as wire:
        answer = wire.connect("api.example.test:443", None, f"Proxy-Authorization: Bearer {mission['pass']}")
    assert answer.status == 200


@pytest.mark.parametrize("headers", [
    {"Host": "evil.example.test"}, {"Origin": "https://evil.example.test"}, {"Content-Type": "text/plain"},
    {"Content-Type": "application/x-www-form-urlencoded"},
])  # fmt: skip
@pytest.mark.row("M03", "M04")
def test_a_browser_on_a_strange_page_can_not_drive_the_admin_api(exeat, headers):
    """M03, M04."""
    answer = exeat.admin("POST", "/v1/missions", json.dumps(OPEN).encode(), headers=headers)
    assert answer.status in {403, 415, 421, 422, 400}, answer
    assert "pass" not in answer.body
