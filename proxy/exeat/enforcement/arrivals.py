"""How a connection arrives, until there is a request to judge: what it speaks, who opens a tunnel, which leaf it gets.

Every way in ends in the same request: in a tunnel with its TLS name, or absolute and plain. Must not know: policies, how
the gate judges.
"""

from __future__ import annotations

from dataclasses import replace

from mitmproxy import http
from mitmproxy.net.tls import starts_like_tls_record
from mitmproxy.proxy.layer import NextLayer
from mitmproxy.proxy.layers import ClientTLSLayer
from mitmproxy.proxy.layers.http import HTTPMode
from mitmproxy.tls import ClientHelloData, TlsData

from exeat.decision.hosts import canonical_host
from exeat.decision.normalize import connect_target
from exeat.enforcement.parts import HostFace
from exeat.enforcement.protocols.greeting import SocksLayer
from exeat.enforcement.protocols.layers import GovernedHttp
from exeat.enforcement.translate import response_of, target_of, wire_of
from exeat.enforcement.ways.entry import Kind
from exeat.enforcement.ways.reverse import Base
from exeat.errors import RefusalError
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import Tunnel, WireRequest

_BASE = "exeat_base"
_HTTP = 80
_NOWHERE = ("", 0)
"""What mitmproxy's layers are told of a destination that only a request will name; the gate's word replaces it."""


def next_layer(host: HostFace, data: NextLayer) -> None:
    """Choose what a connection speaks: HTTP outside a tunnel, TLS with HTTP inside one, nothing else."""
    context, kind = data.context, host.entry.kind
    if kind is Kind.REVERSE:
        context.server.address = _NOWHERE
        data.layer = GovernedHttp(context, HTTPMode.transparent)
    elif kind is Kind.SOCKS5 and host.tunnel is None:
        data.layer = SocksLayer(context)
    elif kind is Kind.PROXY and host.tunnel is None:
        data.layer = GovernedHttp(context, HTTPMode.regular)
    else:
        _inside(host, data)


def _inside(host: HostFace, data: NextLayer) -> None:
    """Inside a tunnel, or on a redirected connection: TLS; in clear only where no CONNECT promised it."""
    context = data.context
    opening = data.data_client()
    if len(opening) < 3 and b"\x16\x03".startswith(opening[:2]):
        return  # too short to tell; the deadline for heads bounds the wait
    if starts_like_tls_record(opening):
        context.server.tls = True  # inside, relative targets mean https
        if host.tunnel is not None:
            context.server.sni = host.tunnel[0]
        layer = ClientTLSLayer(context)
        layer.child_layer = GovernedHttp(context, HTTPMode.transparent)
        data.layer = layer
        host.enter(layer)
        return
    if host.entry.kind is Kind.PROXY or not opening[:1].isupper():
        _end(host, Deny(Reason.PROTOCOL_NOT_ALLOWED, detail="not TLS inside the tunnel"))
    host.plain = True
    context.server.address = context.server.address or _NOWHERE
    data.layer = GovernedHttp(context, HTTPMode.transparent)


def _end(host: HostFace, verdict: Deny) -> None:
    host.refuse_tunnel(verdict)
    raise ConnectionError(verdict.detail)


def http_connect(host: HostFace, flow: http.HTTPFlow) -> None:
    """Open a tunnel for an identified agent; nothing is dialled, refusals come inside it (DESIGN §4)."""
    gate = host.parts.gate
    wire = wire_of(flow.request, None)
    verdict = (
        Deny(Reason.PROTOCOL_NOT_ALLOWED, detail="a tunnel through a base URL")
        if host.entry.kind is not Kind.PROXY
        else host.open_tunnel(connect_target(target_of(flow.request).decode("latin-1"), wire.headers), wire.headers)
    )
    if verdict is not None:
        close = verdict.reason is Reason.IDENTITY_CONFLICT
        challenge = host.entry.challenges
        flow.response = response_of(gate.refuse(verdict, host.identity, wire, close=close, challenge=challenge))
        return
    if host.tunnel is not None:
        flow.request.data.host, flow.request.data.port = host.tunnel


def tls_clienthello(host: HostFace, data: ClientHelloData) -> None:
    """Refuse what the layers would do on their own; learn where a redirected connection leads."""
    if data.ignore_connection or data.establish_server_tls_first:
        raise ConnectionError("only intercepted tunnels")
    if host.tunnel is None and host.entry.kind is Kind.TRANSPARENT:
        try:
            name = canonical_host(data.client_hello.sni or "")
        except ValueError:
            _end(host, Deny(Reason.AUTHORITY_MISMATCH, detail="no TLS server name says where this leads"))
            return
        verdict = host.open_tunnel((name, host.going_to), ())
        if verdict is not None:
            _end(host, verdict)
        data.context.server.address = host.tunnel
        data.context.server.sni = name
    _check_leaf(host)


def _check_leaf(host: HostFace) -> None:
    """A leaf only for an identified agent; for one that a placeholder may still identify, only at hosts of services."""
    if host.tunnel is None:
        raise PermissionError("a leaf without a tunnel")
    if host.identity is None and not (host.entry.waits and host.parts.world.takes_credential(*host.tunnel)):
        raise PermissionError("a leaf only for an identified agent")


def tls_start_client(host: HostFace, data: TlsData) -> None:
    """Answer with a leaf for the tunnel's host, and for the name the client asked for so that it can read the refusal."""
    _check_leaf(host)
    names = [host.tunnel[0]] if host.tunnel is not None else []
    if data.conn.sni:
        try:
            asked = canonical_host(data.conn.sni)
        except ValueError:
            asked = names[0]
        if asked != names[0]:
            names.append(asked)
    agent = host.identity.agent if host.identity else f"? {(data.conn.peername or ('',))[0]}"
    try:
        data.ssl_conn = host.parts.agent_side.accept(tuple(names), agent)
    except RefusalError as error:
        _end(host, Deny(error.reason, detail=error.detail))


def arrived(host: HostFace, flow: http.HTTPFlow) -> WireRequest | Deny:
    """A request as the gate judges it, whatever way it came; a Deny where the way itself makes no sense of it."""
    request = flow.request
    if host.entry.bases is not None:
        mapped = host.entry.bases.forward(wire_of(request, None))
        if isinstance(mapped, Deny):
            return mapped
        flow.metadata[_BASE] = mapped[1]
        return mapped[0]
    if host.plain:
        return _absolute(host, wire_of(request, None))
    return wire_of(request, None if host.tunnel is None else Tunnel(*host.tunnel, flow.client_conn.sni))


def _absolute(host: HostFace, wire: WireRequest) -> WireRequest | Deny:
    """A plain request that believes to be at its origin, as an explicit proxy would have got it (RFC 9112 §3.2.2)."""
    if not wire.target.startswith(b"/"):
        return Deny(Reason.REQUEST_MALFORMED, detail="the target is not a path")
    if host.tunnel is not None:
        name, port = host.tunnel[0].encode("ascii"), host.tunnel[1]
    else:
        name, port = next((value for name, value in wire.headers if name.lower() == b"host"), b""), host.going_to
    authority = name if port == _HTTP or b":" in name else b"%s:%d" % (name, port)
    return replace(wire, target=b"http://" + authority + wire.target)


def base_of(flow: http.HTTPFlow) -> Base | None:
    """The base URL a request came by."""
    base: Base | None = flow.metadata.get(_BASE)
    return base
