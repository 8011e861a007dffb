"""The SOCKS5 greeting as a layer: what it opens is a tunnel like any other.

Must not know: how a greeting is read, how an identity is proven.
"""

from __future__ import annotations

import base64
from collections.abc import Generator
from typing import Any

from mitmproxy.proxy import commands, events, layer
from mitmproxy.proxy.context import Context

from exeat.decision.normalize import connect_target
from exeat.enforcement.ways.socks import REFUSED, Socks
from exeat.identity.shown import Evidence
from exeat.model.decision import Deny
from exeat.model.destination import host_port
from exeat.model.reason import Reason
from exeat.model.request import Headers

Commands = Generator[commands.Command, Any, Any]


class SocksLayer(layer.Layer):
    """Greets, opens the tunnel, and hands everything after it to the next layer."""

    def __init__(self, context: Context) -> None:
        super().__init__(context)
        evidence = context.options.host.entry.way.evidence
        self._socks = Socks(password=bool(evidence & {Evidence.PASS, Evidence.JWT}))

    def _handle_event(self, event: events.Event) -> Commands:
        if isinstance(event, events.DataReceived):
            for reply in self._socks.feed(event.data):
                if reply.failed:
                    yield from self._refuse(Deny(Reason.PROTOCOL_NOT_ALLOWED, detail=reply.failed), reply.data)
                    return
                if reply.data:
                    yield commands.SendData(self.context.client, reply.data)
            if self._socks.target is not None:
                yield from self._open(*self._socks.target)
        elif isinstance(event, events.ConnectionClosed):
            yield commands.CloseConnection(self.context.client)

    def _open(self, name: str, port: int) -> Commands:
        verdict = self.context.options.host.open_tunnel(connect_target(host_port(name, port)), self._headers())
        if verdict is not None:
            yield from self._refuse(verdict, REFUSED)
            return
        yield commands.SendData(self.context.client, self._socks.granted())
        self.context.server.address = self.context.options.host.tunnel
        child = layer.NextLayer(self.context)
        self._handle_event = child.handle_event  # type: ignore[method-assign]
        yield from child.handle_event(events.Start())
        if self._socks.rest:
            yield from child.handle_event(events.DataReceived(self.context.client, self._socks.rest))

    def _headers(self) -> Headers:
        """User name and password as a client of an HTTP proxy would show them (RFC 7617 §2)."""
        if not self._socks.password:
            return ()
        shown = base64.b64encode(self._socks.user + b":" + self._socks.password)
        return ((b"proxy-authorization", b"Basic " + shown),)

    def _refuse(self, verdict: Deny, answer: bytes) -> Commands:
        self.context.options.host.refuse_tunnel(verdict)  # written before it is told
        if answer:
            yield commands.SendData(self.context.client, answer)
        yield commands.CloseConnection(self.context.client)
        self._handle_event = self._over  # type: ignore[method-assign,assignment]

    def _over(self, _: events.Event) -> Commands:
        yield from ()
