"""Loaded by Python inside the serving process: makes one hook of the table fail, as ``RIG_HOOK_FAULT`` says from moment to moment.

The variable names a file; while it exists and holds ``HOOK KIND MODE``, that hook raises (``sync``) or returns an
awaitable that raises (``async``).
"""

from __future__ import annotations

import asyncio
import os
from pathlib import Path


class Unheard(BaseException):
    """Neither an Exception nor anything a framework expects."""


def _kinds():
    from mitmproxy.exceptions import AddonHalt

    return {
        "Exception": RuntimeError,
        "AddonHalt": AddonHalt,
        "TimeoutError": TimeoutError,
        "CancelledError": asyncio.CancelledError,
        "BaseException": Unheard,
    }


def _install(file: Path) -> None:
    from exeat.enforcement import hooks

    kinds = _kinds()

    def faulty(name, real):
        def hook(host, data):
            try:
                wanted, kind, mode = file.read_text().split()
            except (OSError, ValueError):
                return real(host, data)
            if wanted != name:
                return real(host, data)
            if mode == "sync":
                raise kinds[kind]("the rig says so")

            async def later():
                await asyncio.sleep(0)
                raise kinds[kind]("the rig says so")

            return later()

        return hook

    for name, real in list(hooks.HOOKS.items()):
        hooks.HOOKS[name] = faulty(name, real)


if os.environ.get("RIG_HOOK_FAULT"):
    _install(Path(os.environ["RIG_HOOK_FAULT"]))
