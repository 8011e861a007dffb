"""Is what an issuer granted what was asked for? Servers answer 200 with something else.

Must not know: how the token was obtained, or who waits for it.
"""

from __future__ import annotations

from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.token import Token

_ROUNDING = 1.0
"""Seconds; issuers state ends of life in whole seconds."""


def check_granted(token: object, spec: IssuerSpec, now: float) -> Token:
    """Return the token when it keeps its promise.

    Raise RefusalError(TOKEN_TOO_WIDE) when it lives longer than ``spec.ttl``, has no end of life though its grade
    isn't C, or is of another grade than its kind promises; RefusalError(TOKEN_UNAVAILABLE) when it is none, or
    already over.
    """
    if not isinstance(token, Token):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"{spec.kind} returned no token")
    promised = spec.grade
    if token.grade is not promised:
        raise RefusalError(Reason.TOKEN_TOO_WIDE, f"{spec.kind} granted grade {token.grade}, not {promised}")
    if token.expires_at is None:
        if token.grade is not Grade.C:
            raise RefusalError(Reason.TOKEN_TOO_WIDE, f"{spec.kind} granted a token without end")
    elif not token.expires_at <= now + spec.ttl + _ROUNDING:  # so written that NaN is refused too
        raise RefusalError(
            Reason.TOKEN_TOO_WIDE, f"{spec.kind} granted {token.expires_at - now:.0f} s, not {spec.ttl:g} s"
        )
    elif token.expires_at <= now:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"{spec.kind} granted a token that is over")
    return token
