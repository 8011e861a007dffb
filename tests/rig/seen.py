"""What an origin saw: connections with their raw bytes, and the requests found in them."""

from __future__ import annotations

import hashlib
import time
from dataclasses import dataclass, field
from typing import Any

KEEP = 1024 * 1024
"""Raw bytes kept of one connection; everything is counted."""


@dataclass(eq=False)
class SeenConnection:
    """One accepted TCP connection. Times are ``time.monotonic()`` seconds, comparable within this machine."""

    number: int
    tls: bool
    peer: tuple[str, int]
    local: str = ""
    """The address that was dialled, IPv4 without its mapping."""
    opened_at: float = field(default_factory=time.monotonic)
    closed_at: float | None = None
    last_byte_at: float | None = None
    sni: str | None = None
    alpn: str | None = None
    session_reused: bool = False
    bytes_received: int = 0
    raw: bytearray = field(default_factory=bytearray, repr=False)
    error: str = ""

    def take(self, data: bytes) -> None:
        """Count and keep what came in, after TLS."""
        self.last_byte_at = time.monotonic()
        self.bytes_received += len(data)
        self.raw += data[: max(0, KEEP - len(self.raw))]


@dataclass(eq=False)
class SeenRequest:
    """One request. ``headers`` are in wire order with names as received; ``head`` is the raw HTTP/1 head."""

    connection: SeenConnection
    method: str
    target: str
    version: str
    headers: list[tuple[str, str]]
    authority: str = ""
    head: bytes = b""
    stream: int = 0
    at: float = field(default_factory=time.monotonic)
    body: bytearray = field(default_factory=bytearray, repr=False)
    length: int = 0
    complete: bool = False
    cut_at: float | None = None
    claims: dict[str, Any] | None = None
    trailers: list[tuple[str, str]] = field(default_factory=list)
    _sha: Any = field(default_factory=hashlib.sha256, repr=False)

    def take(self, data: bytes) -> None:
        """Count, hash and keep a piece of the body."""
        self.length += len(data)
        self._sha.update(data)
        self.body += data[: max(0, 65536 - len(self.body))]

    @property
    def sha256(self) -> str:
        return self._sha.hexdigest()

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    def header(self, name: str) -> list[str]:
        """Every value of a field, in order, compared case-insensitively."""
        return [value for key, value in self.headers if key.lower() == name.lower()]

    def one(self, name: str) -> str:
        """The only value of a field; fails when there are none or several."""
        values = self.header(name)
        assert len(values) == 1, f"{name}: {values}"
        return values[0]

    def as_json(self) -> dict[str, Any]:
        """What ``/echo`` answers."""
        return {
            "method": self.method, "target": self.target, "version": self.version, "headers": self.headers,
            "authority": self.authority, "length": self.length, "sha256": self.sha256,
        }  # fmt: skip
