"""Every way to say one host and mean another: nothing is looked up, nothing is dialled, and the refusal is on record.

Section D but for spellings, which are in test_host_spelling.py; the plain cases are in blackbox/test_promise_03_one_authority.py.
"""

from __future__ import annotations

import pytest

from rig.attempts import in_clear, through
from rig.hello import client_hello, server_name_list
from rig.matrix import seen
from rig.ways import Doors
from rig.wire import Wire, ask, basic, denied, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, OTHER = "api.example.test", "evil.example.test"


@pytest.fixture(scope="module")
def config(config, world, origin):
    """Beside the usual: every way in, and port 80 of a host whose service has only https."""
    world.install(config)
    config.doors = Doors.open(config)
    config.allow(HOST, 80, local=origin.plain_port)
    return config


@pytest.mark.row("D01")
@pytest.mark.parametrize("sni", [OTHER, "cdn.example.test", "example.test", "unchosen.example.test", f"x.{HOST}"])
def test_another_server_name(exeat, mission, nowhere, sni):
    """Of a refused host, of a host that is permitted too, of nobody."""
    nowhere(through(exeat, mission, f"{HOST}:443", sni, HOST), "authority_mismatch")
    nowhere(through(exeat, mission, f"{HOST}:443", sni, sni), "authority_mismatch")


@pytest.mark.row("D02")
@pytest.mark.parametrize("host", [OTHER, "cdn.example.test", "127.0.0.1", "localhost", f"{HOST}:80"])
def test_another_host_field(exeat, mission, nowhere, host):
    nowhere(through(exeat, mission, f"{HOST}:443", HOST, host), "authority_mismatch")


@pytest.mark.row("D03", "D04")
@pytest.mark.parametrize(("named", "fields"), [
    (OTHER, []), ("cdn.example.test", []), (f"{HOST}:80", []), (f"u@{HOST}", []), ("127.0.0.1", []), (OTHER, [("host", HOST)]),
    (HOST, [("host", OTHER)]), (HOST, [("host", HOST), ("host", OTHER)]), (HOST, [("host", f"{HOST}, {OTHER}")]), (HOST, [("host", "")]),
])  # fmt: skip
def test_another_authority_on_a_stream(exeat, mission, nowhere, named, fields):
    with H2Wire(exeat, mission) as wire:
        nowhere(wire.request("GET", "/echo", *fields, authority=named))


@pytest.mark.row("D05")
@pytest.mark.parametrize(("url", "host"), [
    ("http://plain.example.test/echo", OTHER), (f"http://{OTHER}/echo", "plain.example.test"),
    ("http://plain.example.test/echo", "plain.example.test:8080"), ("http://plain.example.test:80/echo", "plain.example.test:443"),
])  # fmt: skip
def test_a_url_and_a_host_field_that_differ(exeat, mission, nowhere, url, host):
    nowhere(in_clear(exeat, mission, url, host), "authority_mismatch")


@pytest.mark.row("D06")
@pytest.mark.parametrize("target", [
    f"http://{OTHER}/", f"https://{OTHER}/", f"https://{HOST}/echo", f"http://{HOST}/echo", f"//{HOST}/echo", f"//{OTHER}/", f"{HOST}/echo",
    f"https:{HOST}/echo", f"HTTPS://{HOST}:443/echo",
])  # fmt: skip
def test_a_url_as_the_target_in_a_tunnel(exeat, mission, nowhere, target):
    nowhere(through(exeat, mission, f"{HOST}:443", HOST, HOST, target), "request_malformed")


