"""What the configuration alone says, as values.

Must not know: anything that runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from exeat.config.loading import Loaded
from exeat.config.settings import Settings
from exeat.config.tables.deviation import RuleTable
from exeat.config.tables.mission import MissionTemplateTable
from exeat.deviation.rules import BUILT_IN
from exeat.errors import ConfigurationError
from exeat.model.destination import DestinationPattern
from exeat.model.deviation import Rule
from exeat.model.identity import Agent
from exeat.model.mission import AllowedDestination, Ceilings, MissionTemplate
from exeat.policy.bundle import SchemaNames
from exeat.services.catalogue import build_catalogue
from exeat.services.index import ServiceIndex


@dataclass(frozen=True, slots=True)
class Site:
    """What the configuration alone says."""

    agents: dict[str, Agent]
    """By Agent.key. One object for all who hold it: a reload changes what is in it."""
    templates: Mapping[str, MissionTemplate]
    ceilings: Ceilings
    services: ServiceIndex
    names: SchemaNames
    rules: tuple[Rule, ...] = ()


def read_site(loaded: Loaded) -> Site:
    """Turn the settings into values; raise ConfigurationError, with file and line, for services that don't hold together."""
    settings: Settings = loaded.settings
    agents = agents_in(settings)
    try:
        services = build_catalogue(settings.service)
    except ConfigurationError as error:
        raise ConfigurationError(loaded.locate(error.findings)) from None
    return Site(
        agents,
        {table.name: _template(table) for table in settings.mission_template},
        ceilings_in(settings),
        services,
        names_in(settings, agents.values()),
        rules_in(settings),
    )


def agents_in(settings: Settings) -> dict[str, Agent]:
    """Every agent by its key."""
    trust_domain = settings.identity.trust_domain
    agents = [Agent(table.name, table.environment, trust_domain, frozenset(table.groups)) for table in settings.agent]
    return {agent.key: agent for agent in agents}


def ceilings_in(settings: Settings) -> Ceilings:
    """What no mission may exceed."""
    allowed = tuple(
        AllowedDestination(
            DestinationPattern.parse(table.host, table.port), table.owner, table.reason, table.expires, table.ticket
        )
        for table in settings.destination
    )
    own = settings.ceilings
    return Ceilings(allowed, own.operations, own.longest_life, own.budget.value())


def names_in(settings: Settings, agents: Iterable[Agent]) -> SchemaNames:
    """What policies may name."""
    every = tuple(agents)
    return SchemaNames(
        environments=frozenset(agent.environment for agent in every)
        | frozenset(table.environment for table in settings.service),
        groups=frozenset(group for agent in every for group in agent.groups),
        templates=frozenset(table.name for table in settings.mission_template),
        approvers=frozenset(table.name for table in settings.approver),
    )


def rules_in(settings: Settings) -> tuple[Rule, ...]:
    """The site's own rules."""
    return tuple(rule_of(table) for table in settings.rule)


def rule_of(table: RuleTable) -> Rule:
    """A rule as it is written; what isn't written is as in the built-in rule of its kind."""
    usual = next(rule for rule in BUILT_IN if rule.when is table.when)
    return replace(
        usual,
        name=table.name,
        then=table.then,
        window=usual.window if table.window is None else table.window,
        count=usual.count if table.count is None else table.count,
        codes=frozenset(table.codes),
        factor=usual.factor if table.factor is None else table.factor,
        floor=usual.floor if table.floor is None else table.floor,
        template=table.template or "",
        agent=table.agent or "",
        environment=table.environment or "",
    )


def _template(table: MissionTemplateTable) -> MissionTemplate:
    return MissionTemplate(
        name=table.name,
        destinations=tuple(DestinationPattern.parse(text, 443) for text in table.destinations),
        operations=table.operations,
        ttl=table.ttl,
        agents=table.agents,
        purpose=table.purpose,
        owner=table.owner,
        read_only=table.read_only,
        labels=table.labels,
        models=table.models,
        idle=table.idle,
        budget=table.budget.value(),
        on_request=table.on_request,
    )


def policy_folder(loaded: Loaded) -> Path | None:
    """Where the site's policies lie, if it has any."""
    path = loaded.settings.policy.path
    return None if path is None else loaded.path(path)


def describe_services(services: ServiceIndex) -> list[dict[str, Any]]:
    """The catalogue for the admin API."""
    return [
        {
            "name": service.name,
            "hosts": list(service.hosts),
            "sensitivity": service.sensitivity,
            "issuer": service.issuer.kind if service.issuer else None,
            "retire_by": service.shared.retire_by if service.shared else None,
            "operations": sorted({f"{service.name}:{operation.action}" for operation in service.operations}),
        }
        for service in services.services
    ]
