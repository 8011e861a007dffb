"""A trusted issuer of JWTs, and what its profile demands of a token whose signature holds.

The profiles: OpenID Connect (RFC 7519 and 9068), Kubernetes' service account tokens, SPIFFE's JWT-SVID. Must not know: keys,
agents, networks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from exeat.identity.jose import UnverifiedToken, invalid_token
from exeat.model.identity import SPIFFE_ID, trust_domain_of

Kind = Literal["oidc", "kubernetes", "spiffe"]

REQUIRED: Mapping[str, frozenset[str]] = {
    "oidc": frozenset({"iss", "sub", "aud", "exp", "iat", "nbf", "jti"}),
    "kubernetes": frozenset({"iss", "sub", "aud", "exp", "iat", "nbf"}),
    "spiffe": frozenset({"sub", "aud", "exp"}),
}
"""Claims a token must have. Kubernetes writes ``jti`` since 1.32; JWT-SVID §3 asks for these three alone."""
TYPES: Mapping[str, frozenset[str]] = {
    "oidc": frozenset({"", "jwt"}),
    "kubernetes": frozenset({"", "jwt"}),
    "spiffe": frozenset({"", "jwt", "jose"}),
}
"""``typ`` where the settings name none: no token with a purpose of its own (``at+jwt``, ``logout+jwt``) is taken (RFC 8725 §3.11)."""
_SPIFFE_HEADER = frozenset({"alg", "kid", "typ"})  # JWT-SVID §2: no other member
_LATEST = 253_402_300_799  # the last second of the year 9999, as in passes
_LONGEST_TEXT = 1024


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """``name`` is its ``iss``, for SPIFFE ``spiffe://<trust domain>``; ``longest_life`` and ``leeway`` in seconds.

    With ``once`` a token proves one connection and no second one.
    """

    name: str
    kind: Kind
    audience: str
    algorithms: frozenset[str]
    required: frozenset[str]
    types: frozenset[str]
    longest_life: float
    leeway: float
    once: bool = False


@dataclass(frozen=True, slots=True)
class VerifiedToken:
    """Whom an issuer vouches for, and until when (seconds since the epoch)."""

    issuer: TrustedIssuer
    subject: str
    id: str
    expires_at: float
    claims: Mapping[str, Any] = field(repr=False)


def issuer_of(token: UnverifiedToken, issuers: Mapping[str, TrustedIssuer]) -> TrustedIssuer:
    """The issuer a token claims to be of; raise RefusalError(IDENTITY_INVALID) for one that nobody trusts.

    A JWT-SVID needs no ``iss`` (JWT-SVID §3): its trust domain issues it.
    """
    name, subject = token.claims.get("iss"), token.claims.get("sub")
    found = issuers.get(name) if isinstance(name, str) else None
    if found is None and isinstance(subject, str):
        found = issuers.get(f"spiffe://{trust_domain_of(subject)}")
    if found is None:
        raise invalid_token("its issuer is not trusted")
    return found


def check_claims(issuer: TrustedIssuer, token: UnverifiedToken, now: float) -> VerifiedToken:
    """Judge a token whose signature holds; raise RefusalError(IDENTITY_INVALID) for whatever isn't as the profile says."""
    claims = token.claims
    if missing := sorted(issuer.required - claims.keys()):
        raise invalid_token(f"it has no {missing[0]!r}")
    if token.typ not in issuer.types:
        raise invalid_token("its type is not the issuer's")
    if "cnf" in claims:
        raise invalid_token("it is bound to a key that can't be checked here")  # RFC 7800, RFC 8705 §3.1, RFC 9449 §6
    if claims["aud"] not in (issuer.audience, [issuer.audience]):
        raise invalid_token("its audience is another one, or not us alone")
    subject, identifier = claims["sub"], claims.get("jti", "")
    if not all(isinstance(each, str) and len(each) <= _LONGEST_TEXT for each in (subject, identifier)) or not subject:
        raise invalid_token("its subject or id is no text")
    if "jti" in claims and not identifier:
        raise invalid_token("its id is empty")
    if issuer.kind == "spiffe":
        _check_svid(issuer, token, subject)
    return VerifiedToken(issuer, subject, identifier, _expiry(issuer, claims, now), claims)


def _check_svid(issuer: TrustedIssuer, token: UnverifiedToken, subject: str) -> None:
    if not token.members <= _SPIFFE_HEADER:
        raise invalid_token("its header has members that a JWT-SVID hasn't")
    if not SPIFFE_ID.fullmatch(subject) or f"spiffe://{trust_domain_of(subject)}" != issuer.name:
        raise invalid_token("its subject is no SPIFFE ID of the trust domain")


def _expiry(issuer: TrustedIssuer, claims: Mapping[str, Any], now: float) -> float:
    """``exp`` gets no leeway: an expired token is expired. A life is measured from ``iat``, else from now."""
    times = {name: claims[name] for name in ("exp", "iat", "nbf") if name in claims}
    # type(), because True is an int; a float would be compared with rounding, and no known issuer writes one.
    if not all(type(at) is int and 0 < at <= _LATEST for at in times.values()):
        raise invalid_token("a time is not a whole number of seconds")
    expires, issued, begins = times["exp"], times.get("iat"), times.get("nbf")
    if now >= expires:
        raise invalid_token("it has expired")
    latest = now + issuer.leeway
    if (issued or 0) > latest or (begins or 0) > latest:
        raise invalid_token("it is from the future")
    if issued is not None and issued >= expires:
        raise invalid_token("it expired before it was issued")
    if expires - (now if issued is None else issued) > issuer.longest_life:
        raise invalid_token("it lives longer than this issuer's tokens may")
    return float(expires)
