"""One audit entry, before it is chained (DESIGN §7 lists the fields).

Must not know: hashing, files.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any


class RecordKind(StrEnum):
    """What a record is about."""

    DECISION = "decision"
    OUTCOME = "outcome"
    MISSION = "mission"
    ADMIN = "admin"
    ALERT = "alert"
    CHECKPOINT = "checkpoint"


class Sent(StrEnum):
    """What became of a permitted request. ``unknown``: bytes were handed over and no answer settled the matter."""

    SENT = "sent"
    NOT_SENT = "not_sent"
    UNKNOWN = "unknown"


Record = dict[str, Any]
"""A flat JSON object; the chain adds ``seq``, ``time``, ``chain``, ``prev`` and ``hash``."""
