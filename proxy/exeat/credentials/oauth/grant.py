"""Is what a token endpoint answered what was asked for, and nothing more? Servers answer 200 with something else.

Checked are the answer's own fields (RFC 8693 §2.2.1) and, when the token is a JWT, its claims: not to trust them, for
nobody verifies a signature here, but because a token that says of itself that it is wider will be taken as wider.
Must not know: networks, missions.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exeat.credentials.oauth.strict_json import read_object
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret

ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 a name (RFC 8693 §3), not a token
_TOKEN = re.compile(r"[!-~]{1,16384}")
_UNIQUE = re.compile(r"[A-Za-z0-9._~-]{16,128}")
"""A ``jti`` long enough to be unique across servers, and fit to stand in a record."""
_SKEW = 5.0
"""Seconds by which a server's clock may differ from ours, in what a JWT says of itself."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What was asked for: about whom, which scopes, for whom (one of), and for how many seconds at most.

    ``kind`` says whether the answer has to name the kind of token (RFC 8693 §2.2.1), as only exchanges do; one that is named
    has to be an access token in any case. ``quiet`` says that a scope which isn't stated is the one asked for (RFC 6749 §5.1).
    """

    agent: str
    scope: frozenset[str]
    audiences: frozenset[str]
    ttl: float
    kind: bool = True
    quiet: bool = True


@dataclass(frozen=True, slots=True)
class Grant:
    """A token no wider than asked; ``id`` is its ``jti`` or ``""``, ``expires_at`` is in epoch seconds."""

    value: Secret = field(repr=False)
    id: str
    expires_at: float


def granted_value(fields: Mapping[str, Any]) -> Secret:
    """Return the token of an answer; raise RefusalError(TOKEN_UNAVAILABLE) when none can travel in a header."""
    value = fields.get("access_token")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the answer holds no access_token that a header can carry")
    return Secret(value)


def check_grant(fields: Mapping[str, Any], asked: Asked, *, sent: float, now: float) -> Grant:
    """Return the grant of an answer to a request of the time ``sent``.

    Raise RefusalError(TOKEN_TOO_WIDE) when it is of another type than asked, lives longer or for an unknown time, or
    holds another scope, audience or agent; RefusalError(TOKEN_UNAVAILABLE) when it is none, or already over.
    """
    value = granted_value(fields)
    named = fields.get("issued_token_type")
    if named != ACCESS_TOKEN and (asked.kind or named is not None):  # some servers write null
        raise _wide("another kind of token than an access token")
    kind = fields.get("token_type")
    if not isinstance(kind, str) or kind.lower() != "bearer":  # RFC 6749 §5.1: case-insensitive
        raise _wide("another token_type than Bearer")
    life = fields.get("expires_in")
    if not isinstance(life, int) or isinstance(life, bool):
        raise _wide("a token without expires_in")
    if life > asked.ttl:
        raise _wide(f"{life} s of life, not {asked.ttl:g} s")
    expires_at = sent + life
    claims = read_claims(value.reveal())
    _check_scopes(fields, claims or {}, asked)
    if claims is not None:
        expires_at = min(expires_at, _check_claims(claims, asked, now))
    if expires_at <= now:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the authorization server granted a token that is over")
    jti = None if claims is None else claims.get("jti")
    return Grant(value, jti if isinstance(jti, str) and _UNIQUE.fullmatch(jti) else "", expires_at)


def _wide(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"the authorization server granted {what}")


def _check_scopes(fields: Mapping[str, Any], claims: Mapping[str, Any], asked: Asked) -> None:
    """Everything that is said of the scope, in the answer or in the token; some of what was asked for must be granted.

    Servers drop scopes that they don't know, and answer 200 without any.
    """
    stated = [fields["scope"]] if "scope" in fields else []
    stated += [claims[name] for name in ("scope", "scp") if name in claims]
    some = [_check_scope(granted, asked) for granted in stated]  # each is looked at, before one is empty
    if not all(some) or not (some or asked.quiet):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the authorization server granted no scope")


def _check_scope(granted: object, asked: Asked) -> bool:
    """A string of words, or a list of them as some servers write it; whether there are any."""
    words = granted.split(" ") if isinstance(granted, str) else granted
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise _wide("a scope that can't be read")
    if not asked.scope.issuperset(word for word in words if word):
        raise _wide("a wider scope than asked")
    return any(words)


def _check_claims(claims: Mapping[str, Any], asked: Asked, now: float) -> float:
    """Compare a JWT's claims (RFC 9068 §2.2) with what was asked; return when it ends."""
    end = claims.get("exp")
    if not isinstance(end, int | float) or isinstance(end, bool):
        raise _wide("a JWT without exp")
    if not end <= now + asked.ttl + _SKEW:
        raise _wide(f"a JWT that lives longer than {asked.ttl:g} s")
    audience = claims.get("aud")
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not named or not all(isinstance(each, str) for each in named):
        raise _wide("a JWT for any audience")
    if not asked.audiences.issuperset(named):
        raise _wide("a JWT for another audience than asked")
    subject = claims.get("sub")
    if isinstance(subject, str) and subject.startswith("spiffe://") and subject != asked.agent:
        raise _wide("a JWT about another agent")
    return float(end)


def read_claims(value: str) -> Mapping[str, Any] | None:
    """The claims of a JWT, or None for a token that is none; raise when it is a JWT that can't be read in one way."""
    parts = value.split(".")
    if len(parts) != 3:
        return None
    try:
        if "alg" not in read_object(_decode(parts[0])):
            return None
    except ValueError:
        return None  # three parts, but no JOSE header: an opaque token with two dots
    try:
        return read_object(_decode(parts[1]))
    except ValueError:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the granted JWT can't be read") from None


def _decode(part: str) -> bytes:
    try:
        return base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise ValueError("not base64url") from None
