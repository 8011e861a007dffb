"""Promise 5, tag integrity: the origin sees exactly one identity tag, the proxy's, or none where a service says so."""

from __future__ import annotations

import pytest

from rig.config import operation, service
from rig.wire import ask, denied
from rig.wire_h2 import H2Wire

NAMES = ("exeat-agent", "exeat-mission", "exeat-request-id")


def configure(config, origin):
    for tag in ("none", "pairwise"):
        config.allow(f"{tag}.example.test")
        config.tables["service"].append(
            service(f"tag-{tag}", f"{tag}.example.test", operation("GET /echo", "echo", "read"), tag=tag)
        )
        config.template["operations"].append(f"tag-{tag}:read")


def _tags(seen):
    return {name: seen.header(name) + seen.header(name.replace("-", "_")) for name in NAMES}


def test_an_allowed_request_carries_one_tag(exeat, mission, origin):
    ask(exeat, mission, "GET", "/echo")
    tags = _tags(origin.last)
    assert tags["exeat-agent"] == [mission["agent"]]
    assert tags["exeat-mission"] == [mission["mission"]]
    assert len(tags["exeat-request-id"]) == 1


@pytest.mark.row("H01")
@pytest.mark.guard("tag-strip")
@pytest.mark.parametrize(
    "name", ["Exeat-Agent", "exeat-agent", "EXEAT-AGENT", "Exeat_Agent", "Exeat-Mission", "Exeat-Request-Id"]
)
def test_a_spoofed_tag_is_replaced(exeat, mission, origin, name):
    """H01."""
    answer = ask(exeat, mission, "GET", "/echo", f"{name}: spiffe://liar/agent/root", f"{name}: second")
    if answer.status != 200:
        denied(answer)
        return
    assert b"liar" not in origin.raw()
    tags = _tags(origin.last)
    assert tags["exeat-agent"] == [mission["agent"]]
    assert [len(values) for values in tags.values()] == [1, 1, 1]


@pytest.mark.row("H01")
@pytest.mark.guard("tag-strip")
def test_a_spoofed_tag_over_http2_is_replaced(exeat, mission, origin):
    with H2Wire(exeat, mission) as wire:
        assert wire.request("GET", "/echo", ("exeat-agent", "spiffe://liar"), ("exeat-mission", "other")).status == 200
    assert _tags(origin.last)["exeat-agent"] == [mission["agent"]]
    assert _tags(origin.last)["exeat-mission"] == [mission["mission"]]


@pytest.mark.row("H02")
@pytest.mark.guard("hop-by-hop-strip")
@pytest.mark.parametrize(
    "nominated", ["exeat-agent", "authorization", "host", "x-private", "keep-alive", "close, exeat-mission"]
)
def test_a_nominated_field_can_not_take_the_tag_or_the_token_away(exeat, mission, origin, nominated):
    """H02, RFC 9110 §7.6.1: nominated names are removed or refused before the tag is set."""
    answer = ask(exeat, mission, "GET", "/echo", f"Connection: {nominated}", "X-Private: hop", "Keep-Alive: timeout=9",
                 "Proxy-Connection: keep-alive", "TE: gzip")  # fmt: skip
    if answer.status != 200:
        denied(answer)
        assert origin.requests == []
        return
    seen = origin.last
    assert seen.one("exeat-agent") == mission["agent"]
    assert seen.one("exeat-mission") == mission["mission"]
    assert seen.one("authorization").startswith("Bearer ")
    for name in ("keep-alive", "proxy-connection", "te", "trailer", "upgrade"):
        assert seen.header(name) == []
    assert nominated != "x-private" or seen.header("x-private") == []
    assert "exeat" not in " ".join(seen.header("connection"))


@pytest.mark.parametrize(
    "name", ["X-Forwarded-Host", "X-Original-URL", "X-Rewrite-URL", "Forwarded", "X-Host", "X-Forwarded-For", "Via"]
)
@pytest.mark.row("D10")
def test_routing_hints_do_not_pass(exeat, mission, origin, name):
    """D10."""
    answer = ask(exeat, mission, "GET", "/echo", f"{name}: evil.example.test")
    assert answer.status == 200
    assert b"evil" not in origin.raw()


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "X-HTTP-Method", "X-Method-Override"])
@pytest.mark.row("P05")
def test_a_method_override_is_refused(exeat, mission, origin, name):
    """P05: what is judged is what the origin does."""
    denied(ask(exeat, mission, "POST", "/v1/refunds", f"{name}: DELETE", body=b"{}"))
    assert origin.requests == []


def test_a_service_may_get_a_pseudonym_or_nothing(exeat, mission, origin):
    ask(exeat, mission, "GET", "/echo", "Exeat-Agent: liar", host="none.example.test")
    assert _tags(origin.last) == {name: [] for name in NAMES}
    ask(exeat, mission, "GET", "/echo", host="pairwise.example.test")
    first = origin.last.one("exeat-agent")
    assert "invoice-bot" not in first
    ask(exeat, mission, "GET", "/echo", host="pairwise.example.test")
    assert origin.last.one("exeat-agent") == first
