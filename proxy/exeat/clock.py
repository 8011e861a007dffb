"""The system's clock behind the Clock port."""

from __future__ import annotations

import time
from typing import final


@final
class SystemClock:
    """Wall and monotonic time of this machine."""

    def time(self) -> float:
        """Seconds since the epoch, UTC."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()

    def boot(self) -> float:
        """Seconds since this machine started, its sleep included."""
        return time.clock_gettime(time.CLOCK_BOOTTIME)
