"""The whole of ``exeat.toml``.

Must not know: files, positions, behaviour.
"""

from __future__ import annotations

from typing import Literal

from exeat.config.tables.approval import ApprovalTable, ApproverTable
from exeat.config.tables.deviation import HoneytokenTable, RuleTable
from exeat.config.tables.identity import AgentTable, IdentityTable
from exeat.config.tables.mission import CeilingsTable, DestinationTable, MissionTemplateTable
from exeat.config.tables.place import AuditTable, IssuerTable, PolicyTable, StateTable, StoreTable, UpstreamTable
from exeat.config.tables.proxy import AdminTable, ListenerTable, ProxyTable
from exeat.config.tables.secrets import SecretsTable
from exeat.config.tables.service import ServiceTable
from exeat.config.values import Table


class Settings(Table):
    """The whole of ``exeat.toml``."""

    version: Literal[1] = 1
    proxy: ProxyTable = ProxyTable()
    listener: tuple[ListenerTable, ...] = ()
    admin: AdminTable = AdminTable()
    state: StateTable = StateTable()
    store: StoreTable = StoreTable()
    policy: PolicyTable = PolicyTable()
    audit: AuditTable = AuditTable()
    upstream: UpstreamTable = UpstreamTable()
    identity: IdentityTable = IdentityTable()
    issuer: IssuerTable = IssuerTable()
    secrets: SecretsTable = SecretsTable()
    ceilings: CeilingsTable = CeilingsTable()
    destination: tuple[DestinationTable, ...] = ()
    agent: tuple[AgentTable, ...] = ()
    service: tuple[ServiceTable, ...] = ()
    approval: ApprovalTable = ApprovalTable()
    approver: tuple[ApproverTable, ...] = ()
    mission_template: tuple[MissionTemplateTable, ...] = ()
    rule: tuple[RuleTable, ...] = ()
    honeytoken: tuple[HoneytokenTable, ...] = ()
