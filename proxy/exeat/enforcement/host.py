"""The connection handler: drives mitmproxy's sans-IO layers, one instance an agent connection.

Default deny in mechanism: any exception, time-out or cancellation in a hook or a layer refuses; a request passes its
hooks only with the gate's stamp on it; a connection opens only for an admitted exchange; no byte goes to an origin once
the session is gone. Must not know: how anything is decided.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections import deque
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import Any

from mitmproxy import flow as mitmflow
from mitmproxy import http
from mitmproxy.connection import Client, Connection, ConnectionState
from mitmproxy.proxy import commands, events, layer, mode_specs, server_hooks
from mitmproxy.proxy.context import Context

from exeat.config.settings import LimitsTable
from exeat.enforcement.dial import Dialer
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.gate import Gate
from exeat.enforcement.hooks import AFTERWARDS, HOOKS, PER_STREAM
from exeat.enforcement.identified import Identity
from exeat.enforcement.options import LayerOptions
from exeat.enforcement.pipe import Pipe
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.registry import Registry
from exeat.enforcement.tls import AgentSide, OriginSide
from exeat.enforcement.translate import STAMP
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.model.decision import Deny
from exeat.model.reason import Reason

logger = logging.getLogger("exeat.host")

_BACKLOG = 256 * 1024
"""Bytes accepted from an agent while its request waits for a token; then reading pauses."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What every connection of a worker shares."""

    gate: Gate
    world: World
    dialer: Dialer
    agent_side: AgentSide
    origin_side: OriginSide
    registry: Registry
    limits: LimitsTable


