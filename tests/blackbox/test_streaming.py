"""Streams stream: events pass one by one, and large bodies pass through flat memory."""

from __future__ import annotations

import hashlib
import time

import httpx
import pytest

from rig.wire import tunnel

MEBIBYTE = 1024 * 1024
SIZE = 50 * MEBIBYTE
GROWTH = 40 * MEBIBYTE
"""What memory may grow by while 50 MiB pass: well below the body's size."""


def _client(mission, *, http2=False):
    import ssl

    context = ssl.create_default_context(cafile=mission["ca_file"])
    return httpx.Client(proxy=mission["proxy_url"], verify=context, http2=http2, trust_env=False, timeout=30)


@pytest.mark.parametrize("http2", [False, True])
def test_events_arrive_one_by_one(exeat, mission, origin, http2):
    arrivals = []
    url = "https://api.example.test/sse?n=6&interval=0.15"
    with _client(mission, http2=http2) as client, client.stream("GET", url) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        for line in answer.iter_lines():
            if line.startswith("data:"):
                arrivals.append(time.monotonic())
    assert len(arrivals) == 6
    assert arrivals[-1] - arrivals[0] > 0.5, "events were held back"


@pytest.mark.parametrize("http2", [False, True])
def test_a_large_download_passes_in_flat_memory(exeat, mission, origin, http2):
    before, length = exeat.memory(), 0
    url = f"https://api.example.test/bytes?n={SIZE}"
    with _client(mission, http2=http2) as client, client.stream("GET", url) as answer:
        for piece in answer.iter_raw():
            length += len(piece)
    assert length == SIZE, (answer.status_code, length)
    assert exeat.memory() - before < GROWTH


def test_a_slow_reader_does_not_fill_memory(exeat, mission, origin):
    before = exeat.memory()
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /bytes?n={SIZE} HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
        time.sleep(1.5)
        assert exeat.memory() - before < GROWTH


@pytest.mark.parametrize("http2", [False, True])
def test_a_large_upload_passes_in_flat_memory(exeat, mission, origin, http2):
    before, digest = exeat.memory(), hashlib.sha256()

    def pieces():
        for n in range(SIZE // 65536):
            piece = n.to_bytes(4, "big") * 16384
            digest.update(piece)
            yield piece

    with _client(mission, http2=http2) as client:
        answer = client.post("https://api.example.test/upload", content=pieces(), headers={"content-length": str(SIZE)})
    assert answer.json() == {"length": SIZE, "sha256": digest.hexdigest()}
    assert exeat.memory() - before < GROWTH


def test_bytes_are_counted_in_the_outcome(exeat, mission, origin):
    with _client(mission) as client:
        client.post("https://api.example.test/upload", content=b"x" * 12345)
        client.get("https://api.example.test/bytes?n=54321")
    time.sleep(0.1)
    ours = {record["decision_id"] for record in exeat.audit_records("decision", mission=mission["mission"])}
    outcomes = [record for record in exeat.audit_records("outcome") if record["decision_id"] in ours]
    assert "12345" in str(outcomes[0]["bytes"])
    assert "54321" in str(outcomes[1]["bytes"])


def test_a_download_the_client_gives_up_ends_at_the_origin(exeat, mission, origin):
    with _client(mission) as client, client.stream("GET", "https://api.example.test/drip") as answer:
        next(answer.iter_raw())
    deadline = time.monotonic() + 3
    while origin.connections[-1].closed_at is None:
        assert time.monotonic() < deadline, "the origin's connection outlived the client"
        time.sleep(0.05)
