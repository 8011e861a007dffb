"""Fields about who asks: the origin sees one identity tag, ours, whatever an agent sends or asks the next hop to drop."""

from __future__ import annotations

import pytest

from rig.account import completed, decisions, only_refused, untouched
from rig.wire import Wire, ask, basic, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
PLAIN = "plain.example.test"
TAGS = ("exeat-agent", "exeat-mission", "exeat-request-id")


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _only_our_tag(seen, mission):
    """One of each, the proxy's, and nothing that a framework would read as one."""
    names = [name.lower().replace("_", "-") for name, _ in seen.headers]
    assert [names.count(name) for name in TAGS] == [1, 1, 1]
    assert [name for name in names if name.startswith("exeat") and name not in TAGS] == []
    assert (seen.one("exeat-agent"), seen.one("exeat-mission")) == (mission["agent"], mission["mission"])


def _judged(exeat, mission, origin, answer):
    """Sent with our tag, or refused before anything was."""
    if answer.status == 200:
        completed(origin, "/echo")
        _only_our_tag(origin.last, mission)
        assert b"liar" not in origin.raw()
        decisions(exeat, mission)
    else:
        only_refused(exeat, mission, "request_malformed")
        untouched(origin)


@pytest.mark.row("H01")
@pytest.mark.parametrize("lines", [
    ["Exeat-Agent: liar"], ["exeat-agent: liar"], ["EXEAT-AGENT: liar"], ["Exeat_Agent: liar"], ["exeat_mission: liar"], ["Exeat-Request_Id: liar"],
    ["Exeat-Mission: liar", "Exeat-Mission: liar2"], ["Exeat-Request-Id: liar"], ["Exeat-Agent : liar"], ["Exeat-Agent: "], ["Exeat-Anything: liar"],
    ["X-A: b\r\n Exeat-Agent: liar"], ["Exeat-Agent: liar", "Exeat_Agent: liar", "exeat-agent: liar"],
])  # fmt: skip
def test_a_tag_of_the_agents_own_is_overwritten_or_refused(exeat, mission, origin, lines):
    _judged(exeat, mission, origin, ask(exeat, mission, "GET", "/echo", *lines))


@pytest.mark.row("H01")
@pytest.mark.parametrize("fields", [
    [("exeat-agent", "liar")], [("exeat_agent", "liar")], [("exeat-agent", "liar"), ("exeat-agent", "liar2")], [("exeat-other", "liar")],
    [("exeat-mission", mission := "liar"), ("exeat_request_id", mission)],
])  # fmt: skip
def test_a_tag_of_the_agents_own_in_http2(exeat, mission, origin, fields):
    with H2Wire(exeat, mission) as wire:
        _judged(exeat, mission, origin, wire.request("GET", "/echo", *fields))


@pytest.mark.row("H01", "H02")
def test_tags_on_a_plain_request(exeat, mission, origin):
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        answer = wire.request(
            "GET",
            f"http://{PLAIN}/echo",
            line,
            "Exeat-Agent: liar",
            "Connection: x-private",
            "X-Private: 1",
            host=PLAIN,
        )
    assert answer.status == 200
    _judged(exeat, mission, origin, answer)
    assert origin.last.header("x-private") == []


@pytest.mark.row("H02")
@pytest.mark.parametrize("nominated", [
    "exeat-agent", "Exeat-Agent", "exeat_agent", "close, exeat-mission", "EXEAT-REQUEST-ID", "exeat-agent\r\nConnection: close", "authorization", "AUTHORIZATION",
    "host", "content-length", "transfer-encoding", "cookie", "content-type", "x-a, host", '"exeat-agent"', "exeat-agent;q=1", "a b", "x-a,,authorization",
])  # fmt: skip
def test_what_every_hop_needs_can_not_be_nominated(exeat, mission, origin, nominated):
    """CVE-2022-31813: the next hop would take our tag, or the token, off."""
    ask(exeat, mission, "GET", "/echo", f"Connection: {nominated}")
    only_refused(exeat, mission, "request_malformed")
    untouched(origin)


