"""What the caller who opens or extends a mission gets, and nobody else ever sees.

Must not know: how a pass is made, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from exeat.missions.environment import client_environment
from exeat.missions.times import rfc3339
from exeat.model.destination import host_port
from exeat.model.identity import Agent
from exeat.model.mission import Mission
from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True)
class ProxyOffer:
    """A listener that agents are told of. Without ``takes_pass`` something else proves who they are."""

    scheme: str
    host: str
    port: int
    takes_pass: bool = True

    def url(self, shown: Secret) -> str:
        """Return the proxy URL with a pass in it."""
        user = f"mission:{quote(shown.reveal(), safe='')}@" if self.takes_pass else ""
        return f"{self.scheme}://{user}{host_port(self.host, self.port)}"


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Where agents connect and what they must trust.

    ``proxy`` is an HTTP proxy, ``socks`` a SOCKS5 one, whose passes ``sign_short`` makes; ``base_urls`` by service.
    ``placeholders`` gives an agent's stand-ins by service, ``variables`` the environment variable of each service whose
    shared credential comes from ``env:NAME``; ``aws`` is a service whose requests are signed with an access key.
    """

    proxy: ProxyOffer | None
    ca_file: str
    bundle_file: str
    placeholders: Callable[[Agent], Mapping[str, str]]
    variables: Mapping[str, str]
    aws: str = ""
    socks: ProxyOffer | None = None
    sign_short: Callable[[Mission, Agent], Secret] | None = None
    base_urls: Mapping[str, str] = field(default_factory=dict)

    def proxy_url(self, shown: Secret) -> str:
        """Return the HTTP proxy's URL with a pass in it, ``""`` where there is none."""
        return "" if self.proxy is None else self.proxy.url(shown)

    def socks_url(self, mission: Mission, agent: Agent) -> str:
        """Return the SOCKS5 proxy's URL with a short pass in it, ``""`` where there is none."""
        if self.socks is None or self.sign_short is None:
            return ""
        return self.socks.url(self.sign_short(mission, agent))


@dataclass(frozen=True, slots=True)
class Opened:
    """An open mission with one pass for each of its agents, in their order."""

    mission: Mission
    agents: tuple[Agent, ...]
    passes: tuple[Secret, ...]
    connection: ConnectionInfo

    def as_dict(self) -> dict[str, Any]:
        """Return the answer of DESIGN §7. It reveals the passes: hand it to the caller, never to a log."""
        entries = [self._entry(agent, shown) for agent, shown in zip(self.agents, self.passes, strict=True)]
        answer: dict[str, Any] = {
            "mission": self.mission.id,
            "state": self.mission.state.value,
            "environment": self.mission.environment,
            "expires_at": rfc3339(self.mission.expires_at),
            "ca_file": self.connection.ca_file,
            **entries[0],
        }
        if len(entries) > 1:
            answer["agents"] = entries
        return answer

    def _entry(self, agent: Agent, shown: Secret) -> dict[str, Any]:
        url, socks = self.connection.proxy_url(shown), self.connection.socks_url(self.mission, agent)
        placeholders = dict(self.connection.placeholders(agent))
        environment = client_environment(
            url or socks,
            mission=self.mission.id,
            ca_file=self.connection.ca_file,
            bundle_file=self.connection.bundle_file,
            placeholders=placeholders,
            variables=self.connection.variables,
            access_key=placeholders.get(self.connection.aws, ""),
        )
        return {
            "agent": agent.spiffe_id,
            "pass": shown.reveal(),
            "proxy_url": url,
            **({"socks_url": socks} if socks else {}),
            **({"base_urls": dict(self.connection.base_urls)} if self.connection.base_urls else {}),
            "placeholders": placeholders,
            "env": environment,
        }
