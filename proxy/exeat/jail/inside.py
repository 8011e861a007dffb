"""The jail from inside: a warden that waits, an init that sweeps, and the command.

Run by an interpreter of its own, isolated and without site packages, so that nothing of Exeat's is in its memory:
``inside.py DESCRIPTOR PLAN COMMAND…``. Only the standard library. Must not know: missions, the proxy.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
from collections.abc import Sequence
from ipaddress import ip_address
from typing import Final, NoReturn

from exeat.jail.entering import check_standard_streams, enter
from exeat.jail.kernel import PR_SET_DUMPABLE, PR_SET_PDEATHSIG, drop_bounding_set, prctl
from exeat.jail.lo import listen
from exeat.jail.lock import lock
from exeat.jail.mounts import isolate, socket_files
from exeat.jail.plan import FAILED, GO, READY, JailError, Plan

_SIGNALLED: Final = 128
_NOT_BUILT, _NOT_EXECUTABLE, _NOT_FOUND = 125, 126, 127


def main(arguments: Sequence[str]) -> NoReturn:
    """Build the jail and run the command in it; exit with its code, 128 + n for a signal."""
    control = socket.socket(fileno=int(arguments[0]))
    control.set_inheritable(False)
    code = _NOT_BUILT
    try:
        code = _warden(control, Plan.read(arguments[1]), arguments[2:])
    except JailError as error:
        _report(control, str(error), error.fix)
    except OSError as error:
        _report(control, f"{error.filename or 'the kernel'}: {error.strerror}", "")
    except Exception as error:  # noqa: BLE001 whatever it was, the command doesn't run
        _report(control, f"unexpected {type(error).__name__}", "")
    os._exit(code)


def _report(control: socket.socket, what: str, fix: str) -> None:
    control.send(FAILED + json.dumps({"what": what, "fix": fix}).encode())


def _warden(control: socket.socket, plan: Plan, command: Sequence[str]) -> int:
    """The process outside the process namespace: enter, start init, wait. Nothing inside can name it."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    check_standard_streams()
    sockets = socket_files()
    user = plan.become or (os.getuid(), os.getgid())
    enter(as_root=plan.become is not None)
    with listen(plan.host, plan.port) as listener:
        socket.send_fds(control, [b"listener"], [listener.fileno()])
    init = os.fork()
    if init == 0:
        _init(control, plan, command, sockets, user, sigint_ignored=ignored)
    control.close()
    if plan.become is not None:
        _become(*plan.become)  # so that init may stop it, and be seen to have stopped
    prctl(PR_SET_DUMPABLE, 0)
    prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    while True:
        try:
            _, status = os.waitpid(init, 0)
        except InterruptedError:
            continue
        code = os.waitstatus_to_exitcode(status)
        return _SIGNALLED - code if code < 0 else code


def _become(user: int, group: int) -> None:
    os.setgroups([])
    os.setresgid(group, group, group)
    os.setresuid(user, user, user)


def _init(
    control: socket.socket,
    plan: Plan,
    command: Sequence[str],
    sockets: Sequence[str],
    user: tuple[int, int],
    *,
    sigint_ignored: bool,
) -> NoReturn:
    """Process 1 of the jail: build the view, lock, start the command, reap until it has ended. All others end with it."""
    code = _NOT_BUILT
    try:
        name = "" if _is_address(plan.host) else plan.host
        try:
            isolate(sockets, plan.hidden, plan.shown, name, user)
        except PermissionError as error:
            raise JailError(
                f"{error.filename}: {error.strerror}",
                "a container that covers parts of /proc allows no other: put the agent on an internal network instead",
            ) from None
        drop_bounding_set()
        if plan.become is not None:
            _become(*plan.become)
        lock()
        prctl(PR_SET_DUMPABLE, 0)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        _check_readable(plan.shown)
        if plan.probe:
            control.send(READY)
            os._exit(0)
        child = os.fork()
        if child == 0:
            _command(control, command, sigint_ignored=sigint_ignored)
        control.close()
        code = _reap(child)
    except JailError as error:
        _report(control, str(error), error.fix)
    except OSError as error:
        _report(control, f"{error.filename or 'the kernel'}: {error.strerror}", "")
    finally:
        os._exit(code)


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return host == "localhost"
    return True


def _check_readable(shown: Sequence[str]) -> None:
    for path in shown:
        if not os.access(path, os.R_OK):
            raise JailError(
                f"{path} can't be read by user {os.getuid()}: no client would trust Exeat's certificates",
                "let that user pass through the folders above it: chmod o+x FOLDER",
            )


def _reap(command: int) -> int:
    while True:
        child, status = os.waitpid(-1, os.WUNTRACED)
        if child != command:
            continue
        if os.WIFSTOPPED(status):
            os.kill(0, signal.SIGSTOP)  # the warden stops, and so the one who waits for it; init itself can't be
            continue
        code = os.waitstatus_to_exitcode(status)
        return _SIGNALLED - code if code < 0 else code


def _command(control: socket.socket, command: Sequence[str], *, sigint_ignored: bool) -> NoReturn:
    """Become the command, in a process group of its own, once the one outside says so."""
    try:
        os.setpgid(0, 0)
        signal.signal(signal.SIGINT, signal.SIG_IGN if sigint_ignored else signal.SIG_DFL)
        for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them for itself
            signal.signal(number, signal.SIG_DFL)
        control.send(READY)
        if control.recv(16) != GO:
            os._exit(_NOT_BUILT)
        os.execvp(command[0], list(command))  # noqa: S606 the user's own command
    except FileNotFoundError:
        os._exit(_NOT_FOUND)
    except OSError:
        os._exit(_NOT_EXECUTABLE)


if __name__ == "__main__":
    main(sys.argv[1:])
