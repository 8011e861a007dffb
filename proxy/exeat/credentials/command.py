"""Run a command that prints a secret: a password manager's or a vault's own client.

No shell, a minimal environment, a few seconds. Must not know: what the output is for.
"""

from __future__ import annotations

import os
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from exeat.errors import StartError

_LIMIT = 5.0
"""Seconds from start to end of output."""
_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = ("HOME", "USER", "LOGNAME", "XDG_RUNTIME_DIR")
"""What such clients need to find their own settings and agents; nothing else is handed on."""


def output_of(argv: Sequence[str], folder: Path, environ: Mapping[str, str], longest: int) -> bytes:
    """Return what a command writes to its standard output, ``longest`` bytes at most; its errors are never shown.

    It runs in ``folder``, where a relative path with a slash starts too; a bare name is looked up in the system's
    folders alone. Raise StartError when it can't be started, fails, is late or writes too much; whatever it started
    is killed.
    """
    kept = {name: environ[name] for name in _KEPT if name in environ}
    program = str(folder / argv[0]) if "/" in argv[0] else argv[0]
    try:
        process = subprocess.Popen(  # noqa: S603 an admin names the command; no shell reads it
            [program, *argv[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={"PATH": _PATH, "LANG": "C.UTF-8", **kept},
            start_new_session=True,
        )
    except (OSError, ValueError) as error:
        raise StartError(
            f"the command can't be started: {type(error).__name__}", f"name a program in {_PATH}, or its path"
        ) from None
    try:
        return _output(process, longest)
    finally:
        _end(process)


def _output(process: subprocess.Popen[bytes], longest: int) -> bytes:
    deadline = time.monotonic() + _LIMIT
    content = bytearray()
    with selectors.DefaultSelector() as selector:
        selector.register(_pipe(process), selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, deadline - time.monotonic())):
                raise StartError(
                    f"the command took longer than {_LIMIT:g} s", "run it by hand and see what it waits for"
                )
            piece = os.read(_pipe(process), 65536)
            if not piece:
                break
            content += piece
            if len(content) > longest:
                raise StartError(f"the command wrote more than {longest} bytes", "let it write the secret alone")
    try:
        code = process.wait(max(0.0, deadline - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise StartError(
            f"the command took longer than {_LIMIT:g} s", "run it by hand and see what it waits for"
        ) from None
    if code != 0:
        raise StartError(f"the command ended with {code}", "run it by hand and see what it says")
    return bytes(content)


def _pipe(process: subprocess.Popen[bytes]) -> int:
    if process.stdout is None:  # never: it was asked for
        raise StartError("the command has no output")
    return process.stdout.fileno()


def _end(process: subprocess.Popen[bytes]) -> None:
    """Kill the whole group: a child may have outlived the command."""
    with suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    if process.stdout is not None:
        process.stdout.close()
    process.wait()
