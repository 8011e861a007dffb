"""One agent connection: for whom it acts, what it may send, and what it is owed at its end.

A request passes its hooks only with the gate's stamp on it; a connection opens only for an admitted exchange; no byte goes
to an origin once the session is gone. Must not know: how anything is decided.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from itertools import count
from typing import Any

from mitmproxy import flow as mitmflow
from mitmproxy import http
from mitmproxy.connection import Client, ConnectionState, Server
from mitmproxy.proxy import events, layer, mode_specs, server_hooks
from mitmproxy.proxy.context import Context
from mitmproxy.proxy.layers.modes import HttpProxy

from exeat.enforcement.certificates import Certificates
from exeat.enforcement.driver import Driver, tell
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.hooks import AFTERWARDS, HOOKS, PER_STREAM, is_enough, is_pending, refuse_body
from exeat.enforcement.identified import Identity, Undecided
from exeat.enforcement.lean import slim
from exeat.enforcement.limits.deadlines import Deadlines
from exeat.enforcement.options import LayerOptions
from exeat.enforcement.parts import Parts
from exeat.enforcement.pipe import Pipe
from exeat.enforcement.protocols.tellings import LateBody
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.translate import STAMP
from exeat.enforcement.ways.entry import DIRECT, Entry, Kind
from exeat.enforcement.ways.original import original_destination
from exeat.enforcement.ways.peer import peer_address, spoken, svid_of
from exeat.errors import RefusalError
from exeat.identity.shown import Shown
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import Headers, WireRequest

slim()
_NUMBERS = count(1)
_REGULAR = mode_specs.ProxyMode.parse("regular")


class Host(Driver):
    """One agent connection with everything behind it. Implements ``parts.HostFace`` for its hooks and layers."""

    def __init__(self, parts: Parts, transport: asyncio.Transport, entry: Entry = DIRECT) -> None:
        client = Client(
            peername=transport.get_extra_info("peername"),
            sockname=transport.get_extra_info("sockname"),
            timestamp_start=time.time(),
            proxy_mode=_REGULAR,
            state=ConnectionState.OPEN,
        )
        self.entry = entry
        self._number = next(_NUMBERS)
        self._opening: Headers = ()
        self._peer, self._svid = peer_address(transport), svid_of(transport)
        pipe = Pipe()
        super().__init__(client, pipe)
        self._transport = transport
        self.parts = parts
        self.identity: Identity | None = None
        self.tunnel: tuple[str, int] | None = None
        self.plain = False
        self.going_to = 0
        if entry.kind is Kind.TRANSPARENT:
            going_to = original_destination(transport.get_extra_info("socket"))
            self.going_to = going_to[1] if going_to else 0
        elif entry.kind is Kind.REVERSE:
            client.alpn = spoken(transport)
        self.deadlines = Deadlines(parts.limits, lambda: self.cut(reset=False), lambda: self._waiting > 0)
        options: Any = LayerOptions(self, parts.limits.idle)
        self._context = Context(client, options)
        self.layer = self.top_layer()
        self._exchanges: set[Exchange] = set()
        self.certificates = Certificates(parts.origin_side)

    # --- life -----------------------------------------------------------------------------------------------------------

    def top_layer(self) -> layer.Layer:
        """What a new connection begins with: the question what it speaks, asked with its first bytes where no proxy is known."""
        if self.entry.kind is Kind.TRANSPARENT:
            return HttpProxy(self._context)  # TLS wants a layer around it
        return layer.NextLayer(self._context, ask_on_start=True)

    def start(self, early: bytes = b"") -> None:
        """Begin to serve; ``early`` is what somebody else has read from the socket already."""
        self.parts.registry.add(self, self._peer)
        self._pipes[self.client].adopt(self._transport, self)
        self.head_pending()
        self.run_hook(server_hooks.ClientConnectedHook(self.client), None)
        if not self.dead:
            self.feed(events.Start())
        if early:
            self.received(self._pipes[self.client], early)

    def client_lost(self) -> None:
        """The agent's socket is gone: leave no task, socket or unfinished account behind."""
        self.cut(reset=False)
        self.deadlines.stop()
        self.run_hook(server_hooks.ClientDisconnectedHook(self.client), None)
        self.parts.registry.remove(self.identity.mission if self.identity else None, self)
        self.over.set()

    def cut(self, *, reset: bool = True) -> None:
        """End everything before returning: sockets are reset, tasks cancelled, accounts closed."""
        self.close_all(reset=reset)
        for exchange in list(self._exchanges):
            self.finish(exchange, None)

    def leave(self, gone: Callable[[str, int], bool]) -> bool:
        """End everything, like :meth:`cut`, if any of it leads where nobody may go any more; whether it did."""
        unwanted = [each for each in self._exchanges if gone(each.request.host, each.request.port)]
        origins = [server.address for server in self._pipes if isinstance(server, Server) and server.address]
        if not unwanted and not any(gone(*place[:2]) for place in (*origins, *filter(None, (self.tunnel,)))):
            return False
        self.close_all(reset=True)
        for exchange in unwanted:
            self._exchanges.discard(exchange)
            self.parts.gate.finish(exchange, None, Reason.DESTINATION_NOT_ALLOWED, "not allowed any more")
        self.cut()
        return True

    def busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self._exchanges or self._waiting)

    # --- what hooks and layers ask ----------------------------------------------------------------------------------------

    def open_tunnel(self, target: tuple[str, int] | Deny, headers: Headers) -> Deny | None:
        """Identify who opens a tunnel and fix both; the reason why not, or None."""
        self._opening = headers
        identity = self.parts.gate.identify(self._shown(headers))
        if isinstance(identity, Deny) and not isinstance(identity, Undecided):
            return identity
        if not isinstance(identity, Deny) and not self.bind(identity):
            return Deny(Reason.IDENTITY_CONFLICT)
        if isinstance(target, Deny):
            return target
        if self.parts.dialer.is_self(*target):
            return Deny(Reason.ADDRESS_NOT_ALLOWED, detail="a loop to ourselves")
        if isinstance(identity, Deny) and not self.parts.world.takes_credential(*target):
            return identity  # nothing that could still come there would say who this is
        self.tunnel = target
        return None

    def speaker(self, wire: WireRequest) -> Identity | Deny:
        """For whom a request is: the tunnel's agent, or who the request itself shows."""
        if self.tunnel is not None and self.identity is not None and self.identity.settled:
            return self.identity
        inside = self.tunnel is not None or self.entry.kind is Kind.TRANSPARENT
        identity = self.parts.gate.identify(self._shown(self._opening if inside else wire.headers, wire))
        if isinstance(identity, Deny):
            return identity
        return identity if self.bind(identity) else Deny(Reason.IDENTITY_CONFLICT)

    def _shown(self, headers: Headers, request: WireRequest | None = None) -> Shown:
        return Shown(self.entry.way, self._peer, *self._svid, self._number, headers, request)

    def bind(self, identity: Identity) -> bool:
        """Fix for whom this connection acts; False when it already acts for somebody else.

        An agent that had no mission so far may get one: it is still the same agent.
        """
        held = self.identity
        if held is None or (not held.settled and held.spiffe_id == identity.spiffe_id):
            self.parts.quotas.claim(identity.session, self, self.parts.limits)
            self.identity = identity
            if identity.settled:
                self.parts.registry.bind(identity.mission, self)
        return self.identity == identity

    def admit(self, exchange: Exchange) -> None:
        """Note an admitted exchange: it is owed an outcome, and connections to its host may open."""
        self._exchanges.add(exchange)
        self.parts.quotas.used(self)

    def granted(self, host: str, port: int, *, tls: bool) -> bool:
        """Whether some live, unfinished exchange of this connection was permitted for this origin."""
        return any(
            exchange.request.host == host
            and exchange.request.port == port
            and (exchange.request.scheme == "https") == tls
            and exchange.may_leave()
            for exchange in self._exchanges
        )

    def finish(self, exchange: Exchange, status: int | None) -> None:
        """Write an exchange's outcome and forget it."""
        self._exchanges.discard(exchange)
        self.parts.gate.finish(exchange, status)

    def refuse_head(self, detail: str) -> Refusal:
        """Record and render the refusal of something that isn't a request."""
        return self.parts.gate.refuse(Deny(Reason.REQUEST_MALFORMED, detail=detail), self.identity, None, close=True)

    def refuse_body(self, flow: http.HTTPFlow) -> Refusal:
        """Record and render that a request's body is larger than what is read before a decision."""
        return refuse_body(self, flow)

    def refuse_tunnel(self, verdict: Deny) -> None:
        """Record a tunnel that is about to be closed."""
        self.parts.gate.refuse(verdict, self.identity, None, close=True)

    def head_pending(self) -> None:
        """A head has begun: it must be complete within the limit."""
        self.deadlines.head_pending()

    def head_complete(self) -> None:
        """The head is there."""
        self.deadlines.head_complete()

    def body_pending(self, key: Hashable) -> None:
        """A body is waited for before anything is decided."""
        self.deadlines.body_pending(key)

    def is_enough(self, flow: http.HTTPFlow, piece: bytes) -> bool:
        """Whether a request that waits for its body can be judged by what has come of it, up to this piece."""
        return is_enough(flow, piece)

    def body_flows(self, key: Hashable, stream_id: int, size: int) -> None:
        """So much of a streaming body has come."""
        self.deadlines.body_flows(key, size, lambda: self.feed(LateBody(stream_id)))

    def body_unwanted(self, key: Hashable, stream_id: int) -> None:
        """A body that was refused may still end for a while."""
        self.deadlines.body_unwanted(key, lambda: self.feed(LateBody(stream_id)))

    def settled(self, key: Hashable) -> None:
        """A handshake with an origin, or a body that was waited for, has ended one way or the other."""
        self.deadlines.settled(key)

    # --- what the driver asks -------------------------------------------------------------------------------------------

    def call_hook(self, name: str, data: Any) -> Awaitable[None] | None:
        """Run the hook of this name; raise LookupError for one that isn't in the table."""
        function = HOOKS.get(name)
        if function is None:
            raise LookupError(f"no hook is called {name}: this protocol is not governed")
        return function(self, data)

    def check_hook(self, name: str, data: Any) -> None:
        """Default deny a request: after its hooks it carries a refusal, an error, or the gate's stamp for exactly itself."""
        if name not in ("requestheaders", "request") or not isinstance(data, http.HTTPFlow):
            return
        if data.response is not None or data.error is not None or (name == "requestheaders" and is_pending(data)):
            return
        exchange = data.metadata.get(STAMP)
        if type(exchange) is not Exchange or exchange not in self._exchanges or not exchange.may_leave():
            raise PermissionError("no allow stamp")
        sent, permitted = data.request.data, exchange.request
        if (sent.host, sent.port, sent.method) != (permitted.host, permitted.port, permitted.method.encode("ascii")):
            raise PermissionError("the request is not the one that was permitted")

    def hook_failed(self, name: str, data: Any, fault: BaseException) -> bool:
        """Refuse after a fault in a hook: one stream where it is one stream's, else the connection."""
        if name not in AFTERWARDS and not (name in PER_STREAM and isinstance(data, http.HTTPFlow)):
            self.die(f"hook {name} failed", fault)
            return False
        tell(f"hook {name} failed", fault)
        if name in PER_STREAM:
            exchange = data.metadata.get(STAMP)
            if type(exchange) is Exchange:
                self.finish(exchange, None)
            data.response = None
            data.error = mitmflow.Error(mitmflow.Error.KILLED_MESSAGE)  # ends this stream; its siblings live
        return True

    def check_send(self) -> None:
        """Raise PermissionError once the session is gone: from then on no byte is handed to an origin's socket."""
        if self.identity is None or not self.parts.world.is_live(self.identity.session):
            if self.identity is not None and self.identity.mission in self.parts.world.barred:
                raise ConnectionError("a rule has stopped the mission")
            raise PermissionError("the session is gone")

    async def dial(self, server: Server, pipe: Pipe) -> asyncio.Transport:
        """Dial the permitted name, through the gate where connections open."""
        if server.address is None:
            raise RefusalError(Reason.INTERNAL_ERROR, "no address")
        if not self.parts.quotas.dials():
            raise RefusalError(Reason.UPSTREAM_UNREACHABLE, "no file descriptor is free")
        pipe.count = self.parts.quotas.count_dialled
        await self.certificates.prepare(server)
        asker = "" if self.identity is None else self.identity.session
        return await self.parts.dialer.dial(server.address[0], server.address[1], lambda: pipe, asker)
