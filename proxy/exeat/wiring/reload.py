"""What of a changed configuration is taken over without a restart: agents and rules, validated whole.

Anything else that changed is named, and needs one. Must not know: when to look, who else has to hear of it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from exeat.config.checks import cross_check
from exeat.config.fields import name
from exeat.config.loading import Loaded, load
from exeat.config.settings import Settings
from exeat.credentials.fingerprints import build_table
from exeat.errors import ConfigurationError, Finding
from exeat.policy.bundle import Bundle, load_bundle
from exeat.wiring.common import Common
from exeat.wiring.data_plane import DataPlane
from exeat.wiring.identity import agent_index
from exeat.wiring.site import Site, agents_in, names_in, policy_folder, rules_in

RELOADED = ("agent", "rule")
"""The tables that are taken over."""


@dataclass(frozen=True, slots=True)
class News:
    """A configuration as it can be from now on. ``restart`` are the tables that changed besides."""

    loaded: Loaded
    site: Site
    bundle: Bundle
    restart: tuple[str, ...]


def read_news(common: Common) -> News:
    """Read the file again; takes a moment, so call it in a thread.

    Raise ConfigurationError or PolicyError when it doesn't hold together, also when it does only with what needs a restart.
    """
    found, running = load(common.loaded.file), common.loaded.settings
    settings = running.model_copy(update={table: getattr(found.settings, table) for table in RELOADED})
    problems = [
        Finding(str(found.file), problem.message, field=name(problem.path), fix="restart, to take over all of the file")
        for problem in cross_check(settings)
    ]
    if problems:
        raise ConfigurationError(problems)
    loaded = replace(common.loaded, settings=settings)
    agents = agents_in(settings)
    site = replace(common.site, agents=agents, names=names_in(settings, agents.values()), rules=rules_in(settings))
    bundle = load_bundle(policy_folder(loaded), site.services.services, site.names)
    others = [table for table in Settings.model_fields if table not in RELOADED]
    restart = tuple(table for table in others if getattr(found.settings, table) != getattr(running, table))
    return News(loaded, site, bundle, restart)


def take_over(common: Common, news: News) -> None:
    """Let this process know the agents and rules as they are now; whoever holds its agents sees them change."""
    agents = common.site.agents
    agents.clear()
    agents.update(news.site.agents)
    common.loaded, common.bundle = news.loaded, news.bundle
    common.site = replace(news.site, agents=agents)


def take_over_in_worker(common: Common, data: DataPlane, news: News) -> None:
    """The same for a worker: who is who, placeholders, sessions and rules, in one step of its loop.

    Raise PolicyError when an open session doesn't fit; then all is as it was.
    """
    site, rules = news.site, common.site.rules
    table = build_table(common.key, site.services.services, site.agents.values(), common.stored)
    version = f"{news.bundle.version[:12]}.{data.worker.world.snapshot.version.rpartition('.')[2]}"
    data.worker.replace_agents(site.agents, news.bundle.engine, table, version)
    data.identities.prover.replace(agent_index(news.loaded.settings, site))
    if site.rules != rules:
        data.worker.parts.gate.deviations.watch.replace(site.rules)
    take_over(common, news)
