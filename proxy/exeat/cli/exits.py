"""Exit codes (DESIGN §7). They keep their meaning for ever.

Must not know: which verb ends with which.
"""

from __future__ import annotations

from enum import IntEnum
from typing import Final


class Exit(IntEnum):
    """How a verb ended."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    POLICY_INVALID = 3
    NOT_AUTHENTICATED = 4
    DENIED = 5
    UNAVAILABLE = 6
    RUN_FAILED = 125
    """``run`` failed before the command started; as env(1), timeout(1) and docker-run(1) do."""
    NOT_EXECUTABLE = 126
    NOT_FOUND = 127
    """``run`` found no such command; POSIX XCU 2.8.2."""


SIGNALLED: Final = 128
"""Added to the number of the signal that ended it, as shells do."""

HELP: Final = (
    "Exit codes: 0 done, 1 findings or failed, 2 usage or configuration, 3 policy invalid, 4 not authenticated, "
    "5 denied, 6 store, audit or admin API unavailable. 'run' returns its command's code, 125 when Exeat failed "
    "before it started."
)


class ChildEndedError(Exception):
    """Not an error of ours: ``run`` ends with its command's own code, whatever that means."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code