@pytest.mark.row("D07")
@pytest.mark.parametrize("lines", [
    [], ["Host:"], ["Host: "], [f"Host: {HOST}", f"Host: {OTHER}"], [f"Host: {HOST}", f"Host: {HOST}"], [f"Host: {HOST}", f"host: {HOST}"],
    [f"Host: {HOST}, {OTHER}"], [f"Host: {HOST},{HOST}"], [f"Host: {HOST} {OTHER}"], [f"Host: {HOST}\t{OTHER}"], [f"Host: {HOST};"],
    [f"Host : {HOST}"], [f" Host: {HOST}"], [f"Host: {HOST}", f"X: 1\r\n Host: {OTHER}"],
])  # fmt: skip
def test_a_host_field_that_is_none(exeat, mission, nowhere, lines):
    with tunnel(exeat, mission) as wire:
        nowhere(wire.send("\r\n".join(["GET /echo HTTP/1.1", *lines]) + "\r\n\r\n").response())


@pytest.mark.row("D08")
@pytest.mark.parametrize(("address", "code"), [
    ("198.51.100.9", "address_not_allowed"), ("127.0.0.1", "address_not_allowed"), ("[::1]", "address_not_allowed"),
    ("93.184.215.14", "destination_not_allowed"), ("[2606:2800:220:1::1]", "destination_not_allowed"),
])  # fmt: skip
def test_an_address_under_a_permitted_name(exeat, mission, origin, nowhere, address, code):
    for port in (443, origin.port):
        nowhere(through(exeat, mission, f"{address}:{port}", HOST, HOST), code)


BAD_NAMES = {
    "none": None, "empty extension": b"", "empty list": server_name_list(), "an empty name": server_name_list((b"", 0)),
    "two names": server_name_list((HOST.encode(), 0), (OTHER.encode(), 0)), "the same name twice": server_name_list((HOST.encode(), 0), (HOST.encode(), 0)),
    "another kind": server_name_list((HOST.encode(), 7)), "a NUL": server_name_list((b"api.example.test\0.evil.test", 0)),
    "a NUL in front": server_name_list((b"\0api.example.test", 0)), "an address": server_name_list((b"127.0.0.1", 0)),
    "a length that lies": b"\x00\xff\x00\x00\x05hello", "not ASCII": server_name_list(("bücher.example.test".encode(), 0)),
    "a port": server_name_list((b"api.example.test:443", 0)), "blanks": server_name_list((b"api.example.test ", 0)),
}  # fmt: skip


