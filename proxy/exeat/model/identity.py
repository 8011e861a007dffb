"""Who acts: agents and sessions.

Must not know: how an identity was proven, or what it may do.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?")
"""Names of agents, environments, groups, services and templates: what a SPIFFE path segment and a Cedar id both carry plainly."""

SPIFFE_ID = re.compile(r"(?=.{1,2048}\Z)spiffe://([a-z0-9._-]{1,255})(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._-]+)+")
"""A workload's SPIFFE ID (SPIFFE-ID §2): a trust domain and a path without empty and dot segments."""


def trust_domain_of(spiffe_id: str) -> str:
    """The trust domain of a SPIFFE ID; ``""`` for what isn't one."""
    match = SPIFFE_ID.fullmatch(spiffe_id)
    return "" if match is None else match[1]


@dataclass(frozen=True, slots=True)
class Agent:
    """A workload with its own identity, known by ``(environment, name)``."""

    name: str
    environment: str
    trust_domain: str
    groups: frozenset[str] = frozenset()

    @property
    def key(self) -> str:
        """``environment/name``, unique in one installation."""
        return f"{self.environment}/{self.name}"

    @property
    def spiffe_id(self) -> str:
        """``spiffe://<trust-domain>/env/<environment>/agent/<name>`` (SPIFFE-ID §2)."""
        return f"spiffe://{self.trust_domain}/env/{self.environment}/agent/{self.name}"


@dataclass(frozen=True, slots=True)
class Session:
    """One agent acting in one mission in one environment: the Cedar principal, and the key of every cache and token."""

    mission: str
    agent: Agent
    key: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", f"{self.mission}/{self.agent.name}")