class Host:
    """One agent connection with everything behind it."""

    def __init__(self, parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.parts = parts
        self.identity: Identity | None = None
        self.tunnel: tuple[str, int] | None = None
        self.dead = False
        self.client = Client(
            peername=writer.get_extra_info("peername"),
            sockname=writer.get_extra_info("sockname"),
            timestamp_start=time.time(),
            proxy_mode=mode_specs.ProxyMode.parse("regular"),
            state=ConnectionState.OPEN,
        )
        options: Any = LayerOptions(self, parts.limits.idle)
        self.layer: layer.Layer = layer.NextLayer(Context(self.client, options), ask_on_start=True)
        self._pipes: dict[Connection, Pipe] = {self.client: Pipe(reader, writer)}
        self._events: deque[events.Event] = deque()
        self._feeding = False
        self._tasks: set[asyncio.Task[None]] = set()
        self._exchanges: set[Exchange] = set()
        self._waiting = 0
        self._backlog = 0
        self._resume = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._moved = self._loop.time()
        self._idle_timer = self._loop.call_later(parts.limits.idle, self._check_idle)
        self._head_timer: asyncio.TimerHandle | None = None
        self._handshakes: dict[Connection, asyncio.TimerHandle] = {}

    # --- life ---------------------------------------------------------------------------------------------------------

    async def handle_client(self) -> None:
        """Serve the connection until it ends; leaves no task, socket or unfinished account behind."""
        self.parts.registry.add(self)
        self._pipes[self.client].task = asyncio.current_task()
        self.head_pending()
        try:
            self._run_hook(server_hooks.ClientConnectedHook(self.client), None)
            self.feed(events.Start())
            await self._read(self.client)
        except asyncio.CancelledError:
            if not self.dead and (task := asyncio.current_task()) and task.cancelling() > 1:
                raise
        finally:
            self._idle_timer.cancel()
            self.head_complete()
            self.cut(reset=False)
            self._run_hook(server_hooks.ClientDisconnectedHook(self.client), None)
            self.parts.registry.remove(self.identity.mission if self.identity else None, self)

    def cut(self, *, reset: bool = True) -> None:
        """End everything before returning: sockets are reset, tasks cancelled, accounts closed."""
        self.dead = True
        for pipe in list(self._pipes.values()):
            pipe.close(reset=reset)
        current = asyncio.current_task() if self._loop.is_running() else None
        for task in list(self._tasks):
            if task is not current:
                task.cancel()
        for exchange in list(self._exchanges):
            self.finish(exchange, None)

    def busy(self) -> bool:
        """Whether a request is under way."""
        return bool(self._exchanges or self._waiting)

    def bind(self, identity: Identity) -> bool:
        """Fix for whom this connection acts; False when it already acts for somebody else."""
        if self.identity is None:
            self.identity = identity
            self.parts.registry.bind(identity.mission, self)
        return self.identity == identity

    def admit(self, exchange: Exchange) -> None:
        """Note an admitted exchange: from now on connections to its host may open."""
        self._exchanges.add(exchange)

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
        """A head that isn't HTTP."""
        return self.parts.gate.refuse(Deny(Reason.REQUEST_MALFORMED, detail=detail), self.identity, None, close=True)

    def refuse_tunnel(self, verdict: Deny) -> None:
        """Write down a tunnel that is about to be closed."""
        self.parts.gate.refuse(verdict, self.identity, None, close=True)

    # --- time ---------------------------------------------------------------------------------------------------------

    def head_pending(self) -> None:
        """A head has begun: it must be complete within the limit."""
        if self._head_timer is None and not self.dead:
            self._head_timer = self._loop.call_later(self.parts.limits.head, self._too_slow)

    def head_complete(self) -> None:
        """The head is there."""
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def handshake_complete(self, connection: Connection) -> None:
        """TLS with an origin is settled, one way or the other."""
        timer = self._handshakes.pop(connection, None)
        if timer is not None:
            timer.cancel()

    def _too_slow(self) -> None:
        self.cut(reset=False)

    def _check_idle(self) -> None:
        remaining = self._moved + self.parts.limits.idle - self._loop.time()
        if remaining <= 0 and not self._waiting:
            self.cut(reset=False)
        elif not self.dead:
            self._idle_timer = self._loop.call_later(max(remaining, 0.1), self._check_idle)

    # --- bytes in -----------------------------------------------------------------------------------------------------

    async def _read(self, connection: Connection) -> None:
        """Read until the peer ends, then wait until our side may close too (TCP half-close)."""
        pipe = self._pipes[connection]
        try:
            while not self.dead and (data := await pipe.read()):
                self.feed(events.DataReceived(connection, data))
                if connection is self.client and self._waiting:
                    self._backlog += len(data)
                    if self._backlog > _BACKLOG:
                        await self._resume.wait()
                for other in list(self._pipes.values()):
                    await other.drain()
        except OSError:
            pass
        if self.dead:
            return
        connection.state &= ~ConnectionState.CAN_READ
        self.feed(events.ConnectionClosed(connection))
        if connection.state is ConnectionState.CAN_WRITE and not self.dead:
            await pipe.closed.wait()
        self._pipes.pop(connection, None)
        pipe.close(reset=False)

    # --- the layers ---------------------------------------------------------------------------------------------------

    def feed(self, event: events.Event) -> None:
        """Give the layers an event and carry out what they ask for. A fault in them ends the connection."""
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        self._moved = self._loop.time()
        try:
            while self._events and not self.dead:
                for command in self.layer.handle_event(self._events.popleft()):
                    self._carry_out(command)
                    if self._ended():
                        break
        except BaseException as fault:  # noqa: BLE001 whatever it is, nothing may go on after it
            self._die("a layer failed", fault)
        finally:
            self._events.clear()
            self._feeding = False

    def _ended(self) -> bool:
        """Asked after each command, because carrying one out may have ended the connection."""
        return self.dead

    def _carry_out(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            self._send(command.connection, command.data)
        elif isinstance(command, commands.StartHook):
            self._run_hook(command, command)
        elif isinstance(command, commands.OpenConnection):
            pipe = Pipe(None, None)
            self._pipes[command.connection] = pipe
            pipe.task = self._spawn(self._open(command, pipe))
        elif isinstance(command, commands.CloseConnection):
            half = isinstance(command, commands.CloseTcpConnection) and command.half_close
            self._close(command.connection, half=half)
        elif isinstance(command, commands.RequestWakeup):
            self._spawn(self._wake(command))
        elif not isinstance(command, commands.Log):  # mitmproxy's log lines quote what agents sent: dropped
            raise TypeError(f"no layer of ours asks for {type(command).__name__}")

    def _send(self, connection: Connection, data: bytes) -> None:
        pipe = self._pipes.get(connection)
        if pipe is None:
            return
        if connection is not self.client and (
            self.identity is None or not self.parts.world.is_live(self.identity.session)
        ):
            raise PermissionError("the session is gone")
        pipe.write(data)

    def _close(self, connection: Connection, *, half: bool) -> None:
        pipe = self._pipes.get(connection)
        if pipe is None:
            return
        if half:
            connection.state &= ~ConnectionState.CAN_WRITE
            pipe.write_eof()
            if connection.state is not ConnectionState.CLOSED:
                return
        connection.state = ConnectionState.CLOSED
        self._pipes.pop(connection, None)
        pipe.close(reset=False)
        if pipe.task is not None and pipe.task is not asyncio.current_task() and connection is not self.client:
            pipe.task.cancel()

    async def _open(self, command: commands.OpenConnection, pipe: Pipe) -> None:
        """Open a connection to an origin: the one place every upstream connection passes."""
        server = command.connection
        data = server_hooks.ServerConnectionHookData(server, self.client)
        failure: str | None = None
        try:
            self._call("server_connect", data)
            if server.address is None:
                raise RefusalError(Reason.INTERNAL_ERROR, "no address")
            dialled = await self.parts.dialer.dial(server.address[0], server.address[1])
            pipe.attach(dialled.reader, dialled.writer)
            self._call("server_connect", data)  # the grant may have ended while we dialled
        except RefusalError as error:
            failure = f"exeat:{error.reason}"
            logger.info("not dialled: %s", error)
        except asyncio.CancelledError:
            pipe.close(reset=True)
            raise
        except BaseException:
            logger.exception("opening a connection failed")
            failure = f"exeat:{Reason.INTERNAL_ERROR}"
        if failure is not None:
            server.error = failure
            self._pipes.pop(server, None)
            pipe.close(reset=True)
            self._run_hook(server_hooks.ServerConnectErrorHook(data), None)
            self.feed(events.OpenConnectionCompleted(command, failure))
            return
        server.timestamp_start = server.timestamp_tcp_setup = time.time()
        server.state = ConnectionState.OPEN
        server.peername, server.sockname = pipe.names()
        self._run_hook(server_hooks.ServerConnectedHook(data), None)
        if server.tls:  # an origin that accepts and then says nothing is as absent as one that doesn't accept
            self._handshakes[server] = self._loop.call_later(self.parts.limits.connect, pipe.close_now)
        self.feed(events.OpenConnectionCompleted(command, None))
        try:
            if not self.dead:
                await self._read(server)
        finally:
            self.handshake_complete(server)
            self._run_hook(server_hooks.ServerDisconnectedHook(data), None)

    async def _wake(self, command: commands.RequestWakeup) -> None:
        await asyncio.sleep(command.delay)
        self.feed(events.Wakeup(command))

    # --- hooks --------------------------------------------------------------------------------------------------------

    def _call(self, name: str, data: Any) -> Awaitable[None] | None:
        function = HOOKS.get(name)
        if function is None:
            raise LookupError(f"no hook is called {name}: this protocol is not governed")
        return function(self, data)

    def _run_hook(self, hook: commands.StartHook, reply_to: commands.StartHook | None) -> None:
        """Run a hook inline; only one that has to wait becomes a task."""
        (data,) = hook.args()
        try:
            waiting = self._call(hook.name, data)
            if waiting is None:
                self._check_stamp(hook.name, data)
        except BaseException as fault:  # noqa: BLE001 default deny: mitmproxy's dispatcher would log it and go on
            waiting = None
            if not self._failed(hook.name, data, fault):
                return
        if waiting is not None:
            self._waiting += 1
            task = self._spawn(self._finish_hook(hook, data, waiting))
            if asyncio.iscoroutine(waiting):  # a task cancelled before its first step never gets to it
                task.add_done_callback(lambda _: waiting.close())
        elif reply_to is not None and reply_to.blocking:
            self.feed(events.HookCompleted(reply_to))

    async def _finish_hook(self, hook: commands.StartHook, data: Any, waiting: Awaitable[None]) -> None:
        try:
            await waiting
            self._check_stamp(hook.name, data)
        except asyncio.CancelledError:
            if self.dead:
                raise
            if not self._failed(hook.name, data, PermissionError("cancelled")):
                return
        except BaseException as fault:  # noqa: BLE001 as above
            if not self._failed(hook.name, data, fault):
                return
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._backlog = 0
                self._resume.set()
                self._resume = asyncio.Event()
        if not self.dead and hook.blocking:
            self.feed(events.HookCompleted(hook))

    def _check_stamp(self, name: str, data: Any) -> None:
        """Default deny a request: after its hooks it carries a refusal, an error, or the gate's stamp for exactly itself."""
        if name not in ("requestheaders", "request") or not isinstance(data, http.HTTPFlow):
            return
        if data.response is not None or data.error is not None:
            return
        if name == "requestheaders" and "exeat_pending" in data.metadata:
            return
        exchange = data.metadata.get(STAMP)
        if type(exchange) is not Exchange or exchange not in self._exchanges or not exchange.may_leave():
            raise PermissionError("no allow stamp")
        sent = data.request.data
        if (sent.host, sent.port, sent.method.decode("ascii")) != (
            exchange.request.host, exchange.request.port, exchange.request.method,
        ):  # fmt: skip
            raise PermissionError("the request is not the one that was permitted")

    def _failed(self, name: str, data: Any, fault: BaseException) -> bool:
        """Refuse after a fault in a hook; True when the layer may be told that the hook is done."""
        _tell(f"hook {name} failed", fault)
        if name in AFTERWARDS:
            return True
        if name in PER_STREAM and isinstance(data, http.HTTPFlow):
            exchange = data.metadata.get(STAMP)
            if type(exchange) is Exchange:
                self.finish(exchange, None)
            data.response = None
            data.error = mitmflow.Error(mitmflow.Error.KILLED_MESSAGE)  # ends this stream; its siblings live
            return True
        self._die(f"hook {name} failed", fault)
        return False

    def _die(self, why: str, fault: BaseException) -> None:
        if not self.dead:
            logger.error(
                "%s: %s; connection closed", why, type(fault).__name__, exc_info=not isinstance(fault, OSError)
            )
        self.cut()

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self._die("a task failed", fault)


def _tell(what: str, fault: BaseException) -> None:
    """Log a fault. A ConnectionError is what a peer did, refused and in the audit: nothing an operator must look at."""
    if isinstance(fault, ConnectionError):
        logger.info("%s: %s", what, fault)
    else:
        logger.error("%s: %s", what, type(fault).__name__, exc_info=fault)


async def serve_connection(parts: Parts, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Handle one accepted connection; over the limit it is closed at once."""
    if len(parts.registry) >= parts.limits.connections or parts.world.draining:
        writer.transport.abort()
        return
    with contextlib.suppress(OSError):
        await Host(parts, reader, writer).handle_client()
