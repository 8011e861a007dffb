"""The host's own guards, each alone: with everything before it doing nothing, it still lets nothing pass."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import suppress
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy import flow as mitmflow
from mitmproxy.connection import Server
from mitmproxy.proxy import commands, events
from mitmproxy.proxy.layer import Layer
from mitmproxy.proxy.layers.http import HTTPMode, HttpRequestHeadersHook
from mitmproxy.proxy.layers.tcp import TcpStartHook
from mitmproxy.test import tflow

from exeat.config.tables.proxy import LimitsTable
from exeat.enforcement import hooks
from exeat.enforcement.dial import Dialer
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.host import Host
from exeat.enforcement.identified import Identity
from exeat.enforcement.parts import Parts
from exeat.enforcement.protocols.layers import GovernedHttp
from exeat.enforcement.registry import Registry
from exeat.enforcement.translate import STAMP
from exeat.model.decision import Permit, Question
from exeat.model.request import CanonicalRequest


class World:
    """Live until told otherwise."""

    draining = False
    live = True

    def is_live(self, session: str) -> bool:
        return self.live


class Books:
    """A gate that only keeps the account."""

    def __init__(self) -> None:
        self.finished: list[Exchange] = []

    def finish(self, exchange: Exchange, status: int | None, reason: Any = None) -> None:
        exchange.finished = True
        self.finished.append(exchange)

    def refuse(self, verdict: Any, *_: Any, **__: Any) -> Any:
        return SimpleNamespace(status=403, headers=(), body=b"", close=True)

    def identify(self, shown: Any) -> Identity:
        return Identity("m", "bot")


class Origin:
    """Counts what arrives."""

    def __init__(self) -> None:
        self.connections, self.received = 0, b""

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        while data := await reader.read(1000):
            self.received += data
        writer.close()


class Rig:
    """A host on a real socket pair, and an origin it could reach."""

    def __init__(self, host: Host, world: World, books: Books, origin: Origin, port: int, agent: socket.socket) -> None:
        self.host, self.world, self.books, self.origin, self.port, self.agent = host, world, books, origin, port, agent

    def exchange(self, host: str = "api.example.test") -> Exchange:
        request = CanonicalRequest("GET", "http", host, 80, "/", "", (), "HTTP/1.1")
        made = Exchange(
            decision_id="d_1", request_id="r_1", session="m/bot", mission="m", agent="spiffe://x", request=request,
            permit=Permit(Question(), (), ("p",)), started=0.0, is_live=self.world.is_live,
        )  # fmt: skip
        made.target = "/"
        return made

    async def run(self, seconds: float = 0.2) -> None:
        self.host.start()
        with suppress(TimeoutError):
            await asyncio.wait_for(self.host.over.wait(), seconds)
        self.agent.close()
        self.host.cut()  # the layers of these tests never close anything
        await asyncio.wait_for(self.host.over.wait(), 1)
        await asyncio.sleep(0.02)


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    origin = Origin()
    server = await asyncio.start_server(origin.accept, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    world, books = World(), Books()
    dialer = Dialer(SimpleNamespace(), {("api.example.test", 80): ("127.0.0.1", port)}, [], 1)  # type: ignore[arg-type]
    parts = Parts(books, None, world, dialer, None, None, Registry(), LimitsTable())  # type: ignore[arg-type]
    ours, theirs = socket.socketpair()
    ours.setblocking(False)
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=ours)
    host = Host(parts, transport)
    host.bind(Identity("m", "bot"))
    async with server:
        yield Rig(host, world, books, origin, port, theirs)
        theirs.close()
        transport.abort()
        host.deadlines.stop()
        await asyncio.sleep(0)


class Opens(Layer):
    """Opens a connection to the origin at once and sends on it."""

    def __init__(self, context: Any, when_open: Any = None) -> None:
        super().__init__(context)
        self.when_open, self.failure = when_open, ""

    def _handle_event(self, event: events.Event) -> Any:
        if isinstance(event, events.Start):
            server = Server(address=("api.example.test", 80))
            self.failure = (yield commands.OpenConnection(server)) or ""
            if not self.failure:
                if self.when_open is not None:
                    self.when_open()
                yield commands.SendData(server, b"GET / HTTP/1.1\r\n\r\n")


@pytest.mark.guard("allow-stamp")
@pytest.mark.parametrize("stamp", [None, "a string", object()])
async def test_a_request_whose_hooks_did_nothing_is_killed(rig: Rig, monkeypatch, stamp: object) -> None:
    monkeypatch.setitem(hooks.HOOKS, "requestheaders", lambda host, data: None)
    flow = tflow.tflow()
    flow.metadata[STAMP] = stamp
    rig.host.run_hook(HttpRequestHeadersHook(flow), None)
    assert flow.error is not None
    assert flow.error.msg == mitmflow.Error.KILLED_MESSAGE


@pytest.mark.guard("stamp-match")
@pytest.mark.parametrize("change", [{"host": b"evil.test"}, {"port": 81}, {"method": b"POST"}])
async def test_a_request_changed_after_its_permit_is_killed(rig: Rig, monkeypatch, change: dict[str, Any]) -> None:
    exchange = rig.exchange()
    rig.host.admit(exchange)

    def rewrite(_host: Host, flow: Any) -> None:
        flow.metadata[STAMP] = exchange
        data = flow.request.data
        data.host, data.port, data.method = "api.example.test", 80, b"GET"
        for name, value in change.items():
            setattr(data, name, value.decode() if name == "host" else value)

    monkeypatch.setitem(hooks.HOOKS, "requestheaders", rewrite)
    flow = tflow.tflow()
    rig.host.run_hook(HttpRequestHeadersHook(flow), None)
    assert flow.error is not None


@pytest.mark.guard("stamp-of-this-connection")
async def test_another_connections_exchange_is_no_stamp(rig: Rig, monkeypatch) -> None:
    exchange = rig.exchange()

    def borrow(_host: Host, flow: Any) -> None:
        flow.metadata[STAMP] = exchange
        flow.request.data.host, flow.request.data.port, flow.request.data.method = "api.example.test", 80, b"GET"

    monkeypatch.setitem(hooks.HOOKS, "requestheaders", borrow)
    flow = tflow.tflow()
    rig.host.run_hook(HttpRequestHeadersHook(flow), None)
    assert flow.error is not None


@pytest.mark.guard("dial-grant")
async def test_without_an_admitted_exchange_no_connection_opens(rig: Rig) -> None:
    layer = rig.host.layer = Opens(rig.host.layer.context)
    await rig.run()
    assert layer.failure
    assert rig.origin.connections == 0


async def test_with_one_it_opens_and_carries_its_bytes(rig: Rig) -> None:
    rig.host.admit(rig.exchange())
    rig.host.layer = Opens(rig.host.layer.context)
    await rig.run()
    assert rig.origin.received == b"GET / HTTP/1.1\r\n\r\n"


async def test_an_exchange_for_another_host_grants_nothing(rig: Rig) -> None:
    rig.host.admit(rig.exchange("other.example.test"))
    rig.host.layer = Opens(rig.host.layer.context)
    await rig.run()
    assert rig.origin.connections == 0


@pytest.mark.guard("send-check")
async def test_no_byte_goes_to_an_origin_once_the_session_is_gone(rig: Rig) -> None:
    def gone() -> None:
        rig.world.live = False

    rig.host.admit(rig.exchange())
    rig.host.layer = Opens(rig.host.layer.context, gone)
    await rig.run()
    assert rig.origin.connections == 1
    assert rig.origin.received == b""


@pytest.mark.guard("stream-stamp")
async def test_the_stream_asks_for_the_stamp_once_more(rig: Rig, monkeypatch) -> None:
    """Even with the host's check gone, a stream without a stamp gets no connection."""
    monkeypatch.setitem(hooks.HOOKS, "requestheaders", lambda host, data: None)
    monkeypatch.setattr(Host, "check_hook", lambda *_: None)
    monkeypatch.setattr(Host, "granted", lambda *_, **__: True)
    rig.host.layer = GovernedHttp(rig.host.layer.context, HTTPMode.regular)
    rig.agent.sendall(b"GET http://api.example.test/ HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
    await rig.run()
    assert rig.host.dead
    assert rig.origin.connections == 0


async def test_a_cut_leaves_no_account_open(rig: Rig) -> None:
    exchange = rig.exchange()
    rig.host.admit(exchange)
    rig.host.cut()
    assert rig.books.finished == [exchange]
    assert rig.host.dead


@pytest.mark.guard("unknown-hook")
async def test_a_protocol_without_a_hook_of_ours_ends_the_connection(rig: Rig) -> None:
    rig.host.run_hook(TcpStartHook(tflow.ttcpflow()), None)
    assert rig.host.dead
