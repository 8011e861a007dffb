"""How an agent is told to connect: proxy, CA, placeholders.

Must not know: anything that runs.
"""

from __future__ import annotations

from pathlib import Path

from exeat.config.endpoints import Listener
from exeat.credentials.fingerprints import placeholder
from exeat.missions.opened import ConnectionInfo
from exeat.model.identity import Agent
from exeat.wiring.site import Site


def connection_info(site: Site, state: Path, key: bytes, address: Listener) -> ConnectionInfo:
    """What every opened mission's answer says about connecting; ``key`` makes the placeholders."""
    holders = [service for service in site.services.services if service.credential is not None]

    def placeholders(agent: Agent) -> dict[str, str]:
        return {service.name: placeholder(key, agent, service) for service in holders}

    return ConnectionInfo(
        proxy_host=address.host,
        proxy_port=address.port,
        scheme=address.scheme,
        ca_file=str(state / "ca.pem"),
        bundle_file=str(state / "ca-bundle.pem"),
        placeholders=placeholders,
        variables={
            service.name: service.shared.source.removeprefix("env:")
            for service in holders
            if service.shared is not None and service.shared.source.startswith("env:")
        },
    )
