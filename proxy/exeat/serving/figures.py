"""What the processes of an installation counted, put together for the metrics.

Must not know: how figures are shown.
"""

from __future__ import annotations

from exeat.counting import Counts, merge
from exeat.wiring.common import Common
from exeat.wiring.data_plane import DataPlane


def of_process(common: Common) -> Counts:
    """Of every process: its audit chain, the authority's end."""
    return {**common.audit.read(), "exeat_ca_expiry_timestamp_seconds": {(): common.authority.expires_at}}


def of_worker(common: Common, data: DataPlane) -> Counts:
    """Of a worker, and of the process it is."""
    snapshot = data.worker.world.snapshot
    return merge(
        [
            of_process(common),
            data.worker.parts.gate.tally.read(),
            data.broker.read(),
            data.passed.sightings.read(),
            {
                "exeat_policy_bundle_info": {(snapshot.version,): 1},
                "exeat_policy_reload_failures_total": {(): data.worker.refused_bundles},
                "exeat_active_missions": {(): len({view.mission.id for view in snapshot.sessions.values()})},
            },
        ]
    )
