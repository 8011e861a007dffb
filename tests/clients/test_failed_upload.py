"""A request with a body, to an origin that can't be trusted: its refusal is whole, and the connection serves the next one.

Seen with real clients (openai, @slack/web-api, Java's HttpClient), which all send a body and keep their connection.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rig.certs import Authority
from rig.config import Config
from rig.origin import Origin
from rig.wire import refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "expired.example.test"


@pytest.fixture(scope="module")
def expired(authority: Authority) -> Iterator[Origin]:
    with Origin(authority, "*.example.test", expired=True) as running:
        yield running


@pytest.fixture(scope="module")
def config(origin: Origin, decoy: Origin, authority: Authority, expired: Origin) -> Config:
    made = Config(origin, authority.file, decoy)
    made.allow(HOST, local=expired.port)
    made.template["operations"].append("http:write")
    return made


def test_over_http1_the_next_request_is_answered_too(exeat, mission):
    with tunnel(exeat, mission, HOST) as wire:
        for _ in range(3):
            refused(wire.request("POST", "/v1/refunds", host=HOST, body=b"x" * 64), "upstream_untrusted")


def test_over_http2_the_refusal_is_whole(exeat, mission):
    with H2Wire(exeat, mission, HOST) as wire:
        for _ in range(3):
            number = wire.open("POST", "/v1/refunds", end=False)
            wire.data(number, b"x" * 64)
            answer = wire.finish(number, 3)
            refused(answer, "upstream_untrusted")
            assert answer.complete
