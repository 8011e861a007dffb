"""What others notice while somebody attacks: an agent of another mission that goes on asking."""

from __future__ import annotations

import threading
import time
from typing import Any, Self

from rig.proxy import Exeat
from rig.wire import ask


class Bystander:
    """Asks again and again on connections of its own, in a thread, as long as the ``with`` block lasts.

    Leaving it checks that every answer was a good one, that there were some, and that none took longer than ``limit``.
    """

    def __init__(self, exeat: Exeat, limit: float = 8.0, least: int = 3) -> None:
        self._exeat, self._limit, self._least = exeat, limit, least
        self._mission: dict[str, Any] = exeat.open(agent="report-bot")
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="bystander", daemon=True)
        self.seconds: list[float] = []
        self.statuses: list[int] = []
        self.fault: BaseException | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        deadline = time.monotonic() + 4 * self._limit
        while len(self.seconds) < self._least and self._thread.is_alive() and time.monotonic() < deadline:
            time.sleep(0.02)
        self._over.set()
        self._thread.join(2 * self._limit)
        if kind is None:
            assert self.fault is None, self.fault
            assert self.statuses, "nobody else was served"
            assert set(self.statuses) == {200}, self.statuses
            assert max(self.seconds) < self._limit, self.seconds

    def _ask(self) -> None:
        try:
            while not self._over.is_set():
                began = time.monotonic()
                self.statuses.append(ask(self._exeat, self._mission, "GET", "/v1/refunds").status)
                self.seconds.append(time.monotonic() - began)
                self._over.wait(0.01)
        except BaseException as fault:
            self.fault = fault
