"""Which agent a piece of evidence means: exact look-ups only, so that nothing can mean two.

Must not know: whether the evidence is genuine, connections.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import final

from exeat.decision.addresses import unmapped
from exeat.errors import RefusalError
from exeat.identity.issuer import VerifiedToken
from exeat.model.identity import Agent
from exeat.model.reason import Reason

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class TokenSubject:
    """What an issuer calls an agent: ``sub``, and further claims as (path of names, text) that must be equal."""

    issuer: str
    subject: str
    claims: tuple[tuple[tuple[str, ...], str], ...] = ()

    def fits(self, token: VerifiedToken) -> bool:
        """Whether every claim is there and equal; issuer and subject were looked up by."""
        return all(_claim(token.claims, path) == text for path, text in self.claims)


@dataclass(frozen=True, slots=True)
class Names:
    """All that means one agent, beside its passes and placeholders; its own SPIFFE ID means it anyway."""

    spiffe: tuple[str, ...] = ()
    subjects: tuple[TokenSubject, ...] = ()
    networks: tuple[Network, ...] = ()


@final
class AgentIndex:
    """Agents by evidence. The configuration's checks have shown that no two claim the same."""

    def __init__(self, agents: Iterable[Agent], names: Mapping[str, Names]) -> None:
        """``names`` by Agent.key."""
        self._by_key: dict[str, Agent] = {}
        self._by_spiffe: dict[str, Agent] = {}
        self._by_subject: dict[tuple[str, str], list[tuple[TokenSubject, Agent]]] = {}
        self._networks: dict[tuple[int, int], dict[int, Agent]] = {}
        for agent in agents:
            own = names.get(agent.key, Names())
            self._by_key[agent.key] = agent
            for spiffe_id in (agent.spiffe_id, *own.spiffe):
                self._by_spiffe[spiffe_id] = agent
            for subject in own.subjects:
                self._by_subject.setdefault((subject.issuer, subject.subject), []).append((subject, agent))
            for network in own.networks:
                shift = network.max_prefixlen - network.prefixlen
                self._networks.setdefault((network.version, shift), {})[int(network.network_address) >> shift] = agent
        self._shifts = sorted(self._networks)  # the longest network first

    def by_key(self, key: str) -> Agent | None:
        """By ``environment/name``."""
        return self._by_key.get(key)

    def by_spiffe(self, spiffe_id: str) -> Agent | None:
        """By one of its SPIFFE IDs."""
        return self._by_spiffe.get(spiffe_id)

    def by_token(self, token: VerifiedToken) -> Agent | None:
        """By what its issuer says; raise RefusalError(IDENTITY_CONFLICT) when that is two agents."""
        if token.issuer.kind == "spiffe":
            return self._by_spiffe.get(token.subject)
        candidates = self._by_subject.get((token.issuer.name, token.subject), ())
        found = {agent.key: agent for subject, agent in candidates if subject.fits(token)}
        if len(found) > 1:
            raise RefusalError(Reason.IDENTITY_CONFLICT, "a token that means two agents")
        return next(iter(found.values()), None)

    def by_address(self, text: str) -> Agent | None:
        """By the address it comes from: the longest network wins. An address with a zone, or none at all, is nobody's."""
        try:
            address = unmapped(ip_address(text))
        except ValueError:
            return None
        if isinstance(address, IPv6Address) and address.scope_id is not None:
            return None
        number = int(address)
        for version, shift in self._shifts:
            if version == address.version and (agent := self._networks[version, shift].get(number >> shift)):
                return agent
        return None


def _claim(value: object, path: tuple[str, ...]) -> object:
    for name in path:
        value = value.get(name) if isinstance(value, dict) else None
    return value
