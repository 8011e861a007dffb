"""The life of a serving process: signals, the first lines, the end.

Must not know: what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal
from typing import Protocol

from exeat import logs
from exeat.config.loading import Loaded
from exeat.enforcement.limits.quotas import raise_descriptor_limit
from exeat.serving.alone import Running
from exeat.serving.hello import say_hello
from exeat.serving.supervisor import Supervisor
from exeat.wiring.build import build
from exeat.wiring.common import Common


def serve(loaded: Loaded) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    logs.set_up()
    raise_descriptor_limit()
    if loaded.settings.proxy.workers > 1:
        supervisor = Supervisor(loaded)
        run(supervisor, supervisor.common)
    else:
        assembly = build(loaded)
        run(Running(assembly), assembly.common)
    return 0


class Startable(Protocol):
    """What can be started and stopped."""

    async def start(self) -> None:
        """Begin; raise StartError when that can't be."""
        ...

    async def renew(self) -> None:
        """Begin anew without ending, as far as that can be."""
        ...

    async def stop(self) -> None:
        """End in order."""
        ...


def run(what: Startable, common: Common) -> None:
    """Run it until a signal says to end."""
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(what, common))


async def _run(running: Startable, common: Common) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await running.start()
    renewing: set[asyncio.Task[None]] = set()

    def renew() -> None:
        task = asyncio.create_task(running.renew())
        renewing.add(task)
        task.add_done_callback(renewing.discard)

    loop.add_signal_handler(signal.SIGHUP, renew)
    say_hello(common)
    gc.freeze()  # what was built at start is never garbage: don't walk it again and again
    try:
        await stop.wait()
    finally:
        await running.stop()
