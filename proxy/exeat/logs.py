"""What the log of a serving process may say: our own words, and of an exception no text that could be a secret (matrix M08).

Libraries quote what they choke on. Frames are shown as they are; in what an exception or asyncio says,
whatever could be a credential is covered. Must not know: who logs.
"""

from __future__ import annotations

import logging
import re
import sys
import traceback
from types import TracebackType
from typing import override

_COULD_BE_SECRET = re.compile(r"[A-Za-z0-9_+/=.~%\\-]{16,}")


def covered(text: str) -> str:
    """The text without whatever could be a credential: sixteen characters or more without a space, a digit among them."""
    return _COULD_BE_SECRET.sub(lambda run: "***" if any(map(str.isdigit, run[0])) else run[0], text)


class CoveringFormatter(logging.Formatter):
    """Formats a record as usual, its exception with its texts covered."""

    @override
    def formatException(
        self, ei: tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]
    ) -> str:
        """The traceback, causes first; only what exceptions say of themselves is covered."""
        told: list[str] = []
        error = ei[1]
        while error is not None:
            frames = "".join(traceback.format_tb(error.__traceback__))
            told.append(frames + covered("".join(traceback.format_exception_only(error))))
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "".join(f"Traceback (most recent call last):\n{each}" for each in reversed(told)).rstrip("\n")


def set_up() -> None:
    """Our own handlers only: mitmproxy's and asyncio's loggers quote what agents sent."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(CoveringFormatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING)
    logging.getLogger("mitmproxy").disabled = True
    logging.getLogger("asyncio").addFilter(_cover)
    logging.getLogger("exeat").setLevel(logging.WARNING)


def _cover(record: logging.LogRecord) -> bool:
    """Cover what asyncio says: it shows callbacks with their arguments."""
    record.msg, record.args = covered(record.getMessage()), None
    return True
