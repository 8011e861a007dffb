"""Short passes: for ways that carry 255 bytes at most, as the password of SOCKS5 (RFC 1929 §2) does.

``exeat1~<mission>~<environment>~<agent>~<expiry>~<MAC>``: HMAC-SHA256, cut to 128 bits, over what stands before it, with a key that only
Exeat has. It proves what a pass proves and ends when that does. Must not know: whether a mission lives.
"""

from __future__ import annotations

import base64
import hmac
import re
from typing import final

from exeat.errors import ConflictError, RefusalError
from exeat.model.identity import NAME, Agent
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock, PassVerifier, VerifiedPass

_SHORT = re.compile(
    r"(exeat1~(m_[0-9A-Z]{26})~([a-z0-9._-]{1,63})~([a-z0-9._-]{1,63})~([1-9][0-9]{9,11}))~([A-Za-z0-9_-]{22})"
)
_PREFIX = "exeat1~"


def _mac(key: bytes, text: str) -> str:
    digest = hmac.digest(key, b"exeat short pass v1\0" + text.encode("ascii"), "sha256")
    return base64.urlsafe_b64encode(digest[:16]).rstrip(b"=").decode("ascii")


def sign_short(key: bytes, mission: Mission, agent: Agent) -> Secret:
    """A short pass for this agent in this mission until the mission expires; raise ConflictError when it has ended."""
    if mission.state.final:
        raise ConflictError(f"mission {mission.id} has ended", "open a new one")
    text = f"{_PREFIX}{mission.id}~{agent.environment}~{agent.name}~{int(mission.expires_at)}"
    return Secret(f"{text}~{_mac(key, text)}")


@final
class ShortOrLong:
    """Reads short passes, and leaves every other to the verifier of long ones; implements the PassVerifier port."""

    def __init__(self, key: bytes, trust_domain: str, long: PassVerifier, clock: Clock) -> None:
        self._key, self._trust_domain, self._long, self._clock = key, trust_domain, long, clock

    def verify(self, presented: Secret) -> VerifiedPass:
        """Return what the pass proves; raise as the port says."""
        value = presented.reveal()
        if not value.startswith(_PREFIX):
            return self._long.verify(presented)
        match = _SHORT.fullmatch(value)
        if match is None or not hmac.compare_digest(match[6], _mac(self._key, match[1])):
            raise RefusalError(Reason.IDENTITY_INVALID, "pass: not a short pass of ours")
        if not NAME.fullmatch(match[3]) or not NAME.fullmatch(match[4]):
            raise RefusalError(Reason.IDENTITY_INVALID, "pass: agent is not a name")
        agent, expires = Agent(match[4], match[3], self._trust_domain), float(match[5])
        if self._clock.time() >= expires:
            raise RefusalError(Reason.MISSION_ENDED, "the pass has expired")
        return VerifiedPass(match[2], agent.name, f"short-{match[5]}", expires, agent.spiffe_id)
