"""ClientHello messages made by hand: what no TLS library would send (RFC 8446 §4.1.2)."""

from __future__ import annotations

import os
import struct
from collections.abc import Sequence

Extension = tuple[int, bytes]

SERVER_NAME, ALPN, SUPPORTED_VERSIONS, KEY_SHARE, EARLY_DATA = 0, 16, 43, 51, 42
ECH, ESNI, PRE_SHARED_KEY, PSK_MODES = 0xFE0D, 0xFFCE, 41, 45


def _block(data: bytes, size: int = 2) -> bytes:
    return len(data).to_bytes(size, "big") + data


def server_names(*names: bytes, kind: int = 0) -> Extension:
    """RFC 6066 §3: a list, which may hold one name of a kind."""
    return SERVER_NAME, _block(b"".join(bytes([kind]) + _block(name) for name in names))


def alpn(*protocols: bytes) -> Extension:
    return ALPN, _block(b"".join(_block(each, 1) for each in protocols))


def hello(
    *extensions: Extension,
    version: int = 0x0303,
    versions: Sequence[int] = (0x0304, 0x0303),
    ciphers: Sequence[int] = (0x1301, 0xC02B, 0xC02F),
) -> bytes:
    """One record with one hello: the usual groups and signature algorithms, and these extensions after them."""
    usual: list[Extension] = [
        (10, _block(struct.pack(">3H", 29, 23, 24))), (11, b"\x01\x00"), (13, _block(struct.pack(">5H", 0x0403, 0x0804, 0x0401, 0x0503, 0x0603))),
    ]  # fmt: skip
    if versions:
        usual.append((SUPPORTED_VERSIONS, _block(b"".join(each.to_bytes(2, "big") for each in versions), 1)))
    if 0x0304 in versions:
        usual.append((KEY_SHARE, _block(struct.pack(">H", 29) + _block(os.urandom(32)))))
    everything = b"".join(struct.pack(">H", kind) + _block(data) for kind, data in (*usual, *extensions))
    body = (
        version.to_bytes(2, "big") + os.urandom(32) + _block(os.urandom(32), 1)
        + _block(b"".join(each.to_bytes(2, "big") for each in ciphers)) + b"\x01\x00" + _block(everything)
    )  # fmt: skip
    handshake = b"\x01" + _block(body, 3)
    return b"\x16\x03\x01" + _block(handshake)


def answered(data: bytes) -> str:
    """What a server's first record says: ``hello``, ``alert N``, ``nothing``."""
    if not data:
        return "nothing"
    if data[0] == 0x16 and data[5:6] == b"\x02":
        return "hello"
    return f"alert {data[6]}" if data[0] == 0x15 and len(data) >= 7 else "else"
