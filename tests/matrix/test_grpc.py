"""gRPC: judged by the path that names its method, refused in its own words, its trailers carried, its streams ended."""

from __future__ import annotations

import time
from urllib.parse import unquote

import pytest

from rig.account import completed, decisions, only_refused, outcome_of, untouched
from rig.config import operation, service
from rig.wire_h2 import H2Wire

HOST = "grpc.example.test"
FIELDS = [("content-type", "application/grpc"), ("te", "trailers")]
CALL = b"\x00\x00\x00\x00\x03abc"


def configure(config, origin):
    config.allow(HOST)
    paths = [
        operation("POST /pkg.Refunds/List", "refunds/list", "read"), operation("POST /pkg.Refunds/Pay", "refunds/pay", "write"),
        operation("POST /trailers", "unary", "read"), operation("POST /drip", "watch", "read"), operation("POST /upload", "chat", "read"),
    ]  # fmt: skip
    config.tables["service"].append(service("grpc", HOST, *paths, refusal="grpc"))
    config.template["operations"].append("grpc:read")


def _call(wire, path, *more, body=CALL):
    number = wire.open("POST", path, *FIELDS, *more, end=False)
    wire.data(number, body)
    return wire.finish(number)


@pytest.mark.row("W09")
def test_a_permitted_method_is_carried_with_its_trailers(exeat, mission, origin):
    with H2Wire(exeat, mission, HOST) as wire:
        answer = _call(wire, "/trailers")
        assert (answer.status, answer.complete) == (200, True)
        [stream] = wire.streams.values()
        assert dict(stream.trailers)["x-sum"] == "abc"
    completed(origin, "/trailers")
    assert bytes(origin.last.body) == CALL
    assert origin.last.one("te") == "trailers"
    assert decisions(exeat, mission)[0]["action"] == "grpc:unary"


@pytest.mark.row("W09")
@pytest.mark.parametrize(("path", "code"), [
    ("/pkg.Refunds/Pay", "policy_denied"), ("/pkg.Refunds/list", "operation_unknown"), ("/pkg.Refunds/List/", "operation_unknown"), ("/pkg.refunds/List", "operation_unknown"),
    ("/pkg.Refunds/List?x=1", ""), ("/grpc.reflection.v1.ServerReflection/ServerReflectionInfo", "operation_unknown"),
    ("/pkg.Refunds%2fPay", "operation_unknown"), ("//pkg.Refunds/Pay", "request_malformed"), ("/pkg.Refunds/../pkg.Refunds/Pay", "request_malformed"),
])  # fmt: skip
def test_another_method_is_refused_in_grpcs_own_words(exeat, mission, origin, path, code):
    with H2Wire(exeat, mission, HOST) as wire:
        answer = _call(wire, path)
    if not code:
        assert answer.header("grpc-status") == ""
        return
    assert (answer.status, answer.body, answer.complete) == (200, b"", True)
    assert answer.header("grpc-status") in {"3", "7", "12"}
    record = only_refused(exeat, mission, code, "request_malformed" if "%" in path else code)
    assert record["decision_id"] in unquote(answer.header("grpc-message"))
    untouched(origin)


@pytest.mark.row("W09", "R02")
@pytest.mark.guard("revoke-reset")
def test_a_long_stream_ends_on_a_revoke(exeat, mission, origin):
    with H2Wire(exeat, mission, HOST) as wire:
        down = wire.open("POST", "/drip", *FIELDS, end=False)
        wire.data(down, CALL)
        up = wire.open("POST", "/upload", *FIELDS, end=False)
        wire.data(up, CALL, end=False)
        assert wire.pump(5, lambda: wire.streams[down].body)
        exeat.end(mission)
        returned = time.monotonic()
        wire.pump(1, lambda: wire.closed or (wire.streams[down].reset and wire.streams[up].reset))
        assert time.monotonic() - returned < 0.9
    origin.wait_quiet()
    assert [seen for seen in origin.connections if (seen.last_byte_at or 0) > returned + 0.05] == []
    assert {outcome_of(exeat, record)["outcome"] for record in decisions(exeat, mission, 2)} == {"unknown"}


@pytest.mark.row("W09")
def test_grpc_trailers_of_a_request_that_would_change_it_are_refused(exeat, mission, origin):
    with H2Wire(exeat, mission, HOST) as wire:
        number = wire.open("POST", "/upload", *FIELDS, end=False)
        wire.data(number, CALL, end=False)
        wire.trailers(number, ("authorization", "Bearer x"))
        answer = wire.finish(number)
    assert not answer.complete
    assert all(not seen.complete and seen.trailers == [] for seen in origin.requests)
