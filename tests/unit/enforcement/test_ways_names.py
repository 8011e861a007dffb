"""DNS answers that send agents here: one address for every name, by UDP and TCP, and nothing but answers."""

from __future__ import annotations

import asyncio
import socket
from ipaddress import IPv4Address

import pytest
from dnslib import DNSRecord
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.endpoints import Listener
from exeat.enforcement.ways.names import NameServer, answer
from exeat.errors import StartError

HERE = IPv4Address("198.18.0.1")


def asked(name: str, kind: str = "A") -> DNSRecord:
    query = DNSRecord.question(name, kind)
    found = answer(query.pack(), HERE)
    assert found is not None
    reply = DNSRecord.parse(found)
    assert (reply.header.id, reply.header.qr, reply.q.qname) == (query.header.id, 1, query.q.qname)
    return reply


@pytest.mark.parametrize(
    "name", ["api.example.test", "secret-data.evil.example", "localhost", "169.254.169.254", "a" * 63]
)
def test_every_name_has_the_one_address(name: str) -> None:
    assert [str(each.rdata) for each in asked(name).rr] == ["198.18.0.1"]


@pytest.mark.parametrize("kind", ["AAAA", "HTTPS", "MX", "TXT", "ANY", "PTR", "NS"])
def test_other_types_have_no_answer_and_no_error(kind: str) -> None:
    reply = asked("api.example.test", kind)
    assert (reply.header.rcode, reply.rr) == (0, [])


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"\0" * 11,
        b"\0" * 12,
        b"\xff" * 40,
        DNSRecord.question("a.test").reply().pack(),
        DNSRecord.question("a.test").add_question(DNSRecord.question("b.test").q) or b"",
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\xc0\x0c\x00\x01\x00\x01",  # a name that points at itself
        b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01.\x00\x00\x01\x00\x01",  # a dot as a label
    ],
)
def test_what_is_no_query_gets_no_answer(query: bytes) -> None:
    assert answer(query, HERE) is None


def test_other_operations_are_not_implemented() -> None:
    update = bytearray(DNSRecord.question("a.test").pack())
    update[2] |= 5 << 3
    found = answer(bytes(update), HERE)
    assert found is not None
    assert DNSRecord.parse(found).header.rcode == 4


@given(st.binary(max_size=600))
def test_nothing_raises(query: bytes) -> None:
    answer(query, HERE)


@pytest.mark.enable_socket
async def test_it_answers_by_udp_and_by_tcp() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = NameServer(Listener("dns", "127.0.0.1", port), "198.18.0.1")
    await server.start()
    try:
        question = DNSRecord.question("api.example.test")
        for tcp in (False, True):
            found = await asyncio.to_thread(question.send, "127.0.0.1", port, tcp=tcp, timeout=5)
            assert str(DNSRecord.parse(found).rr[0].rdata) == "198.18.0.1"
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"\xff\xff" + bytes(100))
        assert await asyncio.wait_for(reader.read(), 5) == b""
        writer.close()
        with pytest.raises(StartError, match="can't answer names"):
            await NameServer(Listener("dns", "127.0.0.1", port), "198.18.0.1").start()
    finally:
        server.stop()
        await asyncio.sleep(0)