@pytest.mark.row("H02")
@pytest.mark.guard("hop-by-hop-strip")
@pytest.mark.parametrize(("nominated", "lines"), [
    ("x-private", ["X-Private: 1"]), ("X-PRIVATE , x-other", ["x-private: 1", "X-Other: 2"]), ("close", []), ("keep-alive", ["Keep-Alive: timeout=5"]),
    ("te", ["TE: trailers, gzip"]), ("traceparent", ["traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"]),
    ("", ["Proxy-Connection: keep-alive", "Trailer: X-A", "HTTP2-Settings: AAMAAABk", "Proxy-Authenticate: Basic", "Proxy-Foo: 1"]), (",", []),
    ("x-private", []), ("accept-encoding", ["Accept-Encoding: br"]), ("exeat", ["exeat: 1"]),
])  # fmt: skip
def test_fields_of_this_hop_end_here_and_tag_and_token_arrive(exeat, mission, origin, nominated, lines):
    """RFC 9110 §7.6.1."""
    assert ask(exeat, mission, "GET", "/echo", f"Connection: {nominated}", *lines).status == 200
    completed(origin, "/echo")
    seen = origin.last
    _only_our_tag(seen, mission)
    assert seen.one("authorization").startswith("Bearer ey")
    gone = (
        "x-private",
        "x-other",
        "keep-alive",
        "te",
        "proxy-connection",
        "trailer",
        "http2-settings",
        "proxy-authenticate",
        "proxy-foo",
        "exeat",
    )
    assert [name for name in gone if seen.header(name)] == []
    assert {token.strip().lower() for value in seen.header("connection") for token in value.split(",")} <= {
        "keep-alive",
        "",
    }
    assert len(seen.header("traceparent")) == 1


@pytest.mark.row("H03")
@pytest.mark.guard("proxy-auth-strip")
@pytest.mark.parametrize("spelling", ["Proxy-Authorization", "PROXY-AUTHORIZATION", "Proxy_Authorization"])
def test_the_pass_inside_a_tunnel_ends_here(exeat, mission, origin, spelling):
    shown = basic(mission["pass"])
    answer = ask(exeat, mission, "GET", "/echo", f"{spelling}: {shown}")
    assert answer.status == 200
    raw, written = origin.raw(), exeat.everything_written()
    for secret in (shown.split()[1].encode(), mission["pass"].encode()):
        assert secret not in raw
        assert secret not in written
    assert b"proxy" not in raw.lower()


@pytest.mark.row("H03")
def test_the_pass_on_plain_requests_and_in_http2_ends_here(exeat, mission, origin):
    shown = basic(mission["pass"])
    with Wire(exeat) as wire:
        assert wire.request("GET", f"http://{PLAIN}/echo", f"Proxy-Authorization: {shown}", host=PLAIN).status == 200
    with H2Wire(exeat, mission) as h2:
        assert h2.request("GET", "/echo", ("proxy-authorization", shown)).status == 200
    with Wire(exeat) as wire:  # a head that is refused is what loggers like to quote
        wire.send(f"GET http://{PLAIN}/ HTTP/1.1\r\nHost : x\r\nProxy-Authorization: {shown}\r\n\r\n").response()
    raw, written = origin.raw(), exeat.everything_written()
    assert len(origin.requests) == 2
    for secret in (shown.split()[1].encode(), mission["pass"].encode()):
        assert secret not in raw
        assert secret not in written


@pytest.mark.row("H13")
@pytest.mark.parametrize("line", [
    "Referer: https://evil.example.test/", "Origin: https://evil.example.test", "User-Agent: report-bot", "From: report-bot@example.test",
    "X-Forwarded-For: 127.0.0.1", "X-Real-IP: 127.0.0.1", "Forwarded: for=127.0.0.1;host=evil", "X-Forwarded-User: root", "X-Remote-User: root",
    "Remote-User: root", "X-Client-Cert: x", "X-Forwarded-Client-Cert: URI=spiffe://other/agent", "True-Client-IP: 127.0.0.1", "X-SSL-Client-S-DN: CN=root",
])  # fmt: skip
def test_what_an_agent_says_of_itself_changes_nobodys_identity(exeat, mission, origin, line):
    assert ask(exeat, mission, "GET", "/echo", line).status == 200
    _only_our_tag(origin.last, mission)
    [record] = decisions(exeat, mission)
    assert (record["agent"], record["mission"]) == (mission["agent"], mission["mission"])
    assert (
        origin.last.header("x-forwarded-for") + origin.last.header("forwarded") + origin.last.header("x-forwarded-user")
        == []
    )


@pytest.mark.row("H13")
def test_the_agents_own_trace_goes_on_and_a_forged_one_does_not(exeat, mission, origin):
    good = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    with tunnel(exeat, mission) as wire:
        for value in (
            good,
            "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01, x",
            "liar",
            "00-" + "0" * 32 + "-b7ad6b7169203331-01",
        ):
            assert (
                wire.request("GET", "/echo", f"traceparent: {value}", "baggage: mission=liar", host=HOST).status == 200
            )
    assert [seen.one("traceparent") == good for seen in origin.requests] == [True, False, False, False]
    assert b"liar" not in origin.raw()
