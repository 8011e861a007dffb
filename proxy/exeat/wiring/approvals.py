"""The desk of approvals with those it tells and hears.

Must not know: how a request is judged.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.approvals.desk import Approvals, Lives
from exeat.approvals.inbox import Inbox
from exeat.approvals.signing import key_of
from exeat.approvals.webhooks import Hook, Webhooks
from exeat.errors import StartError
from exeat.model.approval import Approver
from exeat.store import sqlite
from exeat.store.approvals import StoredApprovals
from exeat.store.store import Store
from exeat.trusted_http import TrustedClient
from exeat.wiring.common import Common


@dataclass(frozen=True, slots=True)
class Desk:
    """What people decide with."""

    approvals: Approvals
    inbox: Inbox
    webhooks: Webhooks


def build_desk(common: Common, store: Store) -> Desk:
    """Put it together; raise StartError when a group's secret can't be had or is too short."""
    settings, clock = common.loaded.settings, common.clock
    groups = {
        table.name: Approver(table.name, frozenset(table.members), table.needed, table.ask)
        for table in settings.approver
    }
    keys: dict[str, bytes] = {}
    for table in settings.approver:
        if table.secret is not None:
            keys[table.name] = key_of(common.sources.load(table.secret), f"approver {table.name}")
    if len(set(keys.values())) < len(keys):
        raise StartError(
            "two approvers have one webhook secret", "give each group its own: it speaks for its members alone"
        )
    hooks = {table.name: Hook(table.webhook, keys[table.name]) for table in settings.approver if table.webhook}
    webhooks = Webhooks(TrustedClient(common.tls), hooks, groups, clock)
    lives = Lives(settings.approval.pending, settings.approval.granted, settings.approval.denied)
    alone = settings.store.url.startswith(sqlite.PREFIX)  # then every answer is given here, and looking is for faults
    approvals = Approvals(
        StoredApprovals(store.runner),
        store,
        common.audit,
        clock,
        groups=groups,
        lives=lives,
        notify=webhooks.tell,
        look=10.0 if alone else 1.0,
    )
    return Desk(approvals, Inbox(keys, clock), webhooks)
