"""A command run in its own process group: signals passed on, the terminal handed over and taken back.

Must not know: missions.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from types import FrameType
from typing import TYPE_CHECKING, Self

from exeat.cli.exits import SIGNALLED, Exit

if TYPE_CHECKING:
    from exeat.jail.launch import Jail

_FORWARDED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGUSR1,
    signal.SIGUSR2,
    signal.SIGWINCH,
    signal.SIGCONT,
)
_ENDING = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


class Child:
    """One command. As a context it holds signals from its first line to its last, so that what follows always runs.

    A signal that comes before the command starts is kept: ``pending`` then says that it should not start any more.
    """

    def __init__(self) -> None:
        self.pending: int | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._group = 0
        self._before: dict[int, object] = {}
        self._terminal = sys.stdin.fileno() if _is_terminal() else None

    def __enter__(self) -> Self:
        self._before = {number: signal.signal(number, self._received) for number in _FORWARDED}
        # We are in the background while the command has the terminal; taking it back must not stop us.
        self._before[signal.SIGTTOU] = signal.signal(signal.SIGTTOU, signal.SIG_IGN)
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)  # type: ignore[arg-type]

    def _received(self, number: int, _frame: FrameType | None) -> None:
        if self._process is not None and self._process.returncode is None:
            self._send(number)
        elif number in _ENDING:
            self.pending = number

    def _send(self, number: int) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._group, number)

    def run(self, command: Sequence[str], environment: Mapping[str, str], jail: Jail | None = None) -> int:
        """Run the command to its end and return its code, 128 + n when signal n ended it, 126 or 127 when it can't run.

        With a jail the process that is waited for stands for the command, which has a group of its own inside.
        """
        try:
            if jail is not None:
                self._process, self._group = jail.start(command, environment)
            else:
                self._process = subprocess.Popen(list(command), env=dict(environment), process_group=0)  # noqa: S603 the user's own command
                self._group = self._process.pid
        except FileNotFoundError:
            return Exit.NOT_FOUND
        except OSError:
            return Exit.NOT_EXECUTABLE
        if self.pending is not None:
            self._send(self.pending)
        self._foreground(self._group)
        if jail is not None:
            jail.go()
        else:
            self._send(signal.SIGCONT)  # it may have asked for the terminal before it had it
        while True:
            _, status = os.waitpid(self._process.pid, os.WUNTRACED)
            if not os.WIFSTOPPED(status):
                break
            self._foreground(os.getpgrp())
            os.kill(os.getpid(), signal.SIGSTOP)  # stop as it stopped, and go on together
            self._foreground(self._group)
            with suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGCONT)
            self._send(signal.SIGCONT)
        self._foreground(os.getpgrp())
        code = os.waitstatus_to_exitcode(status)
        self._process.returncode = code
        return SIGNALLED - code if code < 0 else code

    def _foreground(self, group: int) -> None:
        if self._terminal is not None:
            with suppress(OSError):
                os.tcsetpgrp(self._terminal, group)


def _is_terminal() -> bool:
    try:
        return os.isatty(sys.stdin.fileno()) and os.tcgetpgrp(sys.stdin.fileno()) == os.getpgrp()
    except (OSError, ValueError):
        return False
