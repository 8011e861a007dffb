"""Where records go.

Must not know: any implementation.
"""

from __future__ import annotations

from typing import Protocol

from exeat.model.record import Record


class AuditSink(Protocol):
    """The write-ahead log."""

    def append(self, record: Record) -> None:
        """Chain and write one record before returning; raise RefusalError(AUDIT_UNAVAILABLE) when it can't be written."""
        ...
