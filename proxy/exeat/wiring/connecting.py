"""How an agent is told to connect: proxies, base URLs, CA, placeholders.

Must not know: anything that runs.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from exeat.config.listeners import Place
from exeat.credentials.fingerprints import placeholder
from exeat.enforcement.listener import Port
from exeat.identity.short import sign_short
from exeat.missions.opened import ConnectionInfo, ProxyOffer
from exeat.model.destination import host_port
from exeat.model.identity import Agent
from exeat.model.service import PlaceKind
from exeat.wiring.site import Site
from exeat.wiring.ways import reached_at


def connection_info(
    site: Site, state: Path, key: bytes, short_key: bytes, listeners: Sequence[tuple[Place, Port]]
) -> ConnectionInfo:
    """What every opened mission's answer says about connecting; ``key`` makes the placeholders, ``short_key`` short passes."""
    holders = [service for service in site.services.services if service.credential is not None]

    def placeholders(agent: Agent) -> dict[str, str]:
        return {service.name: placeholder(key, agent, service) for service in holders}

    return ConnectionInfo(
        proxy=_offer(listeners, ("http", "https")),
        socks=_offer(listeners, ("socks5",)),
        sign_short=lambda mission, agent: sign_short(short_key, mission, agent),
        base_urls=_base_urls(listeners),
        ca_file=str(state / "ca.pem"),
        bundle_file=str(state / "ca-bundle.pem"),
        placeholders=placeholders,
        variables={
            service.name: service.shared.source.removeprefix("env:")
            for service in holders
            if service.shared is not None and service.shared.source.startswith("env:")
        },
        aws=next((service.name for service in holders if service.holder == PlaceKind.AWS_SIGV4), ""),
    )


def _offer(listeners: Sequence[tuple[Place, Port]], schemes: Sequence[str]) -> ProxyOffer | None:
    """The first listener of these kinds, one that takes a pass before any other."""
    fitting = [place for place, _ in listeners if place.address.scheme in schemes]
    fitting.sort(key=lambda place: "pass" not in place.evidence)
    if not fitting:
        return None
    where = reached_at(fitting[0])
    scheme = "socks5h" if where.scheme == "socks5" else where.scheme
    return ProxyOffer(scheme, where.host, where.port, takes_pass="pass" in fitting[0].evidence)


def _base_urls(listeners: Sequence[tuple[Place, Port]]) -> Mapping[str, str]:
    for place, port in listeners:
        if port.entry.bases is not None:
            where = reached_at(place)
            return port.entry.bases.urls(host_port(where.host, where.port))
    return {}
