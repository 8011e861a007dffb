"""The listener of the admin API: loopback only, while it speaks plain HTTP.

Must not know: the calls.
"""

from __future__ import annotations

import errno
import ipaddress
import logging
from typing import final

from aiohttp import web

from exeat.admin.app import build_app
from exeat.admin.context import AdminContext
from exeat.errors import StartError

_IDLE_SECONDS = 30.0
"""How long a quiet connection is kept."""
_SHUTDOWN_SECONDS = 2.0
"""How long calls under way may finish when the process ends."""


def _bare(record: logging.LogRecord) -> bool:
    """Keep what happened and drop what was sent: aiohttp quotes a malformed header line, token and all."""
    record.exc_info = record.exc_text = None
    return True


_wire_log = logging.getLogger(f"{__name__}.wire")
_wire_log.addFilter(_bare)


@final
class AdminServer:
    """Serves ``context`` on one address. Port 0 picks a free one; see :attr:`port`."""

    def __init__(self, context: AdminContext, host: str, port: int) -> None:
        self._context = context
        self._host = host
        self._port = port
        self._runner: web.AppRunner | None = None

    @property
    def port(self) -> int:
        """The port in use."""
        return self._port

    async def start(self) -> None:
        """Listen; raise StartError off loopback, or when the address can't be had."""
        if not _loopback(self._host):
            raise StartError(
                f"admin.listen: {self._host} is not a loopback address, and the token would travel in the clear",
                'use listen = "http://127.0.0.1:8081" and a TLS proxy or an SSH tunnel before it',
            )
        runner = web.AppRunner(
            build_app(self._context),
            logger=_wire_log,
            access_log=None,  # the audit is the log of calls, and this one would be without it
            keepalive_timeout=_IDLE_SECONDS,
            shutdown_timeout=_SHUTDOWN_SECONDS,
        )
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port).start()
        except OSError as error:
            await runner.cleanup()
            if error.errno == errno.EADDRINUSE:
                raise StartError(
                    f"admin.listen: port {self._port} on {self._host} is in use",
                    "stop what uses it, or change the port",
                ) from error
            raise StartError(f"admin.listen: can't listen on {self._host}:{self._port}: {error.strerror}") from error
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Finish calls under way and stop listening."""
        if self._runner is not None:
            runner, self._runner = self._runner, None
            await runner.cleanup()
            if self._context.login is not None:
                await self._context.login.close()


def _loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
