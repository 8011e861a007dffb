"""The lines of a request head: what one parser reads as a field and the next as something else is refused, undialled."""

from __future__ import annotations

import pytest

from rig.account import only_refused, untouched
from rig.wire import Wire, basic, denied, tunnel

HOST = "api.example.test"

ODD_FIELDS = [
    "X-A: a\rb", "X-A: \rb", "X-A: a\x00b", "X-A: a\x01b", "X-A: a\x7fb", "X-A: a\x0bb", "X-A: a\r\n folded", "X-A: a\r\n\tfolded", "X-A:\r\n a",
    "X-A : a", "X-A\t: a", "X-A\x0b: a", ": empty", " : a", ":", "X(A): a", "X A: a", "X-A", "X-\xe9: a", "X-A\x00: a", "X\rA: a", '"X-A": a',
    "X-A: a\nX-B: b", "X-A: a\n\nGET /smuggled HTTP/1.1", "X-A: a\r\r\nX-B: b", "X-A:a\r\n\rX-B: b", "[X]: a", "X/A: a", "{X}: a",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _nobody_hears_of_it(mission, origin, decoy):
    yield
    untouched(origin, decoy)


@pytest.mark.row("S08")
@pytest.mark.parametrize("field", ODD_FIELDS)
def test_odd_fields_in_a_tunnel(exeat, mission, field):
    with tunnel(exeat, mission) as wire:
        denied(wire.send(f"GET /echo HTTP/1.1\r\nHost: {HOST}\r\n{field}\r\n\r\n").response())
    only_refused(exeat, mission, "request_malformed")


@pytest.mark.row("S08")
@pytest.mark.parametrize("field", [" X-A: a", "\tX-A: a", "\x0bX-A: a", "X-A : a", "\r\nX-A: a"])
def test_odd_first_fields(exeat, mission, field):
    """A folded line before any field belongs to the request line, or to nobody."""
    with tunnel(exeat, mission) as wire:
        denied(wire.send(f"GET /echo HTTP/1.1\r\n{field}\r\nHost: {HOST}\r\n\r\n").response())
    only_refused(exeat, mission, "request_malformed")


@pytest.mark.row("S08")
@pytest.mark.parametrize("head", [
    "GET /echo HTTP/1.1\nHost: {host}\n\n", "GET /echo HTTP/1.1\nHost: {host}\r\n\r\n", "GET /echo HTTP/1.1\r\nHost: {host}\n\r\n",
    "GET /echo HTTP/1.1\r\nHost: {host}\r\n\n", "GET /echo HTTP/1.1\rHost: {host}\r\r", "\nGET /echo HTTP/1.1\r\nHost: {host}\r\n\r\n",
    "\x00GET /echo HTTP/1.1\r\nHost: {host}\r\n\r\n", "\xef\xbb\xbfGET /echo HTTP/1.1\r\nHost: {host}\r\n\r\n",
])  # fmt: skip
def test_other_line_ends(exeat, mission, head):
    """Refused at once, not waited for until a deadline."""
    with tunnel(exeat, mission) as wire:
        denied(wire.send(head.format(host=HOST)).response())
    only_refused(exeat, mission, "request_malformed")


@pytest.mark.row("S08")
@pytest.mark.parametrize(
    "field", ["X-A: a\rb", "X-A: a\x00b", "X-A: a\r\n folded", "X-A : a", ": empty", "X-A: a\nX-B: b"]
)
def test_odd_fields_outside_a_tunnel(exeat, mission, field):
    """On CONNECT and on plain requests nobody is identified before the head has one reading: no record names a mission."""
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    before = len(exeat.audit_records("decision"))
    for request in (
        f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443",
        "GET http://plain.example.test/echo HTTP/1.1\r\nHost: plain.example.test",
    ):
        with Wire(exeat) as wire:
            denied(wire.send(f"{request}\r\n{line}\r\n{field}\r\n\r\n").response())
    assert [record["code"] for record in exeat.audit_records("decision")[before:]] == ["request_malformed"] * 2
