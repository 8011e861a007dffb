"""What is looked after while an installation serves: ends that are due, changed policies, keys, the audit, certificates.

Must not know: how many processes there are.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable, Coroutine, Iterable, Mapping
from typing import TYPE_CHECKING, Any, final

from exeat.errors import ExeatError, PolicyError
from exeat.identity.refresh import TICK as ISSUER_TICK
from exeat.model.record import RecordKind
from exeat.policy.bundle import folder_signature, load_bundle
from exeat.wiring.common import Common
from exeat.wiring.data_plane import DataPlane
from exeat.wiring.site import policy_folder

if TYPE_CHECKING:
    from exeat.wiring.control_plane import ControlPlane  # a worker process has none, and starts sooner without

logger = logging.getLogger("exeat")

_EXPIRY_TICK = 0.25
"""How late an open stream of an expired mission may be cut, in seconds; new requests are refused to the moment."""
_LEASE_TICK = 0.05
"""How late an open stream may be cut after that."""
_SWEEP = 5.0
"""How late a question that lapsed is written down as over; it can't be answered from the moment on."""
TRAFFIC_TICK = 1.0
"""How often a worker says what passed it."""
_STRANDED = 20.0
"""How late a token is ended whose worker or replica was killed before its mission ended."""
_DESTINATIONS = 5.0
"""How often the destinations are read again, should a change of them have been carried through in part."""
_USES = 60.0
"""How much of the destinations' last uses a crash may cost."""
_CREDENTIALS = 5.0
"""How much of the counts of credentials a crash may cost, and how late an alert may be recorded."""
_TIDY = 3600.0
"""How often what is too old is dropped."""
_CHECKPOINT = 60.0
"""How often the audit is forced to the disk and signed."""

Work = Callable[[], Coroutine[Any, Any, Any]]
Chore = tuple[float, str, Work]
"""Every so many seconds, what it is called, what is done."""


@final
class Chores:
    """Work that is done again and again."""

    def __init__(self) -> None:
        self._tasks: list[asyncio.Task[None]] = []

    def start(self, chores: Iterable[Chore]) -> None:
        """Begin with each after its first pause."""
        self._tasks += [asyncio.create_task(every(seconds, what, work)) for seconds, what, work in chores]

    async def stop(self) -> None:
        """End all of them."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)


async def every(seconds: float, what: str, work: Work) -> None:
    """Do something again and again; a failure is logged and tried again, never fatal."""
    while True:
        await asyncio.sleep(seconds)
        try:
            await work()
        except ExeatError as error:
            logger.error("%s failed; trying again: %s", what, error)  # noqa: TRY400 it says what is wrong
        except Exception:
            logger.exception("%s failed; trying again", what)


def lease_watch(common: Common, data: DataPlane) -> Chore:
    """Cut what is open when a lease that has run out stays away for another one."""
    lease = common.loaded.settings.store.lease

    async def look() -> None:
        data.worker.look_at_lease(lease)

    return _LEASE_TICK, "lease", look


def of_control(plane: ControlPlane) -> list[Chore]:
    """What one process of an installation does for all."""
    return [
        (_EXPIRY_TICK, "expiry", _expiry(plane)),
        (_SWEEP, "approvals", plane.desk.approvals.sweep),
        (_STRANDED, "stranded tokens", plane.issued.sweep),
        (_DESTINATIONS, "destinations", plane.destinations.refresh),
        (_USES, "last uses", plane.uses.flush),
        (_CREDENTIALS, "credentials' uses", plane.inventory.flush),
        (_TIDY, "old uses", plane.inventory.tidy),
    ]


def of_worker(common: Common, data: DataPlane) -> list[Chore]:
    """What every worker does for itself."""
    return [
        (_EXPIRY_TICK, "destinations' expiry", _destinations_expiry(common, data)),
        (common.loaded.settings.policy.reload, "policy reload", _policy_watch(common, data)),
        (ISSUER_TICK, "issuers' keys", data.identities.refresher.refresh_due),
        (_CHECKPOINT, "tokens shown", _compact(data)),
        (_CHECKPOINT, "certificate renewal", _certificates(data)),
    ]


def of_process(common: Common, *, leads: bool) -> list[Chore]:
    """What every process does for itself; the one that ``leads`` replaces keys that are due, and the others follow."""
    return [(_CHECKPOINT, "audit checkpoint", _checkpoint(common)), (_CHECKPOINT, "keys", _keys(common, leads=leads))]


def _expiry(plane: ControlPlane) -> Work:
    """End what has run out, in time or in budget, and what does nothing; the store is asked only when something may be due."""

    async def look() -> None:
        if plane.control.is_due():
            await plane.control.expire_due()
        await plane.control.end_unused()

    return look


def _destinations_expiry(common: Common, data: DataPlane) -> Work:
    """Cut what still goes to a destination whose entry has expired."""

    async def look() -> None:
        gone, cut = data.worker.leave_lost()
        for pattern in gone:
            _note(common, "destination_expired", {"destination": str(pattern), "connections_cut": cut})

    return look


def _policy_watch(common: Common, data: DataPlane) -> Work:
    """Hot reload: a changed folder is loaded and validated whole in a thread, then swapped; or the old bundle stays."""
    folder = policy_folder(common.loaded)
    seen = folder_signature(folder) if folder is not None else ""

    async def look() -> None:
        nonlocal seen
        if folder is None:
            return
        signature = await asyncio.to_thread(folder_signature, folder)
        if signature == seen:
            return
        seen = signature
        site = common.site
        world = data.worker.world
        try:
            bundle = await asyncio.to_thread(load_bundle, folder, site.services.services, site.names)
            version = f"{bundle.version[:12]}.{world.snapshot.version.rpartition('.')[2]}"
            data.worker.replace_engine(bundle.engine, site.services, version)
        except PolicyError as error:
            data.worker.refused_bundles += 1
            logger.error("the changed policies are refused, the old ones stay:\n%s", error)  # noqa: TRY400 findings say it
            _note(common, "policy_refused", {"findings": [str(finding) for finding in error.findings[:20]]})
            return
        _note(common, "policy_loaded", {"policies_loaded": len(bundle.policies), "snapshot": version})
        print(f"exeat: policies reloaded, {len(bundle.policies)} in force ({version})", file=sys.stderr)  # noqa: T201

    return look


def _note(common: Common, event: str, more: Mapping[str, Any]) -> None:
    with contextlib.suppress(ExeatError):
        common.audit.append({"kind": RecordKind.ADMIN, "event": event, "by": "exeat", **more})


def _checkpoint(common: Common) -> Work:
    async def checkpoint() -> None:
        await asyncio.to_thread(common.audit.checkpoint)

    return checkpoint


def _keys(common: Common, *, leads: bool) -> Work:
    async def keys() -> None:
        for ring in (common.token_keys, common.pass_keys):
            await asyncio.to_thread(ring.rotate_if_due if leads else ring.follow)

    return keys


def _compact(data: DataPlane) -> Work:
    async def compact() -> None:
        data.identities.replays.compact()

    return compact


def _certificates(data: DataPlane) -> Work:
    async def renew() -> None:
        await asyncio.to_thread(data.worker.renew_certificates)

    return renew
