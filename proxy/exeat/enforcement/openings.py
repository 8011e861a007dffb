"""Missions that open by themselves at the first request of an agent that proved who it is.

Which template that is follows from the configuration and the way in; the agent chooses nothing. Must not know: how a mission is
opened, ceilings, any engine.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import final

from exeat.decision.destinations import in_mission
from exeat.decision.normalize import normalize
from exeat.enforcement.identified import Identity
from exeat.errors import RefusalError
from exeat.identity.prove import Proven
from exeat.identity.shown import Evidence, Way
from exeat.model.decision import Deny
from exeat.model.mission import MissionTemplate
from exeat.model.reason import Reason
from exeat.model.request import WireRequest
from exeat.ports import Opener

_ENOUGH = frozenset({Evidence.JWT, Evidence.SVID, Evidence.ADDRESS, Evidence.LISTENER})
"""What proves an agent for this. A pass names a mission that somebody opened; a placeholder is worthless by design."""

Opening = Callable[[], Awaitable[Deny | None]]
"""Opens a mission, or says why not; never raises an Exception."""


@final
class Openings:
    """The templates that open on request."""

    def __init__(self, templates: Iterable[MissionTemplate], opener: Opener) -> None:
        self._templates = {template.name: template for template in templates if template.on_request}
        self._opener = opener

    def template_for(self, proven: Proven, way: Way) -> str:
        """The one template that would open for an agent without a mission, or ``""``: none fits, or more than one."""
        if not self._templates or not _ENOUGH.intersection(proven.kinds):
            return ""
        fits = [
            name
            for name, template in self._templates.items()
            if way.template in ("", name) and (not template.agents or proven.name in template.agents)
        ]
        return fits[0] if len(fits) == 1 else ""

    def opening(self, identity: Identity, wire: WireRequest) -> Opening | None:
        """How a mission for this request is opened, if one is: only for a request to where it would lead."""
        template = self._templates.get(identity.opens)
        if template is None or identity.settled:
            return None
        request = normalize(wire)
        if isinstance(request, Deny) or not in_mission(template.destinations, request.host, request.port):
            return None
        return lambda: self._open(template.name, identity)

    async def _open(self, template: str, identity: Identity) -> Deny | None:
        try:
            await self._opener.open(template, identity.spiffe_id, identity.evidence)
        except RefusalError as error:
            return Deny(error.reason, detail=error.detail)
        except Exception as error:  # noqa: BLE001 whatever it is, no mission is open
            return Deny(Reason.STATE_STALE, detail=f"no mission could be opened: {type(error).__name__}")
        return None
