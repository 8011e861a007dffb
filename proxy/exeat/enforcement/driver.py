"""Drives mitmproxy's sans-IO layers: events in, commands out, hooks in between.

Default deny in mechanism: any exception, time-out or cancellation in a hook or a layer refuses; an unknown hook or command
ends the connection. What is asked before a byte or a connection passes is the subclass's. Must not know: the gate, who an
agent is, what a stamp is.
"""

from __future__ import annotations

import asyncio
import logging
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Awaitable
from dataclasses import fields
from typing import Any, cast

from mitmproxy.connection import Client, Connection, ConnectionState, Server
from mitmproxy.proxy import commands, events, layer, server_hooks
from mitmproxy.proxy.layer import Layer

from exeat.enforcement.limits.deadlines import Deadlines
from exeat.enforcement.pipe import Pipe
from exeat.errors import RefusalError
from exeat.model.reason import Reason

logger = logging.getLogger("exeat.host")

_BACKLOG = 256 * 1024
"""Bytes accepted from an agent while its request waits for a token; then reading pauses."""


class Driver(ABC):
    """One agent connection, its layers and the sockets behind them."""

    client: Client
    layer: layer.Layer
    deadlines: Deadlines

    def __init__(self, client: Client, pipe: Pipe) -> None:
        self.client = client
        self.dead = False
        self._pipes: dict[Connection, Pipe] = {client: pipe}
        self._connections: dict[Pipe, Connection] = {pipe: client}
        self._stalled: set[Pipe] = set()
        self._held: dict[Connection, int] = {}
        self._events: deque[events.Event] = deque()
        self._feeding = False
        self._inner: Layer | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._backlog = 0
        self.over = asyncio.Event()
        self._loop = asyncio.get_running_loop()

    # --- what the subclass decides --------------------------------------------------------------------------------------

    @abstractmethod
    def call_hook(self, name: str, data: Any) -> Awaitable[None] | None:
        """Run the hook of this name; raise for one that nobody governs."""

    @abstractmethod
    def check_hook(self, name: str, data: Any) -> None:
        """Raise unless what a finished hook left behind may go on."""

    @abstractmethod
    def hook_failed(self, name: str, data: Any, fault: BaseException) -> bool:
        """Refuse after a fault in a hook; True when the layer may be told that the hook is done."""

    @abstractmethod
    def check_send(self) -> None:
        """Raise unless bytes may go to an origin now."""

    @abstractmethod
    async def dial(self, server: Server, pipe: Pipe) -> asyncio.Transport:
        """Open a connection to an origin with ``pipe`` as its protocol, or raise."""

    @abstractmethod
    def cut(self, *, reset: bool = True) -> None:
        """End everything before returning."""

    # --- what sockets tell ----------------------------------------------------------------------------------------------

    def received(self, pipe: Pipe, data: bytes) -> None:
        """Bytes have arrived; while a request waits for a token, an agent may send only so much more."""
        if self.dead:
            return
        connection = self._connections[pipe]
        self.feed(events.DataReceived(connection, data))
        if connection is self.client and self._waiting:
            self._backlog += len(data)
            if self._backlog > _BACKLOG:
                pipe.pause()

    def ended(self, pipe: Pipe) -> None:
        """The peer will send no more; our side may still have something to say (TCP half-close)."""
        connection = self._connections.get(pipe)
        if connection is not None and not self.dead:
            connection.state &= ~ConnectionState.CAN_READ
            self.feed(events.ConnectionClosed(connection))

    def lost(self, pipe: Pipe) -> None:
        """The socket is gone, closed by us or by the peer."""
        connection = self._connections.pop(pipe, None)
        self.relieved(pipe)
        if connection is None:
            return
        known = self._pipes.pop(connection, None) is not None
        self._held.pop(connection, None)
        heard = connection.state & ConnectionState.CAN_READ
        connection.state = ConnectionState.CLOSED
        if known and heard and not self.dead:
            self.feed(events.ConnectionClosed(connection))
        if connection is self.client:
            self.client_lost()
        elif isinstance(connection, Server):
            self.deadlines.settled(connection)
            data = server_hooks.ServerConnectionHookData(connection, self.client)
            self.run_hook(server_hooks.ServerDisconnectedHook(data), None)

    def stalled(self, pipe: Pipe) -> None:
        """One peer is slower than the others: nothing more is read until it has caught up."""
        self._stalled.add(pipe)
        for each in self._pipes.values():
            each.pause()

    def relieved(self, pipe: Pipe) -> None:
        """It has caught up."""
        self._stalled.discard(pipe)
        self._read_on()

    def hold(self, connection: Connection) -> None:
        """Read nothing more from one connection until it is let go as often: what it sent waits for somebody else."""
        self._held[connection] = self._held.get(connection, 0) + 1
        pipe = self._pipes.get(connection)
        if pipe is not None:
            pipe.pause()

    def let_go(self, connection: Connection) -> None:
        """Read on from a connection that was held, once nobody holds it any more."""
        left = self._held.get(connection, 0) - 1
        if left > 0:
            self._held[connection] = left
            return
        self._held.pop(connection, None)
        self._read_on()

    def _read_on(self) -> None:
        if self._stalled or self.dead:
            return
        for connection, pipe in self._pipes.items():
            if connection in self._held:
                continue
            if pipe.owner is not None and (connection is not self.client or self._backlog <= _BACKLOG):
                pipe.resume()

    @abstractmethod
    def client_lost(self) -> None:
        """The agent's socket is gone."""

    # --- the layers -----------------------------------------------------------------------------------------------------

    def feed(self, event: events.Event) -> None:
        """Give the layers an event and carry out what they ask for. A fault in them ends the connection."""
        self._events.append(event)
        if self._feeding:
            return
        self._feeding = True
        self.deadlines.moved()
        try:
            while self._events and not self.dead:
                for command in self.layer.handle_event(self._events.popleft()):
                    self._carry_out(command)
                    if self._ended():
                        break
            if self._inner is not None:
                self.layer, self._inner = self._inner, None
        except BaseException as fault:  # noqa: BLE001 whatever it is, nothing may go on after it
            self.die("a layer failed", fault)
        finally:
            self._events.clear()
            self._feeding = False

    def enter(self, inner: Layer) -> None:
        """Feed ``inner`` itself from the next event on: once a tunnel is open, the layers around it only pass things on."""
        self._inner = inner

    def _ended(self) -> bool:
        """Asked after each command, because carrying one out may have ended the connection."""
        return self.dead

    def _carry_out(self, command: commands.Command) -> None:
        if isinstance(command, commands.SendData):
            pipe = self._pipes.get(command.connection)
            if pipe is not None:
                if command.connection is not self.client:
                    self.check_send()
                pipe.write(command.data)
        elif isinstance(command, commands.StartHook):
            self.run_hook(command, command)
        elif isinstance(command, commands.OpenConnection):
            opening = Pipe()
            self._pipes[command.connection] = opening
            opening.task = self._spawn(self._open(command, opening))
        elif isinstance(command, commands.CloseConnection):
            half = isinstance(command, commands.CloseTcpConnection) and command.half_close
            self._close(command.connection, half=half)
        elif isinstance(command, commands.RequestWakeup):
            self._spawn(self._wake(command))
        elif not isinstance(command, commands.Log):  # mitmproxy's log lines quote what agents sent: dropped
            raise TypeError(f"no layer of ours asks for {type(command).__name__}")

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
        if pipe.task is not None and pipe.task is not asyncio.current_task():
            pipe.task.cancel()

    async def _open(self, command: commands.OpenConnection, pipe: Pipe) -> None:
        """Open a connection to an origin: the one place every upstream connection passes."""
        server = command.connection
        data = server_hooks.ServerConnectionHookData(server, self.client)
        failure: str | None = None
        try:
            self.call_hook("server_connect", data)
            transport = await self.dial(server, pipe)
            self.call_hook("server_connect", data)  # the grant may have ended while we dialled
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
            self.run_hook(server_hooks.ServerConnectErrorHook(data), None)
            self.feed(events.OpenConnectionCompleted(command, failure))
            return
        server.timestamp_start = server.timestamp_tcp_setup = time.time()
        server.state = ConnectionState.OPEN
        server.peername, server.sockname = pipe.names()
        self._connections[pipe] = server
        pipe.adopt(transport, self)
        self.run_hook(server_hooks.ServerConnectedHook(data), None)
        if server.tls:
            self.deadlines.handshake_pending(server, pipe.close_now)
        self.feed(events.OpenConnectionCompleted(command, None))
        if not self.dead:
            self._read_on()

    async def _wake(self, command: commands.RequestWakeup) -> None:
        await asyncio.sleep(command.delay)
        self.feed(events.Wakeup(command))

    # --- hooks ----------------------------------------------------------------------------------------------------------

    def run_hook(self, hook: commands.StartHook, reply_to: commands.StartHook | None) -> None:
        """Run a hook and, when it is done, tell the layers."""
        if self.run_now(hook) and reply_to is not None and reply_to.blocking:
            self.feed(events.HookCompleted(reply_to))

    def run_now(self, hook: commands.StartHook) -> bool:
        """Run a hook inline; True when it is done. One that has to wait becomes a task, which tells the layers itself."""
        data = _argument(hook)
        try:
            waiting = self.call_hook(hook.name, data)
            if waiting is None:
                self.check_hook(hook.name, data)
                return True
        except BaseException as fault:  # noqa: BLE001 default deny: mitmproxy's dispatcher would log it and go on
            return self.hook_failed(hook.name, data, fault)
        self._waiting += 1
        task = self._spawn(self._finish_hook(hook, data, waiting))
        if asyncio.iscoroutine(waiting):  # a task cancelled before its first step never gets to it
            task.add_done_callback(lambda _: waiting.close())
        return False

    async def _finish_hook(self, hook: commands.StartHook, data: Any, waiting: Awaitable[None]) -> None:
        try:
            await waiting
            self.check_hook(hook.name, data)
        except asyncio.CancelledError:
            if self.dead:
                raise
            if not self.hook_failed(hook.name, data, PermissionError("cancelled")):
                return
        except BaseException as fault:  # noqa: BLE001 as above
            if not self.hook_failed(hook.name, data, fault):
                return
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._backlog = 0
                self._read_on()
        if not self.dead and hook.blocking:
            self.feed(events.HookCompleted(hook))

    # --- the end --------------------------------------------------------------------------------------------------------

    def close_all(self, *, reset: bool) -> None:
        """Close every socket and cancel every task but the one that asks."""
        self.dead = True
        for pipe in list(self._pipes.values()):
            pipe.close(reset=reset)
        current = asyncio.current_task() if self._loop.is_running() else None
        for task in list(self._tasks):
            if task is not current:
                task.cancel()

    def die(self, why: str, fault: BaseException) -> None:
        """End the connection after a fault."""
        if not self.dead:
            tell(f"{why}; connection closed", fault)
        self.cut()

    def _spawn(self, work: Any) -> asyncio.Task[None]:
        task: asyncio.Task[None] = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._reap)
        return task

    def _reap(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (fault := task.exception()) is not None:
            self.die("a task failed", fault)


_ARGUMENTS: dict[type[commands.StartHook], str] = {}


def _argument(hook: commands.StartHook) -> Any:
    """A hook's one argument; which of its fields that is, is looked up once a class and not at every call."""
    kind = type(hook)
    name = _ARGUMENTS.get(kind)
    if name is None:
        (name,) = (field.name for field in fields(cast("Any", kind)))
        _ARGUMENTS[kind] = name
    return getattr(hook, name)


def tell(what: str, fault: BaseException) -> None:
    """Log a fault. A ConnectionError is what a peer did, refused and in the audit: nothing an operator must look at."""
    if isinstance(fault, ConnectionError):
        logger.info("%s: %s", what, fault)
    else:
        logger.error("%s: %s", what, type(fault).__name__, exc_info=fault)
