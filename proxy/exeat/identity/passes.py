"""Passes: JWTs by which an agent proves its session. The control plane signs them, the data path verifies them.

A pass is an ``exeat-pass+jwt`` with ``iss``, ``aud``, ``sub`` (SPIFFE ID), ``mission``, ``agent``, ``iat``, ``nbf``,
``exp``, ``jti`` and nothing else. It ends when its mission was to end at signing: a prolonged mission needs a new one.
Must not know: whether a mission lives, where keys are kept.
"""

from __future__ import annotations

import base64
import hashlib
import re
import secrets
from collections import OrderedDict
from collections.abc import Mapping
from typing import Any, final

import jwt
import orjson

from exeat.errors import ConflictError, RefusalError
from exeat.identity.keys import Keys, Verifies
from exeat.model.identity import NAME, Agent
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock, VerifiedPass

TYP = "exeat-pass+jwt"
"""An explicit type (RFC 8725 §3.11): no other JWT of ours is ever a pass, and no pass anything else."""

_CLAIMS = frozenset({"iss", "aud", "sub", "mission", "agent", "iat", "nbf", "exp", "jti"})
_LONGEST = 4096
"""Characters; ours have some 600."""
_COMPACT = re.compile(r"([A-Za-z0-9_-]{1,512})\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_OPAQUE = re.compile(r"[A-Za-z0-9._-]{1,128}")
_LEEWAY = 30
"""Seconds by which ``iat`` and ``nbf`` may lie ahead: clocks of replicas differ. ``exp`` gets none."""
_LATEST = 253_402_300_799
"""The last second of the year 9999, which dates in records can still express."""


def is_pass(presented: Secret) -> bool:
    """Whether something is to be judged as a pass: it calls itself one, or isn't a token at all. It proves nothing."""
    try:
        return bool(_header(presented.reveal().partition(".")[0]).get("typ") == TYP)
    except ValueError:
        return True


def _header(segment: str) -> dict[str, Any]:
    """A header as it claims to be; raise ValueError for what is none."""
    header = orjson.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    if not isinstance(header, dict):
        raise ValueError("not an object")  # noqa: TRY004 one error for every unreadable header
    return header


@final
class PassSigner:
    """Make passes. Only the control plane holds one."""

    def __init__(self, keyring: Keys, issuer: str, audience: str, clock: Clock) -> None:
        self._keyring = keyring
        self._issuer = issuer
        self._audience = audience
        self._clock = clock

    def sign(self, mission: Mission, agent: Agent) -> Secret:
        """A pass for this agent in this mission until the mission expires.

        Raise ConflictError when the mission has ended or doesn't name the agent.
        """
        now = int(self._clock.time())
        expires = int(mission.expires_at)
        if mission.state.final or expires <= now:
            raise ConflictError(f"mission {mission.id} has ended", "open a new one")
        if agent.name not in mission.agents or agent.environment != mission.environment:
            raise ConflictError(f"mission {mission.id} doesn't name {agent.key}", "open a mission for this agent")
        return self._keyring.current().token(
            TYP,
            {
                "iss": self._issuer,
                "aud": self._audience,
                "sub": agent.spiffe_id,
                "mission": mission.id,
                "agent": agent.name,
                "iat": now,
                "nbf": now,
                "exp": expires,
                "jti": secrets.token_urlsafe(16),
            },
        )


@final
class PassVerifier:
    """Read passes; implements the PassVerifier port.

    The last ``capacity`` good ones are remembered by digest, so that a connection's later requests cost microseconds.
    """

    def __init__(self, keyring: Keys, issuer: str, audience: str, clock: Clock, capacity: int = 4096) -> None:
        self._keyring = keyring
        self._issuer = issuer
        self._audience = audience
        self._clock = clock
        self._capacity = capacity
        self._verified: OrderedDict[bytes, tuple[VerifiedPass, str]] = OrderedDict()

    def verify(self, presented: Secret) -> VerifiedPass:
        """Return what the pass proves; raise as the port says."""
        value = presented.reveal()
        if len(value) > _LONGEST or not value.isascii():
            raise _invalid("longer than 4 KiB, or not ASCII")
        digest = hashlib.sha256(value.encode("ascii")).digest()
        remembered = self._verified.get(digest)
        if remembered is None:
            verified, kid = self._examine(value)
            self._verified[digest] = (verified, kid)
            if len(self._verified) > self._capacity:
                self._verified.popitem(last=False)
        else:
            verified, kid = remembered
            self._verified.move_to_end(digest)
            if self._keyring.public(kid) is None:
                del self._verified[digest]
                raise _invalid("its key is no longer used")
        if self._clock.time() >= verified.expires_at:
            self._verified.pop(digest, None)
            raise RefusalError(Reason.MISSION_ENDED, "the pass has expired")
        return verified

    def _examine(self, value: str) -> tuple[VerifiedPass, str]:
        """Header, then signature, then claims: nothing of a later part is believed before the earlier one holds."""
        kid, key = self._key(value)
        try:
            claims = jwt.decode(
                value,
                key.key,
                algorithms=[key.algorithm],
                issuer=self._issuer,
                audience=self._audience,
                # Times are judged below, by our own clock.
                options={
                    "require": sorted(_CLAIMS),
                    "strict_aud": True,
                    "verify_exp": False,
                    "verify_nbf": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError) as error:
            raise _invalid(type(error).__name__) from None
        if claims.keys() != _CLAIMS:
            raise _invalid("claims that no pass has")
        return self._proven(claims), kid

    def _key(self, value: str) -> tuple[str, Verifies]:
        """Find the key by ``kid``, then demand the header this key writes, byte for byte.

        That settles ``alg``, ``typ``, ``crit``, ``jku``, ``jwk``, ``x5u``, duplicate members and white space at once
        (RFC 8725 §3.1, §3.10): whatever isn't exactly ours is refused, and no header tells us where to look for a key.
        """
        match = _COMPACT.fullmatch(value)
        if match is None:
            raise _invalid("not a compact JWS")
        try:
            kid = _header(match[1]).get("kid")
        except ValueError:  # binascii.Error is one
            raise _invalid("its header can't be read") from None
        key = self._keyring.public(kid) if isinstance(kid, str) else None
        if key is None or not isinstance(kid, str):
            raise _invalid("not signed with a key of ours")
        if match[1] != key.header(TYP):
            raise _invalid("not the header of a pass")
        return kid, key

    def _proven(self, claims: Mapping[str, Any]) -> VerifiedPass:
        mission, agent, jti = claims["mission"], claims["agent"], claims["jti"]
        issued, begins, expires = claims["iat"], claims["nbf"], claims["exp"]
        if not (isinstance(mission, str) and _OPAQUE.fullmatch(mission)):
            raise _invalid("mission is not an id")
        if not (isinstance(agent, str) and NAME.fullmatch(agent) and claims["sub"].endswith(f"/agent/{agent}")):
            raise _invalid("agent and sub differ")
        if not (isinstance(jti, str) and _OPAQUE.fullmatch(jti)):
            raise _invalid("jti is not an id")
        # type(), because True is an int; a float would be compared with rounding (RFC 7519 §2 allows both, we write ints).
        if not all(type(at) is int and 0 < at <= _LATEST for at in (issued, begins, expires)):
            raise _invalid("a time is not a whole number of seconds")
        latest = self._clock.time() + _LEEWAY
        if issued > latest or begins > latest or issued > expires:
            raise _invalid("issued in the future")
        return VerifiedPass(mission, agent, jti, float(expires), claims["sub"])


def _invalid(detail: str) -> RefusalError:
    return RefusalError(Reason.IDENTITY_INVALID, f"pass: {detail}")
