"""TokenRequest (``authentication.k8s.io/v1``): what is sent, and what its answer must say. Pure.

A token issuer may return another life than asked, says the reference of the type; API servers with
``--service-account-extend-token-expiration`` give a year where an hour was asked. So the token itself is read. Must not know:
networks, who we are to the API server.
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
from exeat.model.issuing.kubernetes import BoundObject
from exeat.model.reason import Reason
from exeat.model.secret import Secret

_VALUE = re.compile(r"[A-Za-z0-9_-]+\.([A-Za-z0-9_-]+)\.[A-Za-z0-9_-]+")
_SKEW = 5.0
"""Seconds by which the API server's clock may differ from ours."""
_UNIQUE = re.compile(r"[!-~]{1,128}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """A token of one service account, for one audience, for so many seconds."""

    namespace: str
    account: str
    audience: str
    seconds: int
    bound_to: BoundObject | None = None

    @property
    def path(self) -> str:
        """Where it is asked for."""
        return f"/api/v1/namespaces/{self.namespace}/serviceaccounts/{self.account}/token"

    def body(self) -> dict[str, Any]:
        """The TokenRequest."""
        spec: dict[str, Any] = {"audiences": [self.audience], "expirationSeconds": self.seconds}
        if self.bound_to is not None:
            reference = {"apiVersion": "v1", "kind": self.bound_to.kind, "name": self.bound_to.name}
            spec["boundObjectRef"] = reference | ({"uid": self.bound_to.uid} if self.bound_to.uid else {})
        return {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec}


@dataclass(frozen=True, slots=True)
class Granted:
    """A token as wanted; ``id`` is its ``jti`` or "", ``expires_at`` in epoch seconds."""

    value: Secret = field(repr=False)
    id: str
    expires_at: float


def check_token_request(fields: Mapping[str, Any], wanted: Wanted, *, sent: float, now: float) -> Granted:
    """Return the token of an answer to a request of the time ``sent``.

    Raise RefusalError(TOKEN_TOO_WIDE) when it is another account's, for another audience, lives longer, or isn't bound to what
    was asked; RefusalError(TOKEN_UNAVAILABLE) when it is none, or already over.
    """
    status = fields.get("status")
    value = status.get("token") if isinstance(status, dict) else None
    found = _VALUE.fullmatch(value) if isinstance(value, str) else None
    if fields.get("kind") != "TokenRequest" or found is None or not isinstance(value, str):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the API server's answer holds no token that can be read")
    claims = _claims(found[1])
    named = claims.get("aud")
    if named not in ([wanted.audience], wanted.audience):
        raise _wide("another audience")
    if claims.get("sub") != f"system:serviceaccount:{wanted.namespace}:{wanted.account}":
        raise _wide("another service account")
    end = claims.get("exp")
    if not isinstance(end, int | float) or isinstance(end, bool):
        raise _wide("a token without exp")
    if not end <= now + wanted.seconds + _SKEW:
        raise _wide(f"{end - now:.0f} s of life, not {wanted.seconds} s")
    if end <= now:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the API server granted a token that is over")
    _check_bound(claims.get("kubernetes.io"), wanted.bound_to)
    jti = claims.get("jti")
    unique = jti if isinstance(jti, str) and _UNIQUE.fullmatch(jti) else ""
    return Granted(Secret(value), unique, min(float(end), sent + wanted.seconds))


def _check_bound(private: object, bound_to: BoundObject | None) -> None:
    if bound_to is None:
        return
    reference = private.get(bound_to.kind.lower()) if isinstance(private, dict) else None
    if not isinstance(reference, dict) or reference.get("name") != bound_to.name:
        raise _wide("a token that isn't bound to the object")
    if bound_to.uid and reference.get("uid") != bound_to.uid:
        raise _wide("a token that is bound to another object")


def _claims(part: str) -> Mapping[str, Any]:
    try:
        return read_object(base64.b64decode(part + "=" * (-len(part) % 4), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the granted token can't be read") from None


def _wide(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"the API server granted {what}")
