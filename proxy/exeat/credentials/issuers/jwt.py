"""Our own access tokens: JWTs narrowed to one action on one resource.

Origins verify them against our JWK set. Must not know: caches, policies, how keys are kept.
"""

from __future__ import annotations

import secrets
from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.keys import KeyRing
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.jwt import SignedToken
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock

TYP = "at+jwt"
"""RFC 9068 §2.1: keeps every other kind of JWT from being taken for an access token."""
TXN_TYP = "txntoken+jwt"
"""The type of transaction tokens, which are no access tokens (draft-ietf-oauth-transaction-tokens-10)."""


@final
class JwtIssuer:
    """Mint grade A tokens in the profile of RFC 9068, or as transaction tokens; implements the Issuer port.

    ``issuer_url`` is the ``iss`` claim, below which origins find ``/.well-known/jwks.json``.
    """

    def __init__(self, keyring: KeyRing, issuer_url: str, clock: Clock) -> None:
        self._keyring = keyring
        self._issuer = issuer_url
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Sign a token for exactly this request; it lives whole seconds, ``spec.ttl`` at most. No I/O.

        ``authorization_details`` (RFC 9396 §2) carries the decision: an origin that checks it grants nothing more. ``client_id`` is
        always the agent that acts. Where the mission was delegated, ``sub`` is the agent that an operator sent, whose right it is,
        and ``act`` (RFC 8693 §4.1) who acts on it: outermost the acting agent, inside whoever delegated to it, and so on.
        Raise RefusalError(TOKEN_UNAVAILABLE) when the service names no audience or a life below a second.
        """
        issued = int(self._clock.time())
        expires = issued + int(spec.ttl)
        if not spec.audience or expires <= issued:
            raise RefusalError(
                Reason.TOKEN_UNAVAILABLE, f"issuer of {request.service}: set audience, and ttl of 1s or more"
            )
        jti = secrets.token_urlsafe(16)
        claims = {
            "iss": self._issuer,
            "aud": spec.audience,
            "sub": request.act[-1] if request.act else request.agent,
            "jti": jti,
            "iat": issued,
            "nbf": issued,
            "exp": expires,
            "scope": request.scope,
        }
        txn = isinstance(spec.details, SignedToken) and spec.details.profile == "txn"
        claims |= _transaction(request) if txn else _access(request)
        value = self._keyring.current().token(TXN_TYP if txn else TYP, claims)
        return Token(value, jti, Grade.A, float(expires))

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: a self-contained token lives until its ``exp``, which is why ``ttl`` is short."""
        return False


def _access(request: TokenRequest) -> dict[str, object]:
    """What an access token says beside the common claims."""
    return {
        "client_id": request.agent,
        "mission": request.mission,
        "authorization_details": [{"type": "exeat", "action": request.action, "resource": request.resource}],
        **_acting(request),
    }


def _transaction(request: TokenRequest) -> dict[str, object]:
    """What a transaction token says: the mission is the transaction, the agent the workload that asks for it.

    ``tctx`` is what was decided, ``rctx`` in whose name it was asked for.
    """
    return {
        "txn": request.mission,
        "req_wl": request.agent,
        "tctx": {"action": request.action, "resource": request.resource},
        "rctx": {"mission": request.mission, **_acting(request)},
    }


def _acting(request: TokenRequest) -> dict[str, object]:
    """The ``act`` claim of a delegated request; the first delegator is the token's subject and no actor."""
    if not request.act:
        return {}
    chain: dict[str, object] = {}
    for agent in reversed((request.agent, *request.act[:-1])):
        chain = {"sub": agent, "act": chain} if chain else {"sub": agent}
    return {"act": chain}


def _build(parts: IssuerParts) -> JwtIssuer:
    return JwtIssuer(parts.keyring, parts.issuer_url, parts.clock)


KIND = IssuerKind(
    "jwt",
    _build,
    Proof.ENFORCED,
    narrows="one action on one resource, in `scope` and `authorization_details` (RFC 9396); origins check it against our JWK set",
    revokes="not before it expires: it is self-contained, which is why `ttl` is short",
    servers=("an origin of our own that verifies with PyJWT",),
)
