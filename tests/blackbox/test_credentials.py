"""Credentials on the wire: one place a service, swapped there and nowhere else; everything unmanaged is refused."""

from __future__ import annotations

import base64

import pytest

from rig.config import SHARED_KEY, operation, service
from rig.wire import ask, denied, refused

REAL = {"custom": "real_custom_c0ffee1234", "basic": "real_basic_c0ffee1234", "query": "real_query_c0ffee1234", "cookie": "real_cookie_c0ffee1234"}  # fmt: skip
OLD = "old_shared_key_0123456789"
ECHO = (operation("GET /echo", "echo", "read"),)


def configure(config, origin):
    places = {
        "custom": {"in": "header", "name": "X-Api-Key"}, "basic": {"in": "basic", "user": "api"},
        "query": {"in": "query", "name": "api_key"}, "cookie": {"in": "cookie", "name": "sid"},
    }  # fmt: skip
    for name, place in places.items():
        config.environ[f"{name.upper()}_KEY"] = REAL[name]
        config.tables["service"].append(
            service(
                name,
                f"{name}.example.test",
                *ECHO,
                credential=place,
                shared={"source": f"env:{name.upper()}_KEY"},
                issuer={"kind": "stored_key"},
            )
        )
    from datetime import date

    config.environ["OLD_KEY"] = OLD
    config.tables["service"] += [
        service(
            "retired", "retired.example.test", *ECHO, shared={"source": "env:OLD_KEY", "retire_by": date(2020, 1, 1)}
        ),
        service("forwarding", "forwarding.example.test", *ECHO, foreign="forward"),
    ]
    for name in (*places, "retired", "forwarding"):
        config.allow(f"{name}.example.test")
        config.template["operations"].append(f"{name}:read")


def _basic(user, password):
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_custom_header(exeat, mission, origin):
    placeholder = mission["placeholders"]["custom"]
    assert ask(exeat, mission, "GET", "/echo", f"X-API-Key: {placeholder}", host="custom.example.test").status == 200
    assert origin.last.one("x-api-key") == REAL["custom"]
    assert placeholder.encode() not in origin.raw()


def test_basic(exeat, mission, origin):
    placeholder = mission["placeholders"]["basic"]
    answer = ask(
        exeat, mission, "GET", "/echo", f"Authorization: {_basic('api', placeholder)}", host="basic.example.test"
    )
    assert answer.status == 200
    assert origin.last.one("authorization") == _basic("api", REAL["basic"])


def test_a_query_key(exeat, mission, origin):
    placeholder = mission["placeholders"]["query"]
    assert ask(exeat, mission, "GET", f"/echo?a=1&api_key={placeholder}&b=2", host="query.example.test").status == 200
    assert f"api_key={REAL['query']}" in origin.last.target
    assert "a=1" in origin.last.target
    assert "b=2" in origin.last.target
    assert placeholder not in origin.last.target
    assert REAL["query"].encode() not in exeat.everything_written()


def test_a_cookie(exeat, mission, origin):
    placeholder = mission["placeholders"]["cookie"]
    answer = ask(exeat, mission, "GET", "/echo", f"Cookie: theme=dark; sid={placeholder}", host="cookie.example.test")
    assert answer.status == 200
    cookies = "; ".join(origin.last.header("cookie"))
    assert f"sid={REAL['cookie']}" in cookies
    assert "theme=dark" in cookies
    assert placeholder not in cookies


@pytest.mark.row("H05")
@pytest.mark.guard("foreign-credential")
@pytest.mark.parametrize("header", [
    "Authorization: Bearer ghp_foreign_token_1234567890", "Authorization: Bearer sk_live_almost_the_right_one",
    "X-Api-Key: foreign", "Authorization: Basic dXNlcjpwYXNz", "Authorization: Digest x=y", "Private-Token: glpat-1",
])  # fmt: skip
def test_a_foreign_credential_is_refused(exeat, mission, origin, header):
    """H05: an agent's own key would act in its own name at the service."""
    refused(ask(exeat, mission, "GET", "/echo", header), "credential_foreign", status=403)
    assert origin.connections == []


