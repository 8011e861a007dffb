"""What the admin API can reach: values and callables that the composition root hands over.

Must not know: how any of it is done.
"""

from __future__ import annotations

import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from exeat.admin.login.provider import Provider
from exeat.admin.tokens import Tokens
from exeat.approvals.desk import Approvals
from exeat.approvals.inbox import Inbox
from exeat.counting import Counts
from exeat.migration.inventory import Inventory
from exeat.missions.control import MissionControl
from exeat.missions.destinations import Destinations
from exeat.missions.issued import Issued
from exeat.missions.traffic import TrafficTotals
from exeat.missions.uses import LastUses
from exeat.model.mission import Mission, MissionTemplate
from exeat.model.record import Record
from exeat.model.secret import Secret
from exeat.ports import AuditSink, Clock, Evaluate


@dataclass(frozen=True, slots=True)
class Places:
    """The admins' ceiling: who changes it, when its entries were used, and the templates that rely on it."""

    destinations: Destinations
    uses: LastUses
    templates: Mapping[str, MissionTemplate]


@dataclass(frozen=True, slots=True)
class AdminContext:
    """One installation as the API sees it.

    ``find_decision`` returns ``{"decision": record, "outcome": record or None}`` or None, and knows the id ``last``;
    ``query`` returns at most so many records, newest last, that equal every filter; with a hash only those before the record
    that has it. Both may read files: they are
    called in a thread. ``tokens`` are the callers beside the one in the file. ``ready`` says of each
    thing that has to hold for requests to be served whether it does; ``counts`` is what all processes counted. ``url`` is where
    people reach the API, ``login`` where they log in. ``live`` are the missions that haven't ended; ``follow`` yields records
    as they are written, in a thread, until its event is set.
    """

    control: MissionControl
    issued: Issued
    approvals: Approvals
    inbox: Inbox
    token: Secret
    tokens: Tokens
    audit: AuditSink
    clock: Clock
    find_decision: Callable[[str], Mapping[str, Any] | None]
    query: Callable[[Mapping[str, str], int, str | None], Sequence[Mapping[str, Any]]]
    services: Callable[[], Sequence[Mapping[str, Any]]]
    status: Callable[[], Mapping[str, Any]]
    ready: Callable[[], Awaitable[Mapping[str, bool]]]
    counts: Callable[[], Awaitable[Counts]]
    evaluate: Evaluate
    url: str
    jwks: Callable[[], Mapping[str, Any]]
    places: Places
    traffic: TrafficTotals
    inventory: Inventory
    live: Callable[[], Awaitable[Sequence[Mission]]]
    follow: Callable[[threading.Event], Iterator[Record]]
    pending_approvals: Callable[[], Awaitable[int]] | None = None
    login: Provider | None = None
