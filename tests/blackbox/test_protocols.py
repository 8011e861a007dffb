"""Protocol versions on both sides: what one speaks and the other doesn't, trailers, and connections used again."""

from __future__ import annotations

import ssl
import threading

import httpx
import pytest

from rig.origin import Origin
from rig.wire import ask, tunnel
from rig.wire_h2 import H2Wire

HOST, OLD = "api.example.test", "old.example.test"


@pytest.fixture(scope="module")
def old(authority):
    """An origin that speaks only HTTP/1.1."""
    with Origin(authority, "*.example.test", h2=False) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, old):
    config.allow(OLD, local=old.port)
    config.service("example")["hosts"].append(OLD)
    return config


def client(mission, *, http2=True):
    context = ssl.create_default_context(cafile=mission["ca_file"])
    return httpx.Client(http2=http2, proxy=mission["proxy_url"], verify=context, trust_env=False, timeout=20)


def test_an_http2_agent_uses_an_http1_origins_connection_again(exeat, mission, old):
    old.clear()
    with client(mission) as agent:
        for number in range(20):
            answer = agent.get(f"https://{OLD}/v1/refunds/{number}")
            assert (answer.status_code, answer.http_version) == (200, "HTTP/2")
    assert len(old.requests) == 20
    assert len(old.connections) == 1


def test_many_streams_at_once_share_a_bounded_number_of_connections(exeat, mission, old):
    old.clear()
    with H2Wire(exeat, mission, OLD) as wire:
        streams = [wire.open("GET", "/slow?s=0.05") for _ in range(60)]
        assert wire.pump(15, lambda: all(wire.streams[number].ended for number in streams))
        assert {wire.streams[number].status for number in streams} == {200}
    assert len(old.requests) == 60
    assert 1 < len(old.connections) <= 16


def test_uploads_of_an_http2_agent_arrive_whole_at_an_http1_origin(exeat, mission, old):
    old.clear()
    with client(mission) as agent:
        for size in (0, 1, 70_000, 300_000):
            sent = agent.post(f"https://{OLD}/upload", content=iter([b"x" * size]))
            assert sent.json()["length"] == size
    assert len(old.connections) == 1


def test_a_stream_the_agent_resets_doesnt_spoil_the_connection_for_the_next(exeat, mission, old):
    old.clear()
    with H2Wire(exeat, mission, OLD) as wire:
        number = wire.open("GET", "/drip")
        assert wire.pump(5, lambda: wire.streams[number].body)
        wire.reset(number)
        assert wire.request("GET", "/v1/refunds/1").status == 200
    assert [seen.path for seen in old.requests] == ["/drip", "/v1/refunds/1"]


def test_a_connection_the_origin_closed_is_opened_anew(exeat, mission, old):
    old.clear()
    with client(mission) as agent:
        assert agent.get(f"https://{OLD}/v1/refunds/1").status_code == 200
        with pytest.raises(httpx.RemoteProtocolError):
            agent.get(f"https://{OLD}/close")
        assert agent.get(f"https://{OLD}/v1/refunds/2").status_code == 200


@pytest.mark.row("H09")
@pytest.mark.parametrize("host", [HOST, OLD])
def test_trailers_of_an_answer_pass_to_an_http1_agent_without_our_token(exeat, mission, origin, host):
    with tunnel(exeat, mission, host) as wire:
        wire.send(f"GET /trailers HTTP/1.1\r\nHost: {host}\r\n\r\n")
        received = b""
        while b"0\r\nx-sum" not in received.lower() or not received.endswith(b"\r\n\r\n"):
            received += wire.sock.recv(65536)
    chunks, trailers = received.lower().partition(b"\r\n\r\n")[2].split(b"\r\n0\r\n")
    assert b"".join(chunks.split(b"\r\n")[1::2]) == b"body", "in as many chunks as a search may need"
    assert trailers.startswith(b"x-sum: abc\r\nx-token: bearer *")
    assert b"x-token: bearer ey" not in received.lower()


@pytest.mark.row("H09")
@pytest.mark.parametrize("host", [HOST, OLD])
def test_trailers_of_an_answer_pass_to_an_http2_agent_without_our_token(exeat, mission, origin, host):
    with H2Wire(exeat, mission, host) as wire:
        number = wire.open("GET", "/trailers")
        assert wire.pump(5, lambda: wire.streams[number].ended)
        stream = wire.streams[number]
    assert bytes(stream.body) == b"body"
    assert dict(stream.trailers)["x-sum"] == "abc"
    assert dict(stream.trailers)["x-token"].startswith("Bearer *")


@pytest.mark.row("S07")
@pytest.mark.parametrize(("host", "http2"), [(OLD, False), (HOST, True)])
def test_ordinary_trailers_of_a_request_pass(exeat, mission, origin, old, host, http2):
    target = origin if host == HOST else old
    target.clear()
    if http2:
        with H2Wire(exeat, mission, host) as wire:
            number = wire.open("POST", "/upload", end=False)
            wire.data(number, b"abc", end=False)
            wire.trailers(number, ("x-sum", "abc"))
            assert wire.pump(5, lambda: wire.streams[number].ended)
    else:
        with tunnel(exeat, mission, host) as wire:
            wire.send(
                f"POST /upload HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX-Sum: abc\r\n\r\n"
            )
            assert wire.response("POST").status == 200
    assert [(name.lower(), value) for name, value in target.last.trailers] == [("x-sum", "abc")]


def test_head_range_and_empty_answers_keep_their_framing(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        for request, status in (("HEAD /v1/refunds", 200), ("GET /status/204", 204), ("GET /status/304", 304)):
            method, path = request.split()
            wire.send(f"{method} {path} HTTP/1.1\r\nHost: {HOST}\r\nRange: bytes=0-9\r\n\r\n")
            answer = wire.response(method)
            assert (answer.status, answer.body) == (status, b"")
    assert all(seen.header("range") == ["bytes=0-9"] for seen in origin.requests)


def test_a_refused_upload_is_not_invited_to_continue(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /v1/payouts HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert wire.response("POST").status == 403
    assert origin.requests == []


@pytest.mark.row("S11")
def test_a_permitted_upload_is(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n")
        assert wire.sock.recv(1000).startswith(b"HTTP/1.1 100")
        wire.send(b"12345")
        assert wire.response("POST").json()["length"] == 5


def test_a_redirect_is_decided_anew(exeat, mission, origin, decoy):
    answer = ask(exeat, mission, "GET", "/redirect?to=https://evil.example.test/")
    assert answer.status == 302
    with client(mission, http2=False) as agent:
        followed = agent.get(f"https://{HOST}/redirect?to=https://evil.example.test/", follow_redirects=True)
    assert followed.json()["code"] == "destination_not_allowed"
    assert decoy.connections == []


def test_a_thousand_event_streams_at_once(exeat, mission, origin):
    """Ten connections of a hundred streams, each with its own events, in order and whole."""
    results: list[bool] = []

    def hundred() -> None:
        with H2Wire(exeat, mission) as wire:
            streams = [wire.open("GET", "/sse?n=3&interval=0.3") for _ in range(100)]
            done = wire.pump(60, lambda: all(wire.streams[number].ended for number in streams))
            bodies = [bytes(wire.streams[number].body) for number in streams]
            results.append(done and all(body.count(b"data:") == 3 for body in bodies))

    threads = [threading.Thread(target=hundred) for _ in range(10)]
    before = exeat.memory()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(90)
    assert results == [True] * 10
    assert exeat.memory() - before < 120 * 2**20
