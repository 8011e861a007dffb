"""How a worker is doing, as figures.

Must not know: who asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from exeat.wiring.data_plane import DataPlane


def worker_status(data: DataPlane) -> Mapping[str, Any]:
    """How a worker is doing."""
    snapshot = data.worker.world.snapshot
    return {
        "snapshot": snapshot.version,
        "sessions": len(snapshot.sessions),
        "connections": len(data.worker.registry),
        "turned_away": data.worker.parts.quotas.turned_away,
        "tokens": dict(data.broker.stats()),
        "issuers": data.identities.refresher.status(),
    }
