"""The first lines of a started installation: where it listens, what it loaded, how to send the first request.

Must not know: anything that runs.
"""

from __future__ import annotations

import sys

from exeat.config.listeners import places
from exeat.wiring.common import Common


def say_hello(common: Common) -> None:
    """Print them to stderr."""
    settings, site = common.loaded.settings, common.site
    template = next(iter(site.templates), "TEMPLATE")
    agent = next(iter(site.agents.values()), None)
    name = agent.name if agent else "AGENT"
    counts = (
        f"{len(site.agents)} agents, {len(site.services.services)} services, {len(common.bundle.policies)} policies, "
        f"{len(site.ceilings.destinations)} destinations, {len(site.templates)} mission templates"
    )
    lines = [
        f"exeat: proxy on {', '.join(place.table.url for place in places(settings))}",
        f"exeat: admin on {settings.admin.listen}, token in {common.loaded.path(settings.admin.token_file)}",
        f"exeat: loaded {common.loaded.file.name}: {counts} ({common.version})",
        f"exeat: CA in {common.state / 'ca.pem'}",
        f"exeat: the first request: exeat run --mission {template} --agent {name} -- curl https://HOST/PATH",
    ]
    lines += [f"exeat: warning: {finding}" for finding in common.warnings]
    print("\n".join(lines), file=sys.stderr, flush=True)  # noqa: T201 the first lines are the interface
