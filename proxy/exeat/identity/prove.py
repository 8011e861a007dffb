"""All evidence of a connection put together: one agent, or a refusal.

Each kind that counts is read; what is shown but not genuine refuses, whatever else there is; what names two agents, or
another one than the listener's, refuses; then enough must be left. Must not know: missions, engines, policies.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import final

from exeat.decision.normalize import normalize
from exeat.decision.places import read_place
from exeat.decision.snapshot import Snapshot
from exeat.errors import RefusalError
from exeat.identity.agents import AgentIndex
from exeat.identity.evidence import read_credential
from exeat.identity.passes import is_pass
from exeat.identity.shown import Evidence, Shown
from exeat.identity.tokens import TokenVerifier
from exeat.model.decision import Deny
from exeat.model.identity import Agent
from exeat.model.reason import Reason
from exeat.model.request import WireRequest
from exeat.model.service import PlaceKind
from exeat.ports import PassVerifier

_PREFIX = "exeat-ph-"
"""How every placeholder begins (``credentials.fingerprints.placeholder``)."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What one piece of evidence says. ``agent`` is a SPIFFE ID; ``until`` in epoch seconds, when it stops saying so."""

    kind: Evidence
    agent: str
    name: str
    mission: str = ""
    until: float = math.inf


@dataclass(frozen=True, slots=True)
class Proven:
    """One agent by all its evidence: ``agent`` its SPIFFE ID, ``mission`` what a pass names, else ``""``."""

    agent: str
    name: str
    mission: str
    until: float
    kinds: tuple[Evidence, ...]


class ConflictError(RefusalError):
    """The evidence contradicts itself. ``session`` is that of the genuine pass among it, else ``""``."""

    def __init__(self, detail: str, session: str = "") -> None:
        super().__init__(Reason.IDENTITY_CONFLICT, detail)
        self.session = session


@final
class Prover:
    """Reads and judges evidence. The only thing it writes is a note of each token that may be shown once."""

    def __init__(self, agents: AgentIndex, passes: PassVerifier, tokens: TokenVerifier) -> None:
        self._agents = agents
        self._passes = passes
        self._tokens = tokens

    def replace(self, agents: AgentIndex) -> None:
        """Know these agents from now on."""
        self._agents = agents

    def prove(self, shown: Shown, snapshot: Snapshot) -> Proven | None:
        """Return who a connection is; None when nobody yet, but the placeholder that may decide it is still to come.

        Raise RefusalError: IDENTITY_INVALID, IDENTITY_CONFLICT, IDENTITY_MISSING, MISSION_ENDED for a genuine pass whose time
        is over, STATE_STALE while an issuer's keys aren't known.
        """
        way = shown.way
        readers = (self._credential, self._certificate, self._address, self._listener)
        read = [reader(shown) for reader in readers] + [self._placeholder(shown, snapshot)]
        proofs = [proof for proof in read if proof is not None]
        agents = {proof.agent for proof in proofs}
        if way.agent and proofs:
            pinned = self._agents.by_key(way.agent)
            agents.add("" if pinned is None else pinned.spiffe_id)
        if len(agents) > 1:
            shown_pass = next((f"{proof.mission}/{proof.name}" for proof in proofs if proof.mission), "")
            raise ConflictError("the evidence names more than one agent", shown_pass)
        lacking = way.evidence.difference(proof.kind for proof in proofs)
        waited_for = lacking & {Evidence.PLACEHOLDER} if shown.request is None else frozenset()
        if (lacking - waited_for) if way.require_all else not (proofs or waited_for):
            raise RefusalError(Reason.IDENTITY_MISSING, f"not shown: {', '.join(sorted(lacking))}")
        if not proofs or (way.require_all and waited_for):
            return None
        return Proven(
            proofs[0].agent,
            proofs[0].name,
            next((proof.mission for proof in proofs if proof.mission), ""),
            min(proof.until for proof in proofs),
            tuple(proof.kind for proof in proofs),
        )

    def _credential(self, shown: Shown) -> Proof | None:
        """The one credential of ``Proxy-Authorization``; what this way doesn't take is never passed over in silence."""
        presented = read_credential(shown.headers)
        if presented is None:
            return None
        taken = shown.way.evidence & {Evidence.PASS, Evidence.JWT}
        if not taken:
            raise RefusalError(Reason.IDENTITY_INVALID, "this listener takes no credential")
        if Evidence.JWT not in taken or (Evidence.PASS in taken and is_pass(presented)):
            proven = self._passes.verify(presented)
            return Proof(Evidence.PASS, proven.subject, proven.agent, proven.mission, proven.expires_at)
        token = self._tokens.verify(presented, shown.connection)
        return _proof(Evidence.JWT, self._agents.by_token(token), token.expires_at)

    def _certificate(self, shown: Shown) -> Proof | None:
        if Evidence.SVID not in shown.way.evidence or not shown.svid:
            return None
        return _proof(Evidence.SVID, self._agents.by_spiffe(shown.svid), shown.svid_until)

    def _address(self, shown: Shown) -> Proof | None:
        """An address nobody is known by is no evidence; every connection has one."""
        agent = self._agents.by_address(shown.peer) if Evidence.ADDRESS in shown.way.evidence else None
        return None if agent is None else _proof(Evidence.ADDRESS, agent)

    def _listener(self, shown: Shown) -> Proof | None:
        if Evidence.LISTENER not in shown.way.evidence:
            return None
        return _proof(Evidence.LISTENER, self._agents.by_key(shown.way.agent))

    def _placeholder(self, shown: Shown, snapshot: Snapshot) -> Proof | None:
        """The agent whose placeholder stands in the place of the credential of the service that is asked.

        A shared credential, or one nobody manages, is no evidence; it is judged with the request.
        """
        if Evidence.PLACEHOLDER not in shown.way.evidence or shown.request is None:
            return None
        value, service = _stands_in_place(shown.request, snapshot)
        if value is None:
            return None
        known = snapshot.fingerprints.look_up(value)
        if known is None or known.kind != "placeholder":
            if value.startswith(_PREFIX):
                raise RefusalError(Reason.IDENTITY_INVALID, "a placeholder that was never given out")
            return None
        if known.service != service:
            raise RefusalError(Reason.IDENTITY_INVALID, "a placeholder of another service")
        return _proof(Evidence.PLACEHOLDER, self._agents.by_key(known.agent))


def _proof(kind: Evidence, agent: Agent | None, until: float = math.inf) -> Proof:
    if agent is None:
        raise RefusalError(Reason.IDENTITY_INVALID, f"{kind}: no agent is known by it")
    return Proof(kind, agent.spiffe_id, agent.name, until=until)


def _stands_in_place(wire: WireRequest, snapshot: Snapshot) -> tuple[str | None, str]:
    """What stands in the credential's place, and the service's name; nothing where a request has no one reading."""
    request = normalize(wire)
    if isinstance(request, Deny):
        return None, ""
    found = snapshot.services.for_host(request.host, request.port, request.segments)
    place = None if found is None else found.service.credential
    if found is None or place is None or place.kind is PlaceKind.AWS_SIGV4:
        return None, ""  # the id of an access key stands in logs, and nobody verifies what was signed with it
    try:
        return read_place(place, request), found.service.name
    except ValueError:  # two credentials, or another scheme: refused with the request
        return None, ""
