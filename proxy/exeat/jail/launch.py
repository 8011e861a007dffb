"""The jail from outside: start the interpreter that builds it, take its socket, serve it.

Must not know: missions, what the command is.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import orjson

from exeat.errors import StartError
from exeat.jail.plan import FAILED, GO, READY, Plan
from exeat.jail.relay import Relay

_BUILD: Final = 20.0
"""Seconds for building a jail; it takes a tenth of one."""
_INSTEAD: Final = "docs/segmentation.md has other ways to contain an agent"
_ROOT: Final = str(Path(__file__).resolve().parents[2])
_START: Final = (
    f"import sys; sys.path.insert(0, {_ROOT!r}); sys.dont_write_bytecode = True; "
    "from exeat.jail.inside import main; main(sys.argv[1:])"
)


class Jail:
    """One jail, from ``start`` to ``stop``."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._relay: Relay | None = None
        self._control: socket.socket | None = None

    def check(self) -> None:
        """Build the same jail, run nothing in it; raise StartError when it can't be built."""
        probe = replace(self._plan, port=0, probe=True)
        with tempfile.TemporaryFile() as nothing:
            process, control = _spawn(probe, (), {}, stdin=nothing.fileno())
            with control:
                try:
                    listener, _ = _receive(control, process)
                    listener.close()
                finally:
                    _end(process)

    def start(self, command: Sequence[str], environment: Mapping[str, str]) -> tuple[subprocess.Popen[bytes], int]:
        """Build the jail and have the command wait in it until ``go``; raise StartError.

        Return the process that ends as the command does, and the command's process group.
        """
        process, self._control = _spawn(self._plan, command, environment)
        try:
            listener, group = _receive(self._control, process)
        except BaseException:
            _end(process)
            raise
        self._relay = Relay(listener, self._plan.host, self._plan.port)
        return process, group

    def go(self) -> None:
        """Let the command start."""
        if self._relay is not None and self._control is not None:
            self._relay.start()
            with contextlib.suppress(OSError):  # it was ended before it began
                self._control.send(GO)
            self._control.close()

    def stop(self) -> None:
        """Cut what is open."""
        if self._control is not None:
            self._control.close()
        if self._relay is not None:
            self._relay.stop()


def _spawn(
    plan: Plan, command: Sequence[str], environment: Mapping[str, str], stdin: int | None = None
) -> tuple[subprocess.Popen[bytes], socket.socket]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    with theirs:
        ours.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        ours.settimeout(_BUILD)
        process = subprocess.Popen(  # noqa: S603 the user's own command
            [sys.executable, "-I", "-S", "-c", _START, str(theirs.fileno()), plan.write(), *command],
            env=dict(environment),
            pass_fds=(theirs.fileno(),),
            process_group=0,
            stdin=stdin,
        )
    return process, ours


def _receive(control: socket.socket, process: subprocess.Popen[bytes]) -> tuple[socket.socket, int]:
    """The jail's listening socket, and the command's process id as this side knows it."""
    listener: socket.socket | None = None
    try:
        while True:
            message, handed, peer = _message(control)
            listener = handed or listener
            if message.startswith(FAILED):
                told = orjson.loads(message.removeprefix(FAILED))
                raise StartError(f"no jail can be built: {told['what']}", told["fix"] or _INSTEAD)
            if not message:
                raise StartError(f"the jail ended while it was built (exit {process.wait()})", _INSTEAD)
            if message == READY and listener is not None:
                return listener, peer
    except BaseException:
        if listener is not None:
            listener.close()
        raise


def _message(control: socket.socket) -> tuple[bytes, socket.socket | None, int]:
    """One message from inside, the socket that came with it, and who sent it."""
    try:
        message, extras, _, _ = control.recvmsg(4096, socket.CMSG_SPACE(4) + socket.CMSG_SPACE(12))
    except TimeoutError:
        raise StartError("building the jail took too long", _INSTEAD) from None
    handed, peer = None, 0
    for _, kind, data in extras:
        if kind == socket.SCM_RIGHTS:
            handed = socket.socket(fileno=struct.unpack("i", data)[0])
        elif kind == socket.SCM_CREDENTIALS:
            peer = struct.unpack("3i", data)[0]
    return message, handed, peer


def _end(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.kill()
    process.wait()
