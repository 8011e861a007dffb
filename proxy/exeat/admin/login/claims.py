"""What an ID token must say before anybody is believed to have logged in (OpenID Connect Core 1.0 §3.1.3.7).

Must not know: keys' sources, networks, what a group is worth.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from typing import Any

from exeat.identity.jose import UnverifiedToken, invalid_token
from exeat.identity.jwk import VerifyingKey

_TYPES = frozenset({"", "jwt"})
"""No token with a purpose of its own, such as an access token, stands for a login (RFC 8725 §3.11)."""
_REQUIRED = ("iss", "sub", "aud", "exp", "iat", "nonce")
_LEEWAY = 60.0
"""Seconds another clock may be ahead."""
_OLDEST = 600.0
"""Seconds since it was issued: it comes straight from the provider, for a login that began minutes ago."""
_LONGEST = 256


def check(
    token: UnverifiedToken, key: VerifyingKey, *, issuer: str, client_id: str, nonce: str, now: float
) -> Mapping[str, Any]:
    """Return the claims of a token that proves this very login; raise RefusalError(IDENTITY_INVALID) otherwise."""
    claims = token.claims
    if not key.verifies(token.algorithm, token.signed, token.signature):
        raise invalid_token("its signature doesn't hold")
    if token.typ not in _TYPES:
        raise invalid_token("it is no ID token")
    if missing := [name for name in _REQUIRED if name not in claims]:
        raise invalid_token(f"it has no {missing[0]!r}")
    if claims["iss"] != issuer:
        raise invalid_token("its issuer is another one")
    audience = claims["aud"] if isinstance(claims["aud"], list) else [claims["aud"]]
    if (
        client_id not in audience
        or claims.get("azp", client_id) != client_id
        or (len(audience) > 1 and "azp" not in claims)
    ):
        raise invalid_token("it was issued to somebody else")
    if not isinstance(claims["nonce"], str) or not hmac.compare_digest(claims["nonce"].encode(), nonce.encode()):
        raise invalid_token("it is of another login")
    expires, issued = claims["exp"], claims["iat"]
    if type(expires) is not int or type(issued) is not int:  # not isinstance, because True is an int
        raise invalid_token("a time is not a whole number of seconds")
    if not (now < expires and now - _OLDEST <= issued <= now + _LEEWAY):
        raise invalid_token("it has expired, is old, or from the future")
    if not isinstance(claims["sub"], str) or not 0 < len(claims["sub"]) <= _LONGEST:
        raise invalid_token("its subject is no text")
    return claims


def name_of(claims: Mapping[str, Any], claim: str) -> str:
    """Return what records call a person: one visible line, or the subject where the claim isn't one."""
    for value in (claims.get(claim), claims["sub"]):
        if isinstance(value, str) and 0 < len(value) <= _LONGEST and value.isprintable():
            return f"oidc:{value}"
    raise invalid_token("nothing in it can name a person")


def groups_of(claims: Mapping[str, Any], claim: str) -> frozenset[str] | None:
    """Return a person's groups, or None where nothing is said of them; ``claim`` may be a path such as ``a.b``."""
    value: Any = claims.get(claim)
    if value is None and "." in claim:
        value = claims
        for part in claim.split("."):
            value = value.get(part) if isinstance(value, dict) else None
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list):
        return None
    return frozenset(each for each in value if isinstance(each, str))


def role_of(groups: Iterable[str], roles: Mapping[str, str]) -> str | None:
    """Return the role of the first entry of ``roles`` whose group is among ``groups``."""
    known = frozenset(groups)
    return next((role for group, role in roles.items() if group in known), None)
