"""What an accepted socket itself says about its agent.

Must not know: who that is.
"""

from __future__ import annotations

import asyncio
from ipaddress import ip_address

from exeat.decision.addresses import unmapped
from exeat.identity.svid import read_svid


def peer_address(transport: asyncio.Transport) -> str:
    """The IP address at the other end as canonical text, its zone kept; ``""`` where there is none (a Unix socket)."""
    peer = transport.get_extra_info("peername")
    return str(unmapped(ip_address(peer[0]))) if isinstance(peer, tuple) and peer else ""


def svid_of(transport: asyncio.Transport) -> tuple[str, float]:
    """(SPIFFE ID, expiry) of the client certificate that was verified, ``("", 0)`` without one.

    Raise RefusalError(IDENTITY_INVALID) for a certificate that isn't an X.509-SVID.
    """
    session = transport.get_extra_info("ssl_object")
    certificate = None if session is None else session.getpeercert(binary_form=True)
    return ("", 0.0) if certificate is None else read_svid(certificate)


def spoken(transport: asyncio.Transport) -> bytes | None:
    """What was agreed on by ALPN with the listener itself."""
    session = transport.get_extra_info("ssl_object")
    protocol = None if session is None else session.selected_alpn_protocol()
    return None if protocol is None else protocol.encode("ascii")
