"""What every client script shares: which cell is asked, where to, and how the outcome is said.

A cell is a function that returns ``(status, text)``, or raises what its library raises; both are printed, since that is all
that a caller of this client could read.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

CELL = sys.argv[1]
HTTP2 = "h2" in sys.argv[2:]


def host(label: str) -> str:
    """The service's name, or in the cell ``origin_tls_error`` the one behind which a certificate nobody trusts is shown."""
    return f"{label}-rogue.example.test" if CELL == "origin_tls_error" else f"{label}.example.test"


API = f"https://{host('api')}"
KEY = os.environ["EXAMPLE_KEY"]
BEARER = {"Authorization": f"Bearer {KEY}"}
UPLOAD = Path(os.environ.get("CELL_UPLOAD", "/dev/null"))
READ = f"{API}/v1/refunds"
FORBIDDEN = f"{API}/v1/payouts"
STREAM = f"{API}/sse?n=5&interval=0.06"
UPLOADED = f"{API}/upload"
MOVED = f"{API}/redirect?to=https://evil.example.test/taken"
TIMES = 4
"""Calls in the cell ``keep_alive``."""

Outcome = tuple[int, Any]


def paced(pieces: Iterable[Any]) -> Outcome:
    """Read a streamed answer; say how many pieces came and over how long."""
    times = [time.monotonic() for piece in pieces if piece]
    return 200, pace(times)


def pace(times: list[float]) -> str:
    return f"pieces={len(times)} seconds={times[-1] - times[0]:.3f}" if times else "pieces=0 seconds=0"


def again(read: Callable[[], Outcome]) -> Callable[[], Outcome]:
    """The cell ``keep_alive``: the same call several times."""

    def repeated() -> Outcome:
        for _ in range(TIMES - 1):
            status, text = read()
            if status >= 300:
                return status, text
        return read()

    return repeated


def run(read: Callable[[], Outcome], **others: Callable[[], Outcome]) -> None:
    """Go through the cell that was asked for; ``read`` is also what is tried without a pass and at the rogue origin."""
    table = {"permit": read, "no_identity": read, "origin_tls_error": read, "keep_alive": again(read)} | others
    if CELL == "--cells":
        print(*sorted(table))
        return
    try:
        status, text = table[CELL]()
    except Exception as error:
        print("RAISED", f"{type(error).__module__}.{type(error).__name__}:", *_whole(error))
        sys.exit(1)
    print("ANSWERED", status, text)
    sys.exit(0 if status < 300 else 1)


def _whole(error: BaseException) -> list[str]:
    """The error's text and that of its causes and members: what a traceback of it shows."""
    texts = [str(error)]
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        texts += ["\n  because of", *_whole(before)]
    if isinstance(error, BaseExceptionGroup):
        texts += [text for member in error.exceptions for text in _whole(member)]
    return texts
