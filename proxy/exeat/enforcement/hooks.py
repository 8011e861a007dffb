"""What happens at each point of mitmproxy's layers: a static table, name → function(host, data).

A hook that isn't in the table closes the connection, so that a protocol nobody governs can't slip in. Whatever a hook
raises, the host turns into a refusal. Must not know: policies, SQL, how the gate judges.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, cast

from mitmproxy import flow as mitmflow
from mitmproxy import http
from mitmproxy.connection import Server
from mitmproxy.proxy.server_hooks import ServerConnectionHookData
from mitmproxy.tls import TlsData

from exeat.enforcement.admission import Admission, Pending, Waiting
from exeat.enforcement.answers.models import model_reader
from exeat.enforcement.answers.scrub import AnswerError
from exeat.enforcement.arrivals import arrived, base_of, http_connect, next_layer, tls_clienthello, tls_start_client
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.identified import Identity
from exeat.enforcement.openings import Opening
from exeat.enforcement.parts import HostFace
from exeat.enforcement.protocols.metering import Asked
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.signing import UnfitBodyError
from exeat.enforcement.translate import BEGINNING, STAMP, WHOLE, reframe, response_of, wire_of, write_request
from exeat.model.decision import Deny, NeedBody
from exeat.model.reason import Reason
from exeat.model.request import WireRequest

_PENDING = "exeat_pending"


def tls_start_server(host: HostFace, data: TlsData) -> None:
    """Verify the origin by the name that was permitted, never by what a client sent."""
    address = cast("Server", data.conn).address
    if address is None or data.conn.sni != address[0]:
        raise PermissionError("the TLS name is not the permitted host")
    data.ssl_conn = host.parts.origin_side.connect(
        *address, http2=data.context.client.alpn == b"h2", context=host.certificates.context(data.conn)
    )


def tls_settled(host: HostFace, data: TlsData) -> None:
    """An origin's handshake has ended, well or badly."""
    host.settled(data.conn)


def server_connect(host: HostFace, data: ServerConnectionHookData) -> None:
    """The dial grant: only for a host and port that an admitted exchange of this connection was permitted for."""
    address = data.server.address
    if address is None or not host.granted(address[0], address[1], tls=data.server.tls):
        raise PermissionError("no admitted request leads there")


