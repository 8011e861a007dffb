"""What of a changed configuration is taken over without a restart: agents, destinations and rules, validated whole.

The process that changes missions reads the file, once, and says what is in it; workers go by what they are told. Anything else
that changed is named, and needs a restart. Must not know: when to look, how workers are told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from exeat.config.loading import Loaded, load
from exeat.config.settings import Settings
from exeat.config.tables.deviation import RuleTable
from exeat.config.tables.identity import AgentTable
from exeat.credentials.fingerprints import build_table
from exeat.policy.bundle import Bundle, load_bundle
from exeat.wiring.common import Common
from exeat.wiring.data_plane import DataPlane
from exeat.wiring.identity import agent_index
from exeat.wiring.secrets import replaced_of
from exeat.wiring.site import Site, agents_in, ceilings_in, names_in, policy_folder, rules_in

RELOADED = ("agent", "destination", "rule")
"""The tables that are taken over."""
_TOLD = ("agent", "rule")
"""Those that workers are told of; ceilings reach them as they do when an admin changes them."""


@dataclass(frozen=True, slots=True)
class News:
    """A configuration as it can be from now on. ``bundle`` is None where policies may name what they could before."""

    loaded: Loaded
    site: Site
    bundle: Bundle | None

    def said(self) -> Mapping[str, Any]:
        """What a worker has to know of it."""
        settings = self.loaded.settings
        return {table: [each.model_dump(mode="json") for each in getattr(settings, table)] for table in _TOLD}


def read_news(common: Common) -> tuple[News, tuple[str, ...]]:
    """Read the file again: what can be taken over, and the tables that changed besides. Call it in a thread.

    Raise ConfigurationError or PolicyError when it doesn't hold together. What else is in it may be older than these tables:
    a template that names what is gone grants nothing by that.
    """
    found, running = load(common.loaded.file), common.loaded.settings
    settings = running.model_copy(update={table: getattr(found.settings, table) for table in RELOADED})
    others = [table for table in Settings.model_fields if table not in RELOADED]
    restart = tuple(table for table in others if getattr(found.settings, table) != getattr(running, table))
    return _news(common, settings), restart


def news_from(common: Common, said: Mapping[str, Any]) -> News:
    """What another process of this installation has read. Call it in a thread."""
    tables = {
        "agent": tuple(AgentTable.model_validate(each) for each in said["agent"]),
        "rule": tuple(RuleTable.model_validate(each) for each in said["rule"]),
    }
    return _news(common, common.loaded.settings.model_copy(update=tables))


def _news(common: Common, settings: Settings) -> News:
    loaded = replace(common.loaded, settings=settings)
    agents = agents_in(settings)
    site = replace(
        common.site,
        agents=agents,
        names=names_in(settings, agents.values()),
        rules=rules_in(settings),
        ceilings=ceilings_in(settings),
    )
    same = site.names == common.site.names
    return News(loaded, site, None if same else load_bundle(policy_folder(loaded), site.services.services, site.names))


def take_over(common: Common, news: News) -> None:
    """Let this process know the agents and rules as they are now; whoever holds its agents sees them change."""
    agents = common.site.agents
    agents.clear()
    agents.update(news.site.agents)
    common.loaded, common.bundle = news.loaded, news.bundle or common.bundle
    common.site = replace(news.site, agents=agents)


def take_over_in_worker(common: Common, data: DataPlane, news: News) -> None:
    """The same for a worker: who is who, placeholders, sessions and rules, in one step of its loop.

    Raise PolicyError when an open session doesn't fit; then all is as it was.
    """
    site, rules, snapshot = news.site, common.site.rules, data.worker.world.snapshot
    table = build_table(common.key, site.services.services, site.agents.values(), common.stored, replaced_of(common))
    engine, version = snapshot.engine, snapshot.version
    if news.bundle is not None:
        engine, version = news.bundle.engine, f"{news.bundle.version[:12]}.{version.rpartition('.')[2]}"
    data.worker.replace_agents(site.agents, engine, table, version)
    data.identities.prover.replace(agent_index(news.loaded.settings, site))
    if site.rules != rules:
        data.worker.parts.gate.deviations.watch.replace(site.rules)
    take_over(common, news)
