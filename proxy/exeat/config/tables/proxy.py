"""Where agents and operators connect, and what they may take.

Must not know: sockets, behaviour.
"""

from __future__ import annotations

from pathlib import Path

from exeat.config.values import Duration, Size, Table


class LimitsTable(Table):
    """``[proxy.limits]``: every number bounds memory or time that an agent could otherwise take."""

    header_bytes: Size = 64 * 1024
    """A whole request head. curl, nginx and Node stop at 8 to 100 KiB; cookies and long tokens need some of it."""
    header_count: int = 100
    """Header fields in one request; Apache's default."""
    inspected_body: Size = 8 * 1024 * 1024
    """The largest body that is read before a decision when the operation lies in the body: a chat with a few images."""
    decision: Duration = 10.0
    """The longest a decision and a mint together may take; clients give up after 30 to 60 seconds."""
    connect: Duration = 5.0
    """TCP and TLS to an origin."""
    head: Duration = 15.0
    """From the first byte of a connection or request to the end of its head: against slow senders."""
    idle: Duration = 120.0
    """A connection on which nothing moves."""
    connections: int = 2000
    """Open client connections in one worker."""
    leaf_certificates: int = 512
    """Interception certificates kept in memory; the oldest goes first."""


class ProxyTable(Table):
    """``[proxy]``: where agents connect."""

    listen: tuple[str, ...] = ("http://127.0.0.1:8080",)
    """Listener URLs."""
    limits: LimitsTable = LimitsTable()
    drain: Duration = 5.0
    """After SIGTERM, how long open requests may finish."""


class AdminTable(Table):
    """``[admin]``: the control plane, never reachable through the proxy."""

    listen: str = "http://127.0.0.1:8081"
    token_file: Path = Path("admin.token")
    """Made at first start, readable by its owner only; the command line reads it."""