def requestheaders(host: HostFace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Judge a request before its body is read and before anything is opened."""
    gate = host.parts.gate
    host.head_complete()
    wire = arrived(host, flow)
    if isinstance(wire, Deny):
        _apply(host, flow, gate.refuse(wire, host.identity, wire_of(flow.request, None)))
        return None
    identity = host.speaker(wire)
    if isinstance(identity, Deny):
        close = identity.reason is Reason.IDENTITY_CONFLICT
        challenge = host.entry.challenges and host.tunnel is None
        _apply(host, flow, gate.refuse(identity, host.identity, wire, close=close, challenge=challenge))
        return None
    if flow.error is not None:  # mitmproxy refused it already and answers itself; we write it down
        gate.refuse(Deny(Reason.REQUEST_MALFORMED, detail=str(flow.error.msg)), identity, wire)
        return None
    opening = gate.opening(identity, wire)
    if opening is not None:
        return _when_opened(host, flow, wire, opening, identity)
    return _settle(host, flow, wire, gate.admit(identity, wire), identity)


async def _when_opened(
    host: HostFace, flow: http.HTTPFlow, wire: WireRequest, opening: Opening, identity: Identity
) -> None:
    """Judge a request whose mission begins with it, once that is open: then its connection speaks for that mission."""
    verdict = await opening()
    speaker = verdict or host.speaker(wire)
    if isinstance(speaker, Deny):
        challenge = host.entry.challenges and host.tunnel is None
        _apply(host, flow, host.parts.gate.refuse(speaker, identity, wire, challenge=challenge))
        return
    then = _settle(host, flow, wire, host.parts.gate.admit(speaker, wire), speaker)
    if then is not None:
        await then


def more_budget(_: HostFace, asked: Asked) -> Awaitable[None]:
    """Ask whether a piece of a body is still within the mission's budget."""
    return asked.answer()


def request(host: HostFace, flow: http.HTTPFlow) -> Awaitable[None] | None:
    """Judge with the body, where the head did not settle what is asked."""
    pending = flow.metadata.get(_PENDING)
    if pending is None:
        return None
    wire, identity, needed = pending
    body = flow.request.raw_content or b""
    if len(body) > needed.limit:
        _apply(host, flow, refuse_body(host, flow))
        return None
    host.settled(flow.id)
    del flow.metadata[_PENDING]
    admission = host.parts.gate.admit(identity, wire, body, whole=BEGINNING not in flow.metadata)
    return _settle(host, flow, wire, admission, identity)


def refuse_body(host: HostFace, flow: http.HTTPFlow) -> Refusal:
    """Record and render, in its caller's form, that a pending request's body is larger than what is read to judge."""
    host.settled(flow.id)
    wire, identity, _ = flow.metadata.pop(_PENDING)
    verdict = Deny(Reason.REQUEST_MALFORMED, detail="the body is too large to be judged")
    return host.parts.gate.refuse(verdict, identity, wire)


def is_enough(flow: http.HTTPFlow, piece: bytes) -> bool:
    """Whether a pending request can be judged by what has come of its body, of which ``piece`` is the newest."""
    pending = flow.metadata.get(_PENDING)
    return pending is not None and pending[2].enough is not None and pending[2].enough(piece)


def is_pending(flow: http.HTTPFlow) -> bool:
    """Whether a request waits for its body before it is judged."""
    return _PENDING in flow.metadata


def _settle(
    host: HostFace, flow: http.HTTPFlow, wire: WireRequest, admission: Admission, identity: Identity
) -> Awaitable[None] | None:
    if isinstance(admission, NeedBody):
        flow.metadata[_PENDING] = (wire, identity, admission)
        host.body_pending(flow.id)
        return None
    if isinstance(admission, Waiting):
        return _when_judged(host, flow, wire, admission, identity)
    if not isinstance(admission, Pending):
        _apply(host, flow, admission)
        return None
    host.admit(admission.exchange)  # owed an outcome from here on, whatever becomes of the connection

    async def when_minted() -> None:
        minted = await admission.mint()
        if isinstance(minted, Refusal):
            host.finish(admission.exchange, minted.status)
        _apply(host, flow, minted)

    return when_minted()


async def _when_judged(
    host: HostFace, flow: http.HTTPFlow, wire: WireRequest, waiting: Waiting, identity: Identity
) -> None:
    then = _settle(host, flow, wire, await waiting.judge(), identity)
    if then is not None:
        await then


def _apply(host: HostFace, flow: http.HTTPFlow, admission: Exchange | Refusal) -> None:
    if isinstance(admission, Refusal):
        flow.request.headers.pop("expect", None)  # a refused upload is not invited to continue
        flow.response = response_of(admission)
        return
    body_read = flow.request.raw_content if admission.body is None else admission.body
    if body_read:
        try:
            body_read = admission.signed_whole(body_read)
        except UnfitBodyError as unfit:
            refusal = host.parts.gate.fail(admission, Reason.REQUEST_MALFORMED, str(unfit), str(unfit))
            host.finish(admission, refusal.status)
            _apply(host, flow, refusal)
            return
    flow.metadata[STAMP] = admission
    host.admit(admission)
    write_request(flow.request, admission)
    if body_read is not None:
        flow.request.raw_content = body_read
    if body_read is None:
        flow.request.stream = admission.stream_sent
        if admission.request.header(b"expect"):
            flow.request.headers["expect"] = "100-continue"  # the layer answers it now, and takes it out
    else:
        admission.sent_bytes = len(body_read)


def responseheaders(host: HostFace, flow: http.HTTPFlow) -> None:
    """Let an answer stream, as far as it may reach the agent; else answer in its stead."""
    exchange = flow.metadata.get(STAMP)
    response = flow.response
    if exchange is None or response is None or exchange.finished:
        return
    if response.status_code == 101:
        if not exchange.request.upgrade or response.headers.get("upgrade", "").lower() != "websocket":
            raise ConnectionError("an upgrade nobody asked for")
        response.headers.pop("sec-websocket-extensions", None)  # none was offered, so none can be agreed on
    exchange.answered = True
    answers = host.parts.answers
    try:
        head = answers.head(exchange, response.status_code, response.headers.fields)
    except AnswerError as error:
        flow.response = response_of(host.parts.gate.fail(exchange, Reason.ANSWER_REFUSED, str(error)))
        return
    base = base_of(flow)
    fields = head.fields
    if base is not None and host.entry.bases is not None:
        fields = host.entry.bases.back(fields, base)
    response.headers.fields = fields
    if len(response.data.reason or b"") > 7:  # else it holds nothing that is looked for
        response.data.reason = answers.needles(exchange).mask(response.data.reason)
    if head.body is not None:
        exchange.read_with(head.body)
    if told := host.parts.gate.answered_by(exchange):
        exchange.look_with(model_reader(response.headers.fields, told))
    if head.reframed:
        reframe(flow.request, response)
    if head.whole:
        flow.metadata[WHOLE] = True
    else:
        response.stream = exchange.count_received


def response(host: HostFace, flow: http.HTTPFlow) -> None:
    """Write the outcome of an answered request."""
    exchange = flow.metadata.get(STAMP)
    if exchange is None or flow.response is None:
        return
    trailers = flow.response.trailers
    if trailers is not None:
        trailers.fields = host.parts.answers.trailers(exchange, trailers.fields)
    if flow.response.status_code == 101 and exchange.request.upgrade:
        return  # the handshake is the beginning; its outcome is written when the WebSocket ends
    host.finish(exchange, flow.response.status_code)


def error(host: HostFace, flow: mitmflow.Flow) -> None:
    """Write the outcome of a request that broke off."""
    host.settled(flow.id)
    exchange = flow.metadata.get(STAMP)
    if exchange is not None:
        host.finish(exchange, None)


def nothing(host: HostFace, data: Any) -> None:
    """A point at which nothing is decided."""


HookFunction = Callable[[HostFace, Any], Awaitable[None] | None]

HOOKS: dict[str, HookFunction] = {
    "client_connected": nothing,
    "client_disconnected": nothing,
    "next_layer": next_layer,
    "http_connect": http_connect,
    "http_connected": nothing,
    "http_connect_error": nothing,
    "tls_clienthello": tls_clienthello,
    "tls_start_client": tls_start_client,
    "tls_established_client": nothing,
    "tls_failed_client": nothing,
    "server_connect": server_connect,
    "server_connected": nothing,
    "server_connect_error": nothing,
    "server_disconnected": nothing,
    "tls_start_server": tls_start_server,
    "tls_established_server": tls_settled,
    "tls_failed_server": tls_settled,
    "requestheaders": requestheaders,
    "request": request,
    "responseheaders": responseheaders,
    "response": response,
    "error": error,
    "more_budget": more_budget,
}

PER_STREAM = frozenset({"requestheaders", "request", "responseheaders", "response"})
"""A fault here ends one stream; a fault elsewhere ends the connection."""
AFTERWARDS = frozenset(
    {"client_disconnected", "server_disconnected", "error", "http_connect_error", "server_connect_error",
     "tls_failed_client", "tls_failed_server"}
)  # fmt: skip
"""Nothing can go any more when these run: a fault is logged, and that is all."""
