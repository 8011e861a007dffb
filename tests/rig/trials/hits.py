"""Processes killed and stopped at random moments, while trials go on.

Must not know: trials.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from contextlib import suppress
from typing import Self

from rig.trials.site import Site


class Hits:
    """Hits one process about every ``every`` seconds: SIGKILL, or SIGSTOP and within ``longest`` seconds SIGCONT."""

    def __init__(self, site: Site, every: float, rng: random.Random, *, longest: float = 1.5) -> None:
        self._site, self._every, self._rng, self._longest = site, every, rng, longest
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="hits", daemon=True)
        self._spans: list[tuple[float, float]] = []
        self.killed = self.stopped = 0

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(10)

    def between(self, begin: float, end: float) -> bool:
        """Whether anything was hit, or stood still, in that time."""
        return any(start < end and begin < stop for start, stop in list(self._spans))

    def wait_for_all_to_go_on(self, moment: float) -> None:
        """Return once no process is stopped that was stopped at a moment, and a little later."""
        while any(start <= moment and time.monotonic() < stop + 0.1 for start, stop in list(self._spans)):
            time.sleep(0.02)

    def _run(self) -> None:
        while not self._over.wait(self._rng.uniform(0, 2 * self._every)):
            self._site.revive()  # a process just killed may not have been gone yet when it was looked at
            if self._site.is_whole() and (victims := self._site.processes()):  # else nobody would be there to be asked
                self._hit(self._rng.choice(victims))

    def _hit(self, victim: int) -> None:
        now = time.monotonic()
        with suppress(ProcessLookupError):
            if self._rng.random() < 0.5:
                self._spans.append((now, now + 0.5))
                os.kill(victim, signal.SIGKILL)
                self.killed += 1
                for each in self._site.installations:
                    each.lossy = True
                self._site.revive()
                return
            seconds = self._rng.uniform(0.1, self._longest)
            self._spans.append((now, now + seconds + 0.1))
            os.kill(victim, signal.SIGSTOP)
            self.stopped += 1
            try:
                time.sleep(seconds)
            finally:
                os.kill(victim, signal.SIGCONT)