@pytest.mark.row("D09")
@pytest.mark.parametrize("name", BAD_NAMES)
def test_a_hello_with_an_odd_server_name(exeat, mission, origin, decoy, world, name):
    """However far the handshake gets, it leads nowhere; the hello was changed, so it can't be finished."""
    before = len(world.dials())
    with Wire(exeat) as wire:
        assert wire.connect(f"{HOST}:443", mission["pass"]).status == 200
        wire.send(client_hello(BAD_NAMES[name]))
        wire.sock.settimeout(3)
        try:
            while wire.sock.recv(65536):
                wire.send(b"GET /echo HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
        except ConnectionError:
            pass  # a reset is an end too; a time-out would not be one
    seen("closed")
    assert world.dials()[before:] == []
    assert (origin.connections, decoy.connections) == ([], [])


@pytest.mark.row("D09")
@pytest.mark.parametrize("sni", [None, "127.0.0.1", "xn--a", "localhost"])
def test_a_finished_handshake_with_an_odd_server_name(exeat, mission, nowhere, sni):
    nowhere(through(exeat, mission, f"{HOST}:443", sni, HOST), "authority_mismatch")


@pytest.mark.row("D10")
@pytest.mark.parametrize("name", [
    "X-Forwarded-Host", "X-Forwarded-Server", "X-Forwarded", "Forwarded", "X-Host", "X-Original-Host", "X-Original-URL", "X-Original-URI",
    "X-Rewrite-URL", "X-Rewrite-URI", "X-HTTP-Host-Override", "X-Envoy-Original-Path", "X-Envoy-Original-Host", "Via", "Proxy-Host", "X_Forwarded_Host",
])  # fmt: skip
@pytest.mark.guard("rename-strip")
def test_fields_that_rename_the_host(exeat, mission, origin, decoy, name):
    """Never at the origin, and no change in what is decided: a permitted request stays so, a refused one too."""
    answer = ask(exeat, mission, "GET", "/echo", f"{name}: evil.example.test")
    if answer.status == 200:
        assert b"evil" not in origin.raw()
        assert exeat.audit_records("decision", decision="permit")[-1]["host"] == HOST
    else:
        denied(answer)
        assert origin.requests == []
    refused(
        ask(exeat, mission, "GET", "/", f"{name}: {HOST}", host=OTHER), "destination_not_allowed", "request_malformed"
    )
    assert decoy.connections == []


@pytest.mark.row("D19")
@pytest.mark.parametrize(
    "scheme", ["ftp", "gopher", "https", "HTTPS", "ws", "wss", "file", "javascript", "http+unix", "ht tp", ""]
)
def test_another_scheme(exeat, mission, nowhere, scheme):
    nowhere(in_clear(exeat, mission, f"{scheme}://plain.example.test/echo", "plain.example.test"))


@pytest.mark.row("D19")
def test_a_host_that_has_only_https_is_never_asked_in_clear(exeat, mission, origin, nowhere):
    """Also with a placeholder in hand, and although its port 80 is within the mission."""
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    for field in ("X-A: b", f"Authorization: Bearer {mission['placeholders']['example']}"):
        with Wire(exeat) as wire:
            nowhere(
                wire.request("GET", f"http://{HOST}/echo", line, field, host=HOST),
                "protocol_not_allowed",
                "credential_foreign",
            )


@pytest.mark.row("D20")
@pytest.mark.parametrize(
    "to",
    [
        f"https://{OTHER}/x",
        f"http://{OTHER}/x",
        "https://127.0.0.1/x",
        "http://169.254.169.254/latest/",
        f"//{OTHER}/x",
    ],
)
def test_a_redirect_elsewhere_is_judged_when_it_is_followed(exeat, mission, origin, decoy, to):
    """The answer goes to the agent as it is; nothing follows it by itself, and the next request is a request."""
    answer = ask(exeat, mission, "GET", f"/redirect?to={to}")
    assert (answer.status, answer.header("location")) == (302, to)
    assert len(origin.requests) == 1
    host = to.split("/")[2]
    placeholder = f"Authorization: Bearer {mission['placeholders']['example']}"
    if to.startswith("http:"):
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        with Wire(exeat) as wire:
            denied(wire.request("GET", to, line, placeholder, host=host))
    else:
        denied(through(exeat, mission, f"{host}:443", host, host, "/x"))
    assert (len(origin.requests), decoy.connections) == (1, [])


@pytest.mark.row("D21")
def test_an_origin_that_points_elsewhere(exeat, mission, origin, decoy):
    """Alt-Svc would lead around us without asking; Link and Refresh are requests like any other when they come."""
    answer = ask(exeat, mission, "GET", "/alt-svc")
    assert (answer.status, answer.header("alt-svc")) == (200, "")
    with H2Wire(exeat, mission) as wire:
        answer = wire.request("GET", "/alt-svc")
    assert (answer.status, answer.header("alt-svc")) == (200, "")
    refused(ask(exeat, mission, "GET", "/x", host=OTHER), "destination_not_allowed")
    refused(ask(exeat, mission, "GET", "/echo", "Alt-Used: evil.example.test", host=OTHER), "destination_not_allowed")
    assert decoy.connections == []


@pytest.mark.row("D01", "D02", "D08", "D18")
@pytest.mark.parametrize(("name", "port", "sni", "host"), [
    (HOST, 443, OTHER, HOST), (HOST, 443, HOST, OTHER), (HOST, 443, None, HOST), (OTHER, 443, HOST, HOST), (OTHER, 443, OTHER, OTHER), ("", 443, HOST, HOST), (HOST, 22, HOST, HOST),
    (HOST, 0, HOST, HOST), (HOST, 65535, HOST, HOST), (f"{HOST}:443", 443, HOST, HOST),
])  # fmt: skip
def test_names_by_socks_that_differ(nowhere, by_socks, name, port, sni, host):
    nowhere(by_socks(b"\x03" + bytes([len(name)]) + name.encode(), port, sni, host))
