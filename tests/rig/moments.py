"""Two moments that revocation has to stand: a process that stands still, and an upload that is under way."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time

from rig.wire import tunnel


@contextlib.contextmanager
def stopped(pid):
    """A process stands still meanwhile."""
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGCONT)


def uploading(exeat, mission, origin):
    """A tunnel through which a large body is being sent, and what stops that."""
    wire = tunnel(exeat, mission)
    wire.send("POST /upload HTTP/1.1\r\nHost: api.example.test\r\nContent-Length: 500000000\r\n\r\n")
    stop = threading.Event()

    def feed():
        with contextlib.suppress(OSError):
            while not stop.is_set():
                wire.send(b"x" * 10_000)
                time.sleep(0.001)

    threading.Thread(target=feed, daemon=True).start()
    origin.wait_for()
    time.sleep(0.2)
    return wire, stop
