"""What is particular to one listener, as the connections that came in through it need it.

Must not know: sockets, how evidence is verified.
"""

from __future__ import annotations

import ssl
from dataclasses import dataclass
from enum import StrEnum

from exeat.enforcement.ways.reverse import BaseUrls
from exeat.identity.shown import Evidence, Way


class Kind(StrEnum):
    """How agents speak to a listener."""

    PROXY = "proxy"
    """An explicit HTTP proxy, with or without TLS to it."""
    SOCKS5 = "socks5"
    TRANSPARENT = "transparent"
    """Connections that were redirected here: the agent believes that it speaks to the origin."""
    REVERSE = "reverse"
    """A base URL per service."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One listener. ``tls`` is spoken with the listener itself, not with an origin."""

    kind: Kind
    way: Way
    tls: ssl.SSLContext | None = None
    bases: BaseUrls | None = None

    @property
    def challenges(self) -> bool:
        """Whether a missing identity is answered with 407: only a client that knows of a proxy understands it."""
        return self.kind is Kind.PROXY

    @property
    def waits(self) -> bool:
        """Whether somebody may still be identified by a request inside a tunnel."""
        return Evidence.PLACEHOLDER in self.way.evidence


DIRECT = Entry(Kind.PROXY, Way("stock mitmproxy"))
"""For connections that somebody else accepted."""
