"""The catalogue and the policies of a configuration, as the checking verbs need them.

Must not know: how findings are shown.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from exeat.errors import ConfigurationError, Finding

if TYPE_CHECKING:
    from exeat.config.loading import Loaded
    from exeat.services.index import ServiceIndex


def catalogue(loaded: Loaded) -> ServiceIndex:
    """Every service, built-in ones merged; raise ConfigurationError with all findings, each with its line."""
    from exeat.services.catalogue import build_catalogue

    try:
        return build_catalogue(loaded.settings.service)
    except ConfigurationError as error:
        raise ConfigurationError(loaded.locate(error.findings)) from None


def policy_findings(loaded: Loaded, services: ServiceIndex) -> tuple[Finding, ...]:
    """Everything there is to say about the policies; errors first."""
    from exeat.policy.check import check
    from exeat.policy.values import SchemaNames

    settings = loaded.settings
    names = SchemaNames(
        environments=frozenset(agent.environment for agent in settings.agent)
        | frozenset(service.environment for service in services.services),
        groups=frozenset(group for agent in settings.agent for group in agent.groups),
        templates=frozenset(template.name for template in settings.mission_template),
    )
    folder = None if settings.policy.path is None else loaded.path(settings.policy.path)
    return check(folder, services.services, names)


def template_findings(loaded: Loaded, services: ServiceIndex) -> tuple[Finding, ...]:
    """Operations in templates and ceilings that no service knows."""
    settings = loaded.settings
    written = [(f"ceilings.operations[{number}]", text) for number, text in enumerate(settings.ceilings.operations)]
    for index, template in enumerate(settings.mission_template):
        at = f"mission_template[{index}].operations"
        written += [(f"{at}[{number}]", text) for number, text in enumerate(template.operations)]
    findings = [
        Finding("", f"no service knows the operation {text!r}", field=field, fix="see exeat service list")
        for field, text in written
        if services.expand(text) is None
    ]
    return loaded.locate(findings)
