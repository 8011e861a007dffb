"""Worker processes: started, known by their channel, started again when they end by themselves.

Must not know: missions, leases, what a worker does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, final

from exeat.errors import StartError
from exeat.fleet.channel import Channel, Handler
from exeat.fleet.member import RemoteMember
from exeat.serving.spec import Spec

logger = logging.getLogger("exeat.supervisor")

_SHORTEST, _LONGEST = 0.1, 5.0
"""Seconds before a worker that ended is started again; doubled while it keeps ending at once."""
_STEADY = 10.0
"""A worker that lived this long ended for another reason than its start."""


@final
class Slot:
    """One place for a worker: there is at most one process in it that accepts connections. ``calls`` are what it may ask."""

    def __init__(
        self,
        name: str,
        config: Path,
        sockets: Sequence[int],
        *,
        calls: Mapping[str, Handler],
        joined: Callable[[RemoteMember], Any],
        left: Callable[[RemoteMember, int], None],
    ) -> None:
        self.name = name
        self.process: asyncio.subprocess.Process | None = None
        self.member: RemoteMember | None = None
        self.ready = asyncio.Event()
        self._config, self._sockets = config, tuple(sockets)
        self._calls = calls
        self._joined, self._left = joined, left
        self._stopping = False
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Start the first process; raise StartError when it ends before it serves."""
        self._task = asyncio.create_task(self._keep())
        waiting = asyncio.create_task(self.ready.wait())
        await asyncio.wait([waiting, self._task], return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if not self.ready.is_set():
            raise StartError(f"worker {self.name} did not start", "see what it said above")

    async def stop(self, seconds: float, *, replaced: bool = False) -> None:
        """Let it drain for so long, then end it; ``replaced`` says that another one takes its place."""
        self._stopping = True
        if self.member is not None:
            self.member.channel.tell("drain", replaced)
        if self._task is None:
            return
        done, _ = await asyncio.wait([self._task], timeout=seconds)
        if not done:
            self.kill()
            await asyncio.wait([self._task], timeout=1.0)

    def kill(self) -> None:
        """End the process at once; another one takes its place unless the slot stops."""
        if self.process is not None and self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGKILL)

    async def _keep(self) -> None:
        loop, pause = asyncio.get_running_loop(), _SHORTEST
        while True:
            began = loop.time()
            code = await self._one_life()
            if self._ends() or not self.ready.is_set():  # a very first start that fails is for whoever asked for it
                return
            pause = _SHORTEST if loop.time() - began > _STEADY else min(2 * pause, _LONGEST)
            logger.error("worker %s ended with %s; starting it again in %.1f s", self.name, code, pause)
            await asyncio.sleep(pause)
            if self._ends():
                return

    def _ends(self) -> bool:
        return self._stopping

    async def _one_life(self) -> int:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        spec = Spec(self.name, str(self._config), theirs.fileno(), self._sockets)
        flags = subprocess._args_from_interpreter_flags()  # type: ignore[attr-defined]  # noqa: SLF001 as multiprocessing does
        try:
            self.process = await asyncio.create_subprocess_exec(
                sys.executable, *flags, "-m", "exeat.serving.worker", spec.encode(),
                pass_fds=(theirs.fileno(), *self._sockets), stdin=subprocess.DEVNULL,
            )  # fmt: skip
        finally:
            theirs.close()
        hello: list[RemoteMember] = []

        def greet(_: Any) -> None:
            member = self.member = RemoteMember(self.name, channel)
            hello.append(member)
            self._joined(member)
            if self._stopping:
                channel.tell("drain", False)

        channel = await Channel.over(
            ours, {**self._calls, "hello": greet, "ready": lambda _: self.ready.set()}, lambda: None
        )
        code = await self.process.wait()
        channel.close()
        self.member = None
        for member in hello:
            self._left(member, code)
        return code
