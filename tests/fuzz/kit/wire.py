"""Requests as text, so that seeds can be read and every byte of them can be changed.

TUNNEL api.example.test 443 api.example.test      or PLAIN
POST /v1/refunds HTTP/1.1                         method, target and version with one space between
:authority: api.example.test                      HTTP/2 alone, as ":scheme: https"
Host: api.example.test                            name and value as they are, ": " between

the body, after an empty line
"""

from __future__ import annotations

from exeat.model.request import Tunnel, WireRequest


def read_wire(data: bytes) -> tuple[WireRequest, bytes]:
    """Any bytes as a request head and a body; lines end in a line feed alone, so that a carriage return can be anywhere."""
    head, _, body = data.partition(b"\n\n")
    way, line, *lines = [*head.split(b"\n"), b"", b""]
    method, _, rest = line.partition(b" ")
    target, _, version = rest.rpartition(b" ")
    authority, scheme = "", None
    fields = []
    for each in lines:
        if each.startswith(b":authority: "):
            authority = each[12:].decode("latin-1")
        elif each.startswith(b":scheme: "):
            scheme = each[9:].decode("latin-1")
        elif each:
            name, _, value = each.partition(b": ")
            fields.append((name, value))
    return (
        WireRequest(
            method.decode("latin-1"), target, authority, tuple(fields), version.decode("latin-1"), _tunnel(way), bool(body), scheme
        ),
        body,
    )  # fmt: skip


def _tunnel(way: bytes) -> Tunnel | None:
    word, host, port, sni = [*way.decode("latin-1").split(" "), "", "", ""][:4]
    if word == "PLAIN":
        return None
    return Tunnel(host, int(port) if port.isascii() and port.isdecimal() and len(port) < 9 else 0, sni or None)
