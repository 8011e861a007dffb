"""One process that serves agents and operators alike, put together.

Must not know: logic. What runs the result is ``serving``.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

from exeat.config.loading import Loaded
from exeat.enforcement.worker import Worker
from exeat.fleet.crew import Crew
from exeat.fleet.standing import Sole, Standing
from exeat.wiring.common import Common, prepare
from exeat.wiring.control_plane import ControlPlane, build_control_plane, build_standing, open_site_store
from exeat.wiring.data_plane import Asks, DataPlane, build_data_plane


@dataclass(frozen=True, slots=True)
class Assembly:
    """Everything that runs, put together."""

    common: Common
    data: DataPlane
    plane: ControlPlane
    crew: Crew
    standing: Standing

    @property
    def worker(self) -> Worker:
        """The one worker."""
        return self.data.worker

    @property
    def leased(self) -> bool:
        """Whether somebody else may change the store, so that the worker needs a lease."""
        return not isinstance(self.standing, Sole)


def build(loaded: Loaded, environ: Mapping[str, str] = os.environ, *, listen: bool = True) -> Assembly:
    """Put a whole worker together, ports bound and files open; raise StartError and its kin before anything is served.

    Without ``listen`` somebody else accepts the connections (stock mitmproxy).
    """
    common = prepare(loaded, environ, listen=listen)
    store = open_site_store(common)
    crew = Crew(common.clock, loaded.settings.store.lease)
    standing = build_standing(common, store, crew)
    plane = build_control_plane(common, store, crew, standing)
    data = build_data_plane(common, Asks(plane.usage, plane.first_requests, plane.issued, plane.refreshing))
    data.worker.parts.gate.deviations.report_to(plane.control)
    data.holding.desk = plane.desk.approvals
    return Assembly(common, data, plane, crew, standing)
