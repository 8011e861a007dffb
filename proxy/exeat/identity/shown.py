"""What a connection shows of itself, and what its listener lets count as evidence.

Must not know: how any evidence is verified, sockets.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from exeat.model.request import Headers, WireRequest


class Evidence(StrEnum):
    """A kind of proof of who an agent is."""

    PASS = "pass"  # noqa: S105 a kind, no secret
    JWT = "jwt"
    """A JWT of a trusted issuer (OIDC, Kubernetes, JWT-SVID) in ``Proxy-Authorization``."""
    SVID = "svid"
    """A SPIFFE ID in the certificate by which an agent's TLS connection to the proxy was authenticated (X.509-SVID)."""
    ADDRESS = "address"
    """The address a connection comes from."""
    LISTENER = "listener"
    """The listener itself: who can reach it is its agent."""
    PLACEHOLDER = "placeholder"
    """The agent's own placeholder, in the place of a service's credential."""


@dataclass(frozen=True, slots=True)
class Way:
    """A listener, as identity sees it.

    ``evidence`` are the kinds that count; with ``require_all`` each of them must be there, else one is enough. A pinned
    ``agent`` (Agent.key) or mission ``template`` is a constraint whatever proves the agent.
    """

    name: str
    evidence: frozenset[Evidence] = frozenset({Evidence.PASS})
    require_all: bool = False
    agent: str = ""
    template: str = ""


@dataclass(frozen=True, slots=True)
class Shown:
    """All that is known of a connection when it is asked who it is.

    ``peer`` is the IP address of its socket as text, ``svid`` the SPIFFE ID of a client certificate that was verified
    (``""`` without one) and ``svid_until`` the second at which that certificate expires. ``connection`` tells connections
    apart (0: it can't be told): a token that may be shown once may be shown again on its own. ``headers`` are those of the
    request that may carry ``Proxy-Authorization``: the CONNECT, or a plain request. ``request`` is the head of a request to a service, once there is one: a placeholder is looked for there.
    """

    way: Way
    peer: str = ""
    svid: str = ""
    svid_until: float = 0.0
    connection: int = 0
    headers: Headers = ()
    request: WireRequest | None = None
