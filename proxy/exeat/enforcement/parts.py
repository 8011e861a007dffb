"""What every connection of a worker shares, and what hooks and layers may ask of the connection they run in.

Must not know: how a connection is driven.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any, Protocol

from exeat.config.tables.proxy import LimitsTable
from exeat.enforcement.answers.reader import Answers
from exeat.enforcement.certificates import Certificates
from exeat.enforcement.dial import Dialer
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.gate import Gate
from exeat.enforcement.identified import Identity
from exeat.enforcement.limits.quotas import Quotas
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.registry import Registry
from exeat.enforcement.tls import AgentSide, OriginSide
from exeat.enforcement.ways.entry import Entry
from exeat.enforcement.world import World
from exeat.model.decision import Deny
from exeat.model.request import Headers, WireRequest


@dataclass(frozen=True, slots=True)
class Parts:
    """What every connection of a worker shares."""

    gate: Gate
    answers: Answers
    world: World
    dialer: Dialer
    agent_side: AgentSide
    origin_side: OriginSide
    registry: Registry
    limits: LimitsTable

    @property
    def quotas(self) -> Quotas:
        """What each source and each agent may hold."""
        return self.registry.quotas


class HostFace(Protocol):
    """A connection, as its hooks and layers see it."""

    parts: Parts
    entry: Entry
    identity: Identity | None
    tunnel: tuple[str, int] | None
    """Where a CONNECT, a SOCKS request or a redirected TLS connection leads: a canonical host and a port."""
    plain: bool
    """Whether HTTP is spoken in clear where no proxy was asked for it."""
    going_to: int
    """The port a redirected connection was going to."""
    dead: bool
    certificates: Certificates
    """Which of its connections to origins carry a client certificate."""

    def enter(self, inner: Any) -> None:
        """Feed ``inner`` itself from the next event on."""
        ...

    def hold(self, connection: Any) -> None:
        """Read nothing more from one connection for now."""
        ...

    def let_go(self, connection: Any) -> None:
        """Read on from a connection that was held."""
        ...

    def run_now(self, hook: Any) -> bool:
        """Run a hook inline; True when it is done."""
        ...

    def open_tunnel(self, target: tuple[str, int] | Deny, headers: Headers) -> Deny | None:
        """Identify who opens a tunnel and fix both; the reason why not, or None."""
        ...

    def speaker(self, wire: WireRequest) -> Identity | Deny:
        """For whom a request is: the tunnel's agent, or who the request itself shows."""
        ...

    def admit(self, exchange: Exchange) -> None:
        """Note an admitted exchange: it is owed an outcome, and connections to its host may open."""
        ...

    def finish(self, exchange: Exchange, status: int | None) -> None:
        """Write an exchange's outcome and forget it."""
        ...

    def granted(self, host: str, port: int, *, tls: bool) -> bool:
        """Whether some live, unfinished exchange of this connection was permitted for this origin."""
        ...

    def refuse_head(self, detail: str) -> Refusal:
        """Record and render the refusal of something that isn't a request."""
        ...

    def refuse_tunnel(self, verdict: Deny) -> None:
        """Record a tunnel that is about to be closed."""
        ...

    def head_pending(self) -> None:
        """A head has begun: it must be complete within the limit."""
        ...

    def head_complete(self) -> None:
        """The head is there."""
        ...

    def body_pending(self, key: Hashable) -> None:
        """A body is waited for before anything is decided."""
        ...

    def body_flows(self, key: Hashable, stream_id: int, size: int) -> None:
        """So much of a streaming body has come."""
        ...

    def body_unwanted(self, key: Hashable, stream_id: int) -> None:
        """A body that was refused may still end for a while."""
        ...

    def settled(self, key: Hashable) -> None:
        """A handshake with an origin, or a body that was waited for, has ended one way or the other."""
        ...
