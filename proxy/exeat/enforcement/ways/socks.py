"""SOCKS5 (RFC 1928) with user name and password (RFC 1929), as far as a governed proxy needs it: CONNECT by TCP.

The greeting is read whole and strictly, and answered without dialling anything: whether the target may be reached is told
inside, to the request. Must not know: sockets, who an agent is, what a target may be.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import final

_VERSION, _AUTH_VERSION = 5, 1
_NO_AUTH, _PASSWORD, _NONE_ACCEPTABLE = 0, 2, 0xFF
_CONNECT = 1
_IPV4, _NAME, _IPV6 = 1, 3, 4
_LARGEST = 2 + 255 + 2 + 255 * 2 + 1 + 4 + 256 + 2
"""Bytes of everything an agent may say before the tunnel begins."""
REFUSED = bytes((_VERSION, 2, 0, _IPV4, 0, 0, 0, 0, 0, 0))
"""Connection not allowed by ruleset (RFC 1928 §6)."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What to send; ``failed`` says that nothing more is read."""

    data: bytes
    failed: str = ""


@final
class Socks:
    """One greeting. ``target`` is set once it is complete, ``rest`` holds what came after it."""

    def __init__(self, *, password: bool) -> None:
        self._asks = password  # else an offer without a password is taken too: the refusal comes with the request
        self._buffer = bytearray()
        self._step = self._methods
        self.user = b""
        self.password = b""
        self.target: tuple[str, int] | None = None

    @property
    def rest(self) -> bytes:
        """What an agent sent after its greeting without waiting for the answer."""
        return bytes(self._buffer)

    def feed(self, data: bytes) -> list[Reply]:
        """Take bytes in and return what is to be sent. A failed reply is the last one."""
        self._buffer += data
        replies: list[Reply] = []
        while self.target is None:
            if len(self._buffer) > _LARGEST:
                return [*replies, Reply(b"", "a greeting that is too long")]
            reply = self._step()
            if reply is None:
                break
            replies.append(reply)
            if reply.failed:
                break
        return replies

    def granted(self) -> bytes:
        """The answer to a complete request (RFC 1928 §6): no address is told, none was dialled."""
        return bytes((_VERSION, 0, 0, _IPV4, 0, 0, 0, 0, 0, 0))

    def _take(self, size: int) -> bytes:
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        return taken

    def _methods(self) -> Reply | None:
        buffer = self._buffer
        if buffer[:1] and buffer[0] != _VERSION:
            return Reply(b"", "not SOCKS5")
        if len(buffer) < 2 or len(buffer) < 2 + buffer[1]:
            return None
        offered = self._take(2 + buffer[1])[2:]
        if self._asks and _PASSWORD in offered:
            self._step = self._credentials
            return Reply(bytes((_VERSION, _PASSWORD)))
        if _NO_AUTH in offered:
            self._step = self._request
            return Reply(bytes((_VERSION, _NO_AUTH)))
        return Reply(bytes((_VERSION, _NONE_ACCEPTABLE)), "no way to authenticate that is spoken here")

    def _credentials(self) -> Reply | None:
        buffer = self._buffer
        if buffer[:1] and buffer[0] != _AUTH_VERSION:
            return Reply(bytes((_AUTH_VERSION, 1)), "not a user name and a password")
        if len(buffer) < 2 or len(buffer) < 3 + buffer[1] or len(buffer) < 3 + buffer[1] + buffer[2 + buffer[1]]:
            return None
        user = buffer[1]
        taken = self._take(3 + user + buffer[2 + user])
        self.user, self.password = taken[2 : 2 + user], taken[3 + user :]
        self._step = self._request
        return Reply(bytes((_AUTH_VERSION, 0)))

    def _request(self) -> Reply | None:
        buffer = self._buffer
        if len(buffer) < 5:
            return None
        version, command, reserved, kind, first = buffer[:5]
        if version != _VERSION or reserved:
            return self._failure(1, "a malformed request")
        if command != _CONNECT:
            return self._failure(7, "only CONNECT is spoken here")
        size = {_IPV4: 4, _IPV6: 16, _NAME: 1 + first}.get(kind)
        if size is None:
            return self._failure(8, "an unknown kind of address")
        if len(buffer) < 4 + size + 2:
            return None
        taken = self._take(4 + size + 2)
        address, port = taken[4 : 4 + size], int.from_bytes(taken[-2:])
        try:
            host = address[1:].decode("ascii") if kind == _NAME else str(ipaddress.ip_address(address))
        except UnicodeDecodeError:
            return self._failure(1, "a host name that is not ASCII")
        self.target = (host, port)
        return Reply(b"")

    @staticmethod
    def _failure(code: int, why: str) -> Reply:
        return Reply(bytes((_VERSION, code, 0, _IPV4, 0, 0, 0, 0, 0, 0)), why)
