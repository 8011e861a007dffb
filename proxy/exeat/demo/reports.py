"""What the SaaS reports, sorted by kind.

Must not know: how the SaaS was started, what its reports prove.
"""

from __future__ import annotations

import queue
import subprocess
import threading
from typing import Any, Final, cast

import orjson

Report = dict[str, Any]


class StageError(Exception):
    """Something of the stage itself failed; the message says what."""


class Reports:
    """Reads the SaaS's stdout in the background and asks it over stdin."""

    def __init__(self, saas: subprocess.Popen[str]) -> None:
        self._saas = saas
        self._kinds: Final[dict[str, queue.SimpleQueue[Report]]] = {
            kind: queue.SimpleQueue() for kind in ("ready", "count", "cut", "request")
        }
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in self._saas.stdout or ():
            if line.startswith("{"):
                report = orjson.loads(line)
                self._kinds[report["event"]].put(report)

    def next(self, kind: str, limit: float = 5) -> Report:
        """Return the next report of a kind; raise StageError when none comes within ``limit`` seconds."""
        try:
            return self._kinds[kind].get(timeout=limit)
        except queue.Empty:
            raise StageError(f"the SaaS reported no {kind!r} within {limit:g} s") from None

    def connections_elsewhere(self) -> int:
        """How many connections the destination nobody allowed has counted."""
        if self._saas.stdin is None:
            raise StageError("the SaaS can't be asked")
        self._saas.stdin.write("count\n")
        self._saas.stdin.flush()
        return cast("int", self.next("count")["connections"])

    def requests(self) -> list[Report]:
        """Return the requests reported since the last call; whatever was answered before the call is among them."""
        self.connections_elsewhere()  # its answer comes after everything reported before
        found = []
        while not self._kinds["request"].empty():
            found.append(self._kinds["request"].get())
        return found
