"""Where agents and operators connect, and what they may take.

Must not know: sockets, behaviour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from exeat.config.values import Duration, LocalReference, ServerUrl, Size, Table

Count = Annotated[int, Field(ge=1)]


class LimitsTable(Table):
    """``[proxy.limits]``: every number bounds memory or time that an agent could otherwise take."""

    header_bytes: Size = 64 * 1024
    """A whole request head. curl, nginx and Node stop at 8 to 100 KiB; cookies and long tokens need some of it."""
    header_count: Count = 100
    """Header fields in one request; Apache's default."""
    inspected_body: Size = 8 * 1024 * 1024
    """The largest body that is read before a decision when the operation lies in the body: a chat with a few images."""
    streamed_body: Size = 0
    """The largest body that streams to an origin; 0 for any. Streams take no memory, and artefacts have gigabytes."""
    decision: Duration = 10.0
    """The longest a decision and a mint together may take; clients give up after 30 to 60 seconds."""
    hold: Duration = 30.0
    """How long a request waits for people to approve it before it is refused, on HTTP/1; "0s" never waits. SDKs wait longer."""
    connect: Duration = 5.0
    """TCP and TLS to an origin."""
    head: Duration = 15.0
    """From the first byte of a connection or request to the end of its head, TLS included: against slow senders."""
    body: Duration = 60.0
    """In each such time a streaming body must bring ``body_progress``, until its answer begins; "0s" for no such limit."""
    body_progress: Size = 1024
    """Apache wants 500 bytes a second; a sensor that uploads as it measures sends less, but not less than this a minute."""
    idle: Duration = 120.0
    """A connection on which nothing moves."""
    connections: Count = 2000
    """Open client connections in one worker. Each takes some 60 KiB, and a file descriptor or two of the process's limit."""
    source_connections: Count = 500
    """Connections from one address (IPv6: one /64) on which no pass was shown yet; for one more the oldest of them goes.

    Behind one NAT sit many agents, but each shows its pass within milliseconds, and what has shown one doesn't count here.
    """
    agent_connections: Count = 256
    """Connections of one agent in one mission. One more closes its longest idle one, or is closed when none is idle.

    The pools of SDKs and browsers have 10 to 100.
    """
    agent_streams: Count = 1000
    """HTTP/2 requests under way of one agent in one mission; one more is refused unprocessed, which clients repeat."""
    streams: Count = 100
    """HTTP/2 requests under way on one connection: RFC 9113 §6.5.2 advises against fewer."""
    resets: Count = 200
    """HTTP/2 streams that may end by a reset in ten seconds on one connection: a browser that leaves a page resets a hundred.

    Against CVE-2023-44487 (the peer resets) and CVE-2025-8671 (it makes us reset). nghttp2 allows 330 in ten seconds.
    """
    empty_frames: Count = 1000
    """HTTP/2 frames that carry nothing (PING, SETTINGS, PRIORITY, empty DATA, …) in ten seconds on one connection.

    Against CVE-2019-9511 to 9518; clients that measure their bandwidth send some ten a second.
    """
    window: Annotated[Size, Field(ge=65535, le=2**31 - 1)] = 512 * 1024
    """Bytes of one HTTP/2 stream that may be under way to us: 10 MB/s at 50 ms; more is memory of ours that a peer can fill."""
    buffered: Size = 64 * 1024 * 1024
    """Bytes kept for one agent in one mission whose peers don't read them: a hundred streams' windows and some.

    One more closes the connection that it came for.
    """
    interim_answers: Count = 20
    """1xx answers of an origin before its real one; servers send one or two. None is passed on."""
    custody: Size = 128 * 1024
    """Cookies and links of one session that are kept here; a browser keeps 50 cookies a site. What wasn't used longest goes first."""
    leaf_certificates: Count = 512
    """Interception certificates kept in memory; the oldest goes first."""
    new_leaves: int = 600
    """Interception certificates made for one agent in a minute: a page needs some dozen, a crawler ten a second.

    One more ends its connection. Making one costs 0.1 ms, and pushes out somebody else's.
    """


