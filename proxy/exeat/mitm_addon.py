"""Run Exeat inside stock mitmproxy: ``EXEAT_CONFIG=exeat.toml mitmdump -s <this file>``.

The addon manager of mitmproxy logs what a hook raises and lets the flow go on, so an ordinary addon would fail open.
This one installs Exeat's own connection handler in place of mitmproxy's: hooks, stamps and the dial gate are the same as
under ``exeat serve``, and other addons see nothing of the traffic. Must not know: how anything is decided.
"""

from __future__ import annotations

import asyncio
import os
import sys
from typing import Any, cast

from mitmproxy.proxy import mode_servers, mode_specs

from exeat.config import loading  # not the function: mitmproxy calls whatever is named "load" here
from exeat.enforcement.host import Host
from exeat.enforcement.parts import Parts
from exeat.serving.alone import Running
from exeat.wiring.build import build


def handler_class(parts: Parts) -> type[Host]:
    """A connection handler with the signature mitmproxy calls."""

    class StockHost(Host):
        def __init__(self, _master: Any, reader: Any, writer: Any, _options: Any, mode: mode_specs.ProxyMode) -> None:
            if not isinstance(mode, mode_specs.RegularMode) or not isinstance(writer, asyncio.StreamWriter):
                writer.close()
                raise PermissionError(f"mode {mode.full_spec} is not governed")
            super().__init__(parts, cast("asyncio.Transport", writer.transport))
            self._given = reader, writer  # kept: a StreamWriter that is dropped closes its socket

        async def handle_client(self) -> None:
            """What mitmproxy awaits: serve until the connection is over."""
            self.layer = self.top_layer()
            reader, _ = self._given
            self.start(bytes(reader._buffer))  # noqa: SLF001 what the stream has read before we took its socket over
            await self.over.wait()

    return StockHost


class Exeat:
    """The addon: refuses to load unless the handler is ours from the first connection on."""

    def __init__(self) -> None:
        self._running: Running | None = None

    def load(self, _loader: Any) -> None:
        """Build everything and take the handler's place; any failure ends mitmproxy."""
        try:
            assembly = build(loading.load(), listen=False)
            handler: Any = handler_class(assembly.worker.parts)
            mode_servers.ProxyConnectionHandler = handler  # type: ignore[misc]
            self._running = Running(assembly)
        except BaseException as error:  # noqa: BLE001 mitmproxy would log it and serve without us
            print(f"exeat: not loaded: {error}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(2)

    async def running(self) -> None:
        """Start the admin API and the chores."""
        if self._running is None:
            os._exit(2)
        try:
            await self._running.start()
        except BaseException as error:  # noqa: BLE001 as above
            print(f"exeat: not started: {error}", file=sys.stderr, flush=True)  # noqa: T201
            os._exit(2)

    async def done(self) -> None:
        """End in order."""
        if self._running is not None:
            await self._running.stop()


addons = [Exeat()]
