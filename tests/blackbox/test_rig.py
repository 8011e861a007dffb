"""The rig is honest: what a client sends straight to the origin is what the origin says it saw."""

from __future__ import annotations

import socket
import ssl
import tomllib

import httpx
import pytest

from rig.certs import Authority
from rig.config import Config
from rig.origin import Origin


def _client(origin: Origin, authority: Authority, *, http2: bool) -> httpx.Client:
    context = ssl.create_default_context(cafile=str(authority.file))
    return httpx.Client(base_url=f"https://127.0.0.1:{origin.port}", verify=context, http2=http2, trust_env=False)


@pytest.fixture
def direct(authority: Authority):
    with Origin(authority, "127.0.0.1", "localhost") as running:
        yield running


@pytest.mark.parametrize("http2", [False, True])
def test_requests_are_seen_as_sent(direct, authority, http2):
    with _client(direct, authority, http2=http2) as client:
        answer = client.post("/v1/refunds?x=1", headers={"X-One": "1"}, content=b"payload")
    seen = direct.last
    assert answer.status_code == 201
    assert (seen.method, seen.target, seen.one("x-one"), bytes(seen.body)) == (
        "POST",
        "/v1/refunds?x=1",
        "1",
        b"payload",
    )
    assert seen.version == ("HTTP/2" if http2 else "HTTP/1.1")
    assert len(direct.connections) == 1


@pytest.mark.parametrize("http2", [False, True])
def test_large_bodies_pass_both_ways(direct, authority, http2):
    with _client(direct, authority, http2=http2) as client:
        assert len(client.get("/bytes?n=3000000").content) == 3_000_000
        assert client.post("/upload", content=b"x" * 2_000_000).json()["length"] == 2_000_000


@pytest.mark.parametrize("http2", [False, True])
def test_events_arrive_one_by_one_and_a_cut_is_noticed(direct, authority, http2):
    with _client(direct, authority, http2=http2) as client, client.stream("GET", "/drip") as answer:
        assert b"drip" in next(answer.iter_bytes())
    direct.wait_quiet()
    assert direct.last.cut_at is not None or direct.last.connection.closed_at is not None


def test_a_connection_without_a_hello_is_counted(direct):
    socket.create_connection(("127.0.0.1", direct.port)).close()
    direct.wait_quiet(0.05)
    assert [seen.bytes_received for seen in direct.connections] == [0]


def test_the_default_configuration_is_toml(direct, authority, tmp_path):
    parsed = tomllib.loads(Config(direct, authority.file).write(tmp_path).read_text())
    assert parsed["service"][0]["operation"][0]["action"] == "refunds/list"
