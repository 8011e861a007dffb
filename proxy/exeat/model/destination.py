"""Where to: destination patterns, a small written grammar.

    pattern  = host ":" port
    host     = "*"            any public name
             / "*." name      one or more labels below name, never name itself
             / name           exactly this name
    name     = label *("." label)   lower-case letters, digits, hyphen; at least two labels unless exact
    port     = 1 to 65535

Nothing else: no IP addresses, no ranges, no wildcards inside a label. Must not know: requests, DNS.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NAME = re.compile(
    r"(?=.{1,253}\Z)[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?)*"
)
_PORT = re.compile(r"[1-9][0-9]{0,4}")


def host_port(host: str, port: int) -> str:
    """Write a host and a port as one, an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@dataclass(frozen=True, slots=True)
class DestinationPattern:
    """A host pattern and a port. Build one with :meth:`parse`."""

    host: str
    port: int

    @classmethod
    def parse(cls, text: str, default_port: int | None = None) -> DestinationPattern:
        """Read ``host:port`` (port optional when ``default_port`` is given); raise ValueError with the fix otherwise."""
        host, separator, port_text = text.rpartition(":")
        if not separator:
            host, port_text = text, "" if default_port is None else str(default_port)
        if not _PORT.fullmatch(port_text) or int(port_text) > 65535:
            raise ValueError(f"{text!r}: write a port from 1 to 65535 after the host, as in 'api.example.com:443'")
        name = host.removeprefix("*.") if host.startswith("*.") else host
        if host != "*":
            if not _NAME.fullmatch(name):
                raise ValueError(f"{text!r}: write a lower-case host name, '*.' before one, or '*' alone")
            if name.rsplit(".", 1)[-1].isdigit():
                raise ValueError(f"{text!r}: addresses can't be destinations; write the service's name")
            if host.startswith("*.") and "." not in name:
                raise ValueError(f"{text!r}: '*.' needs at least two labels after it, as in '*.example.com'")
        return cls(host, int(port_text))

    def matches(self, host: str, port: int) -> bool:
        """Whether a canonical host name and port fall under this pattern."""
        if port != self.port:
            return False
        if self.host == "*":
            return "." in host
        if self.host.startswith("*."):
            return host.endswith(self.host[1:]) and len(host) > len(self.host) - 1
        return host == self.host

    def within(self, wider: DestinationPattern) -> bool:
        """Whether everything this pattern allows is allowed by ``wider`` too."""
        if self.port != wider.port:
            return False
        if wider.host in ("*", self.host):
            return True
        if self.host == "*":
            return False
        if self.host.startswith("*."):
            return wider.host.startswith("*.") and self.host[1:].endswith(wider.host[1:])
        return wider.matches(self.host, self.port)

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"
