"""A worker's side of the list of tokens: what is said of each one before it is used.

Must not know: where the list is kept.
"""

from __future__ import annotations

from exeat.credentials.broker import Note
from exeat.model.decision import TokenRequest
from exeat.model.issued import IssuedToken
from exeat.model.issuing import IssuerSpec
from exeat.model.token import Token
from exeat.ports import Clock, TokenList


def listing(tokens: TokenList, clock: Clock) -> Note:
    """Have each token listed, with what revokes it; a grade C credential is somebody else's too, and revoked by nobody here."""

    async def note(request: TokenRequest, token: Token, spec: IssuerSpec) -> None:
        line = IssuedToken(
            id=token.id,
            mission=request.mission,
            session=request.session,
            service=request.service,
            kind=spec.kind,
            grade=str(token.grade),
            action=request.action,
            issued_at=clock.time(),
            expires_at=token.expires_at,
        )
        await tokens.issued(line, token.handle or token.value)

    return note
