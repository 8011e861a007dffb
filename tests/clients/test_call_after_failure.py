"""A call whose origin couldn't be trusted leaves its connection usable: SDKs with a retry come back on the same one."""

from __future__ import annotations

import pytest

from rig.certs import Authority
from rig.config import Config
from rig.origin import Origin
from rig.proxy import Exeat
from rig.wire import refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "rogue.example.test"


@pytest.fixture(scope="module")
def rogue(tmp_path_factory: pytest.TempPathFactory):
    with Origin(Authority(tmp_path_factory.mktemp("rogue"), "rogue-ca"), "*.example.test") as running:
        yield running


@pytest.fixture(scope="module")
def config(origin: Origin, authority: Authority, rogue: Origin) -> Config:
    made = Config(origin, authority.file)
    made.service("example")["hosts"].append(HOST)
    made.allow(HOST, local=rogue.port)
    return made


@pytest.mark.parametrize("body", [b"", b'{"amount": 1}'])
def test_over_http1(exeat: Exeat, mission: dict, rogue: Origin, body: bytes) -> None:
    with tunnel(exeat, mission, HOST) as wire:
        for _ in range(3):
            answer = wire.request("POST", "/v1/refunds", host=HOST, body=body)
            refused(answer, "upstream_untrusted", status=502)
    assert not rogue.requests


def test_over_http2(exeat: Exeat, mission: dict, rogue: Origin) -> None:
    with H2Wire(exeat, mission, HOST) as wire:
        for _ in range(3):
            stream = wire.open("POST", "/v1/refunds", ("content-length", "2"), end=False)
            wire.data(stream, b"{}")
            refused(wire.finish(stream), "upstream_untrusted", status=502)
    assert not rogue.requests