class ProxyTable(Table):
    """``[proxy]``: where agents connect."""

    listen: tuple[str, ...] = ("http://127.0.0.1:8080",)
    """Listener URLs."""
    workers: Annotated[int, Field(ge=1, le=64)] = 1
    """Processes that serve agents and share the ports; with more than one, another process looks after them."""
    limits: LimitsTable = LimitsTable()
    drain: Duration = 5.0
    """After SIGTERM, how long open requests may finish."""


class OidcTable(Table):
    """``[admin.oidc]``: people log in to the admin API with their own account (OpenID Connect)."""

    issuer: ServerUrl
    """The provider; its description is read at ``<issuer>/.well-known/openid-configuration``."""
    client_id: str
    client_secret: LocalReference
    """The redirect URI to register there is ``<admin.url>/callback``."""
    scopes: tuple[str, ...] = ("openid", "profile")
    claim: str = "groups"
    """Where groups stand, in the ID token or in what userinfo says; ``a.b`` for one inside another."""
    name: str = "sub"
    """What records call a person: a claim that the provider lets nobody choose for themselves."""
    roles: Annotated[dict[str, Literal["viewer", "operator", "approver", "admin"]], Field(min_length=1)]
    """Group to role; of several that fit, the first written counts. Who is in none gets in nowhere."""
    session: Annotated[Duration, Field(gt=0, le=86400)] = 3600.0
    """How long a login lasts."""


class AdminTable(Table):
    """``[admin]``: the control plane, never reachable through the proxy."""

    listen: str = "http://127.0.0.1:8081"
    token_file: Path = Path("admin.token")
    """Made at first start, readable by its owner only; the command line reads it."""
    url: ServerUrl | None = None
    """Where people reach it, when not at ``listen``: ``https://`` through a TLS proxy on this machine."""
    oidc: OidcTable | None = None


EvidenceKind = Literal["pass", "jwt", "svid", "address", "listener", "placeholder"]
"""What may prove who an agent is; see ``docs/identity.md``."""


class ListenerTable(Table):
    """``[[listener]]``: one more way in, with what is particular to it."""

    url: str
    """``http://``, ``https://``, ``socks5://``, ``transparent://`` or ``reverse://``, an address and a port."""
    tls: bool | None = None
    """Whether agents speak TLS to the listener itself: always with ``https``, never with ``transparent``; else if set."""
    certificate: Path | None = None
    """PEM chain of the listener; without one our own CA signs a certificate, which agents trust already."""
    key: Path | None = None
    """PEM key of ``certificate``, readable by its owner only."""
    names: tuple[str, ...] = ()
    """Host names by which agents reach it, for the certificate that our CA signs; its address is in it anyway."""
    client_ca: Path | None = None
    """PEM roots of agents' certificates (X.509-SVIDs): with ``svid`` among its evidence."""
    evidence: tuple[EvidenceKind, ...] = ()
    """What counts as proof here; empty means ``identity.evidence``."""
    require: Literal["any", "all", ""] = ""
    """Whether one of them is enough; empty means ``identity.require``."""
    agent: str = ""
    """``environment/name``: only this agent acts here; with ``listener`` as evidence that alone proves it."""
    mission: str = ""
    """Name of a mission template: only missions opened from it act here."""
    domain: str = ""
    """``reverse``: names such as ``github.exeat.internal`` mean the service ``github``, with ``domain = "exeat.internal"``."""
    dns: str = ""
    """``transparent``: ``address:port`` on which names are answered with ``dns_answer``, UDP and TCP; nothing is forwarded."""
    dns_answer: str = "198.18.0.1"
    """The IPv4 address every name has for the agents: one that the redirect rules lead here (RFC 2544 §C.2.2: never routed)."""
