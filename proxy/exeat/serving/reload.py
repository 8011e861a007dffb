"""A changed configuration while it serves: every process takes it over, and missions of agents that aren't what they were end.

Also at a start, for what changed in between. Must not know: what is taken over, what a rule does.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, final

from exeat.deviation.events import Event, Subject
from exeat.deviation.watch import Watch
from exeat.errors import ExeatError, FindingsError
from exeat.fleet.crew import Crew
from exeat.model.deviation import When
from exeat.model.mission import Mission
from exeat.model.record import RecordKind
from exeat.wiring.common import Common
from exeat.wiring.registrations import changed, last_seen, registrations_in, write_down
from exeat.wiring.reload import News, read_news, take_over

if TYPE_CHECKING:
    from exeat.wiring.control_plane import ControlPlane

logger = logging.getLogger("exeat.reload")

_SLOW = 10.0
"""Seconds that a worker may take to read a file; then all of it is tried again."""


@final
class Reload:
    """Looks after the configuration file in the process that changes missions."""

    def __init__(self, common: Common, plane: ControlPlane, crew: Crew) -> None:
        self._common = common
        self._plane = plane
        self._crew = crew
        self._file = common.state / "agents.json"
        self._seen = self._last = self._signature()
        self._settled = False

    async def look(self) -> None:
        """Take over what changed; a file that doesn't hold together changes nothing. Call it about once a second.

        A file that has just changed may be half written, which could read like one with fewer agents: it is looked at when
        it is the same the next time.
        """
        signature = await asyncio.to_thread(self._signature)
        if signature not in (self._seen, ()) and signature == self._last:
            await self._take_over(signature)
        self._last = signature
        if not self._settled:
            await self._end_changed()

    async def begin(self) -> None:
        """End missions of agents that changed since this was last looked at; what fails is tried again by :meth:`look`."""
        with contextlib.suppress(ExeatError, OSError):
            await self._end_changed()

    async def _take_over(self, signature: tuple[int, ...]) -> None:
        try:
            news, restart = await asyncio.to_thread(read_news, self._common)
        except FindingsError as error:
            self._seen = signature
            logger.error("the changed configuration is refused, the old one stays:\n%s", error)  # noqa: TRY400 findings say it
            self._note("configuration_refused", {"findings": [str(finding) for finding in error.findings[:20]]})
            return
        if await asyncio.to_thread(self._signature) != signature:
            return  # changed while it was read
        await self._plane.destinations.configure(news.site.ceilings)
        async with asyncio.timeout(_SLOW):
            await self._crew.configure(news.said())
        take_over(self._common, news)
        self._settled, self._seen = False, signature
        self._tell(news, restart)

    async def _end_changed(self) -> None:
        """Have the rule ``agent_changed`` fire for each live mission of an agent that isn't what it was."""
        now = registrations_in(self._common.loaded.settings)
        before = await asyncio.to_thread(last_seen, self._file)
        different = changed(before or {}, now)
        if different:
            watch = Watch(self._common.site.rules, lambda: f"f_{secrets.token_hex(16)}")
            for mission in await self._plane.store.live():
                await self._end(watch, mission, different)
        if before != now:
            await asyncio.to_thread(write_down, self._file, now)
        self._settled = True

    async def _end(self, watch: Watch, mission: Mission, different: Mapping[str, tuple[str, ...]]) -> None:
        for name in mission.agents:
            key = f"{mission.environment}/{name}"
            if key not in different:
                continue
            trust_domain = self._common.loaded.settings.identity.trust_domain
            spiffe_id = f"spiffe://{trust_domain}/env/{mission.environment}/agent/{name}"
            subject = Subject(mission.id, name, spiffe_id, mission.environment, mission.template)
            event = Event((When.AGENT,), evidence={"agent": key, "changed": ", ".join(different[key])})
            for firing in watch.see(subject, event, self._common.clock.monotonic()):
                await self._plane.control.report(firing)

    def _signature(self) -> tuple[int, ...]:
        try:
            found = self._common.loaded.file.stat()
        except OSError:  # between an editor's two steps; what is there next is looked at
            return ()
        return (found.st_mtime_ns, found.st_size, found.st_ino)

    def _tell(self, news: News, restart: Sequence[str]) -> None:
        agents, rules = len(news.site.agents), len(news.site.rules)
        self._note("configuration_loaded", {"agents": agents, "rules": rules, "restart": list(restart)})
        needs = f"; restart to take over {', '.join(restart)}" if restart else ""
        logger.warning("configuration read again: %d agents, %d rules%s", agents, rules, needs)

    def _note(self, event: str, more: Mapping[str, Any]) -> None:
        with contextlib.suppress(ExeatError):
            self._common.audit.append({"kind": RecordKind.ADMIN, "event": event, "by": "exeat", **more})
