"""The life of a serving process: signals, the first lines, the end.

Must not know: what is served.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import signal

from exeat import logs
from exeat.config.loading import Loaded
from exeat.enforcement.limits.quotas import raise_descriptor_limit
from exeat.serving.alone import Running
from exeat.serving.hello import say_hello
from exeat.wiring import Assembly, build


def serve(loaded: Loaded) -> int:
    """Run until SIGTERM or SIGINT; return the exit code."""
    logs.set_up()
    raise_descriptor_limit()
    assembly = build(loaded)
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_run(assembly))
    return 0


async def _run(assembly: Assembly) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    running = Running(assembly)
    await running.start()
    say_hello(assembly.common)
    gc.freeze()  # what was built at start is never garbage: don't walk it again and again
    try:
        await stop.wait()
    finally:
        await running.stop()
