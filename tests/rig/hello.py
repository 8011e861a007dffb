"""TLS hellos that no library sends: a good one, with another server name extension put into it.

Must not know: proxies.
"""

from __future__ import annotations

import ssl
import struct
from contextlib import suppress

_NAME = "api.example.test"


def client_hello(server_names: bytes | None) -> bytes:
    """One TLS record with a hello whose ``server_name`` extension (RFC 6066 §3) has this body, or that has none."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    client = context.wrap_bio(incoming, outgoing, server_hostname=_NAME)
    with suppress(ssl.SSLWantReadError):
        client.do_handshake()
    hello = outgoing.read()
    good = struct.pack("!HH", 0, len(_NAME) + 5) + server_name_list((_NAME.encode(), 0))
    assert hello.count(good) == 1
    other = b"" if server_names is None else struct.pack("!HH", 0, len(server_names)) + server_names
    at = hello.index(good)
    body = hello[9:at] + other + hello[at + len(good) :]
    grown = len(other) - len(good)
    extensions = _extensions_at(body)
    body = body[:extensions] + _add(body[extensions : extensions + 2], grown) + body[extensions + 2 :]
    handshake = b"\x01" + struct.pack("!I", len(body))[1:] + body
    return hello[:3] + struct.pack("!H", len(handshake)) + handshake


def server_name_list(*names: tuple[bytes, int]) -> bytes:
    """The body of the extension: names with their types."""
    entries = b"".join(struct.pack("!BH", kind, len(name)) + name for name, kind in names)
    return struct.pack("!H", len(entries)) + entries


def _extensions_at(body: bytes) -> int:
    at = 2 + 32
    at += 1 + body[at]
    at += 2 + int.from_bytes(body[at : at + 2], "big")
    return at + 1 + body[at]


def _add(two: bytes, number: int) -> bytes:
    return struct.pack("!H", int.from_bytes(two, "big") + number)