@pytest.mark.guard("foreign-credential")
@pytest.mark.parametrize("target", ["/echo?access_token=abc", "/echo?api_key=abc", f"/echo?note={SHARED_KEY}"])
def test_a_credential_in_the_query_of_a_header_service_is_refused(exeat, mission, origin, target):
    refused(ask(exeat, mission, "GET", target), "credential_foreign")
    assert origin.connections == []


@pytest.mark.row("H07")
@pytest.mark.parametrize(
    "value", [f"Bearer {SHARED_KEY}x", f"Bearer {SHARED_KEY[:-1]}", f"Bearer {SHARED_KEY.upper()}"]
)
def test_nearly_the_shared_key_is_foreign(exeat, mission, origin, value):
    """H07."""
    refused(ask(exeat, mission, "GET", "/echo", f"Authorization: {value}"), "credential_foreign")


@pytest.mark.row("H04")
@pytest.mark.parametrize("header", [f"X-Note: {SHARED_KEY}", f"X-Api-Key: {SHARED_KEY}", f"X-Request-Id: {SHARED_KEY}"])
def test_a_managed_credential_outside_its_place_is_refused(exeat, mission, origin, header):
    """H04: otherwise the key would leave unswapped."""
    refused(ask(exeat, mission, "GET", "/echo", header), "credential_foreign")
    refused(ask(exeat, mission, "GET", "/echo", header, host="cdn.example.test"), "credential_foreign")
    assert origin.connections == []


@pytest.mark.row("H08")
def test_a_placeholder_works_only_at_its_own_service(exeat, mission, origin):
    """H08."""
    stray = mission["placeholders"]["custom"]
    refused(ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {stray}"), "credential_foreign")
    refused(ask(exeat, mission, "GET", "/echo", f"X-Api-Key: {stray}", host="cdn.example.test"), "credential_foreign")
    assert origin.connections == []


@pytest.mark.row("H04")
def test_two_credentials_are_refused(exeat, mission, origin):
    own = f"Authorization: Bearer {SHARED_KEY}"
    denied(ask(exeat, mission, "GET", "/echo", own, own))
    denied(ask(exeat, mission, "GET", "/echo", own, "Authorization: Bearer other"))
    placeholder = mission["placeholders"]["query"]
    denied(ask(exeat, mission, "GET", f"/echo?api_key={placeholder}&api_key=x", host="query.example.test"))
    denied(ask(exeat, mission, "GET", "/echo", "Cookie: sid=a; sid=b", host="cookie.example.test"))
    assert origin.connections == []


@pytest.mark.row("H04")
def test_a_lower_case_scheme_is_the_same_scheme(exeat, mission, origin):
    assert ask(exeat, mission, "GET", "/echo", f"Authorization: bearer {SHARED_KEY}").status == 200
    assert origin.last.one("authorization").startswith("Bearer ey")


def test_a_retired_credential_is_refused(exeat, mission, origin):
    answer = ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {OLD}", host="retired.example.test")
    refused(answer, "credential_retired", status=403)
    placeholder = mission["placeholders"]["retired"]
    assert (
        ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {placeholder}", host="retired.example.test").status
        == 200
    )


def test_the_state_of_the_credential_is_in_the_record_and_its_value_is_not(exeat, mission):
    ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {SHARED_KEY}")
    ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {mission['placeholders']['example']}")
    ask(exeat, mission, "GET", "/echo")
    records = exeat.audit_records("decision", mission=mission["mission"])
    assert [record["credential"]["state"] for record in records] == ["shared", "placeholder", "none"]
    assert {record["credential"]["grade"] for record in records} == {"A"}
    assert mission["placeholders"]["example"].encode() not in exeat.everything_written()
