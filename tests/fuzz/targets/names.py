"""Answers to DNS queries: any datagram is answered with the one address, or with nothing, and small; nothing is raised."""

from __future__ import annotations

from ipaddress import IPv4Address

import dnslib

from exeat.enforcement.ways.names import answer

_HEADER = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00"
TOKENS = (
    _HEADER, b"\x00\x01\x00\x01", b"\x00\x1c\x00\x01", b"\x00\xff\x00\xff", b"\x00\x00\x29\x10\x00\x00\x00\x00\x00\x00\x00", b"\x03api\x07example\x04test\x00", b"\xc0\x0c", b"\xc0\x00",
    b"\x3f" + b"a" * 63, b"\x80", b"\x40", b"\x00", b"\xff", b"\x04xn--", b"\x01.", b"\x01\xe9", b"\x0dxn--bcher-kva",
)  # fmt: skip
_ADDRESS = IPv4Address("192.0.2.53")


def check(data: bytes) -> None:
    found = answer(data[:512], _ADDRESS)
    if found is None:
        return
    assert len(found) <= len(data) + 16 + 255, "more than a name and an address is sent for a query"
    seen = dnslib.DNSRecord.parse(found)
    assert found[:2] == data[:2]
    assert seen.header.qr == 1
    assert len(seen.questions) <= 1
    assert [str(record.rdata) for record in seen.rr] in ([], [str(_ADDRESS)])
    for record in seen.rr:
        assert record.rtype == dnslib.QTYPE.A
        assert record.rname == seen.q.qname
