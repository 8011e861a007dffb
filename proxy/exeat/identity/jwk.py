"""A JWK set (RFC 7517 §5) read into keys that verify: asymmetric, strong, each for named algorithms.

What isn't such a key is left out, as the RFC says; what isn't a set is refused. Must not know: where a set came from, tokens.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import read_json

_RSA = frozenset({"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"})
_CURVES = {"secp256r1": "ES256", "secp384r1": "ES384", "secp521r1": "ES512"}
ALGORITHMS = _RSA | frozenset(_CURVES.values()) | {"EdDSA"}
"""Every JWS algorithm that can be trusted here; ``none`` and the symmetric ones can't (RFC 8725 §3.1)."""
_BITS = range(2048, 8193)
"""RFC 7518 §3.3 asks for 2048; beyond 8192 a signature costs milliseconds to check."""
_USES = frozenset({"sig", "jwt-svid"})  # the second is SPIFFE's, whose bundles hold X.509 roots too
_MOST = 100


@dataclass(frozen=True, slots=True, eq=False)
class VerifyingKey:
    """A public key and the algorithms it verifies, never another one."""

    kid: str
    algorithms: frozenset[str]
    key: Any = field(repr=False)

    def verifies(self, algorithm: str, signed: bytes, signature: bytes) -> bool:
        """Whether the signature is this key's over these bytes, by an algorithm this key is for."""
        if algorithm not in self.algorithms:
            return False
        return bool(jwt.get_algorithm_by_name(algorithm).verify(signed, self.key, signature))

    def is_like(self, other: VerifyingKey) -> bool:
        """Whether both are one key for the same algorithms."""
        return self.kid == other.kid and self.algorithms == other.algorithms and bool(self.key == other.key)


def read_keys(document: bytes, algorithms: frozenset[str]) -> Mapping[str, VerifyingKey]:
    """Return the usable keys of a JWK set by ``kid``; raise ValueError (fixed text) when it isn't one."""
    try:
        value = read_json(document)
    except UnreadableError:
        raise ValueError("not JSON, or a key stands twice in an object") from None
    entries = value.get("keys") if isinstance(value, dict) else None
    if not isinstance(entries, list):
        raise ValueError("not a JWK set")  # noqa: TRY004 one error for every unreadable set
    if len(entries) > _MOST:
        raise ValueError(f"more than {_MOST} keys")
    named = [entry for entry in entries if isinstance(entry, dict) and isinstance(entry.get("kid"), str)]
    kids = Counter(entry["kid"] for entry in named)
    found = (_key(entry, algorithms) for entry in named if kids[entry["kid"]] == 1)  # of two of one name, neither
    return {key.kid: key for key in found if key is not None}


def _key(entry: Mapping[str, Any], allowed: frozenset[str]) -> VerifyingKey | None:
    """One key, or None for one that is secret, private, for something else, weak, or not on its curve."""
    if "k" in entry or "d" in entry:
        return None
    operations = entry.get("key_ops", ["verify"])
    if entry.get("use", "sig") not in _USES or not (isinstance(operations, list) and "verify" in operations):
        return None
    try:
        key, able = _public(entry)
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, AttributeError):
        return None
    own = entry.get("alg")
    algorithms = able & allowed if own is None else able & allowed & {own if isinstance(own, str) else ""}
    return VerifyingKey(entry["kid"], algorithms, key) if algorithms else None


def _public(entry: Mapping[str, Any]) -> tuple[Any, frozenset[str]]:
    """The key, and what its type and size make it fit for."""
    members = dict(entry)
    kind = members.get("kty")
    if kind == "RSA":
        key = RSAAlgorithm.from_jwk(members)
        strong = isinstance(key, rsa.RSAPublicKey) and key.key_size in _BITS
        return key, _RSA if strong else frozenset()
    if kind == "EC":
        point = ECAlgorithm.from_jwk(members)  # refuses a point that isn't on the curve
        name = point.curve.name if isinstance(point, ec.EllipticCurvePublicKey) else ""
        return point, frozenset({_CURVES[name]})
    edwards = OKPAlgorithm.from_jwk(members) if kind == "OKP" else None
    return edwards, frozenset({"EdDSA"}) if isinstance(edwards, ed25519.Ed25519PublicKey) else frozenset()
