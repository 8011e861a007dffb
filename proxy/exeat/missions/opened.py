"""What the caller who opens or extends a mission gets, and nobody else ever sees.

Must not know: how a pass is made, HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from exeat.missions.environment import client_environment
from exeat.missions.times import rfc3339
from exeat.model.identity import Agent
from exeat.model.mission import Mission
from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True)
class ConnectionInfo:
    """Where agents connect and what they must trust.

    ``placeholders`` gives an agent's stand-ins by service, ``variables`` the environment variable of each service whose
    shared credential comes from ``env:NAME``.
    """

    proxy_host: str
    proxy_port: int
    scheme: str
    ca_file: str
    bundle_file: str
    placeholders: Callable[[Agent], Mapping[str, str]]
    variables: Mapping[str, str]

    def proxy_url(self, shown: Secret) -> str:
        """Return the proxy URL with a pass in it."""
        host = f"[{self.proxy_host}]" if ":" in self.proxy_host else self.proxy_host
        return f"{self.scheme}://mission:{quote(shown.reveal(), safe='')}@{host}:{self.proxy_port}"


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
        url = self.connection.proxy_url(shown)
        placeholders = dict(self.connection.placeholders(agent))
        environment = client_environment(
            url,
            mission=self.mission.id,
            ca_file=self.connection.ca_file,
            bundle_file=self.connection.bundle_file,
            placeholders=placeholders,
            variables=self.connection.variables,
        )
        return {
            "agent": agent.spiffe_id,
            "pass": shown.reveal(),
            "proxy_url": url,
            "placeholders": placeholders,
            "env": environment,
        }
