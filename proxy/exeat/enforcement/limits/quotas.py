"""How much of a worker each source address and each agent may hold, so that one can't take it from the others.

A connection is a *guest* of its source address until a pass is shown on it; from then on it counts for its session. Where a
guest has to go, the one that has shown nothing for longest goes: a flood pushes out itself, not those who act. Single
threaded. Must not know: sockets, what an agent sends.
"""

from __future__ import annotations

import resource
from collections import Counter
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address
from typing import Protocol, final

from exeat.config.tables.proxy import LimitsTable
from exeat.decision.addresses import unmapped

RESERVE = 128
"""File descriptors kept for what isn't traffic: audit, store, admin API, listeners, token endpoints."""


class Cuttable(Protocol):
    """A client connection with everything behind it."""

    def cut(self) -> None:
        """Reset every socket of this connection before returning: no byte more, in either direction."""
        ...

    def busy(self) -> bool:
        """Whether a request is under way."""
        ...

    def leave(self, gone: Callable[[str, int], bool]) -> bool:
        """Reset all of it, as :meth:`cut` does, if any of it leads to a host and port that is ``gone``; whether it did."""
        ...


def raise_descriptor_limit() -> int:
    """Allow this process as many open files as its hard limit says, and return that; the soft one is often 1024."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return hard


def source_of(peer: str) -> str:
    """What counts as one source: an IPv4 address, or the /64 that one IPv6 host can choose all its addresses from."""
    try:
        address = unmapped(ip_address(peer.partition("%")[0]))
    except ValueError:
        return peer
    return str(IPv6Address(int(address) >> 64 << 64) if isinstance(address, IPv6Address) else address)


@final
class Quotas:
    """The counts of one worker."""

    def __init__(self) -> None:
        self._guests: dict[str, dict[Cuttable, None]] = {}
        self._source: dict[Cuttable, str] = {}
        self._members: dict[str, dict[Cuttable, None]] = {}
        self._session: dict[Cuttable, str] = {}
        self._streams: Counter[Cuttable] = Counter()
        self._kept: Counter[Cuttable] = Counter()
        self._totals: Counter[tuple[str, str]] = Counter()
        self._room = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - RESERVE
        self._dialled = 0
        self.turned_away = 0
        """Connections closed to make room, or not taken at all, since the start."""

    def __len__(self) -> int:
        return len(self._source) + len(self._session)

    def admits(self, peer: str, limits: LimitsTable) -> bool:
        """Whether one more connection from ``peer`` may be taken; the oldest guest may have had to go for it."""
        source = source_of(peer)
        if len(self._guests.get(source, ())) >= limits.source_connections:
            self._send_away(source)
        elif len(self) >= min(limits.connections, self._room * 2 // 3):  # the rest is for origins' sockets
            if not self._guests:
                self.turned_away += 1
                return False
            self._send_away(max(self._guests, key=lambda each: len(self._guests[each])))
        return True

    def enter(self, peer: str, guest: Cuttable) -> None:
        """Count a new connection."""
        source = self._source[guest] = source_of(peer)
        self._guests.setdefault(source, {})[guest] = None

    def claim(self, session: str, connection: Cuttable, limits: LimitsTable) -> None:
        """Count a connection for the session that it acts for from now on.

        Raise ConnectionError when the session has too many, all of them with requests under way; otherwise the one that
        has been idle for longest goes.
        """
        _take_out(connection, self._session, self._members)  # an agent that had no mission so far may get one
        members = self._members.setdefault(session, {})
        if len(members) >= limits.agent_connections:
            idle = next((each for each in members if not each.busy()), None)
            self.turned_away += 1
            if idle is None:
                raise ConnectionError(f"{session} has {len(members)} connections with requests under way")
            self.leave(idle)
            idle.cut()
            members = self._members.setdefault(session, {})
        _take_out(connection, self._source, self._guests)
        self._session[connection] = session
        members[connection] = None

    def used(self, connection: Cuttable) -> None:
        """Note that a connection has just begun a request: it is the last to be taken for idle."""
        members = self._members.get(self._session.get(connection, ""))
        if members is not None:
            del members[connection]
            members[connection] = None

    def streams(self, connection: Cuttable, count: int) -> int:
        """Note how many HTTP/2 requests are under way on a connection; return how many its session has in all."""
        return self._note("streams", self._streams, connection, count)

    def keeps(self, connection: Cuttable, size: int, limits: LimitsTable) -> None:
        """Note how many bytes are kept for a connection whose peers don't take them.

        Raise ConnectionError when its session's connections together keep too many.
        """
        total = self._note("bytes", self._kept, connection, size)
        if total > limits.buffered:
            raise ConnectionError(f"{total} bytes are kept for peers that don't read")

    def dials(self) -> bool:
        """Whether there is a descriptor for one more connection to an origin."""
        return len(self) + self._dialled < self._room

    def count_dialled(self, change: int) -> None:
        """One connection to an origin has opened (1) or is gone (-1)."""
        self._dialled += change

    def leave(self, connection: Cuttable) -> None:
        """Forget a connection that is gone; again changes nothing."""
        self._note("streams", self._streams, connection, 0)
        self._note("bytes", self._kept, connection, 0)
        _take_out(connection, self._source, self._guests)
        _take_out(connection, self._session, self._members)

    def _note(self, what: str, counts: Counter[Cuttable], connection: Cuttable, count: int) -> int:
        key = what, self._session.get(connection, "")
        total = self._totals[key] + count - counts[connection]
        if count:
            counts[connection] = count
        else:
            counts.pop(connection, None)
        if total:
            self._totals[key] = total
        else:
            self._totals.pop(key, None)
        return total

    def _send_away(self, source: str) -> None:
        guest = next(iter(self._guests[source]))
        self.turned_away += 1
        self.leave(guest)
        guest.cut()


def _take_out(connection: Cuttable, place: dict[Cuttable, str], groups: dict[str, dict[Cuttable, None]]) -> None:
    """Forget where a connection was counted, if it was, and a group that it leaves empty."""
    name = place.pop(connection, None)
    if name is not None:
        group = groups[name]
        group.pop(connection, None)
        if not group:
            del groups[name]
