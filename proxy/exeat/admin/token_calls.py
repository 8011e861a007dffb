"""``/v1/tokens``: who may call, made, listed and taken back; and ``/v1/whoami``.

Must not know: how a token is kept or compared.
"""

from __future__ import annotations

from typing import Any, final

from exeat.admin.answers import Token, TokenCreated, TokenList, WhoAmI
from exeat.admin.bodies import ReasonBody, TokenBody
from exeat.admin.call import Call
from exeat.admin.paging import page
from exeat.admin.parameters import LIMIT, Segment, Text
from exeat.admin.roles import Permission, Role
from exeat.admin.route import Route, get, post
from exeat.admin.tokens import DEFAULT_LIFE, TOKEN_ID, Tokens
from exeat.errors import ConflictError, NotFoundError
from exeat.missions.times import rfc3339
from exeat.model.admin_token import AdminToken

_ID = Segment("id", "token id", TOKEN_ID, "exeat admin token list shows the ids.")
_BEFORE = Text("before", "The id of the last one already seen.", TOKEN_ID)


@final
class TokenCalls:
    """Handlers of the token calls."""

    def __init__(self, tokens: Tokens) -> None:
        self._tokens = tokens

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        admin = Permission.ADMINISTER
        return [
            get("/v1/whoami", self.who, Permission.SCRAPE, "Who the caller is and what it may do", WhoAmI),
            get("/v1/tokens", self.list, admin, "Tokens, newest first", TokenList, query=(LIMIT, _BEFORE)),
            post(
                "/v1/tokens",
                self.create,
                admin,
                "Make a token; only this answer holds its secret",
                TokenCreated,
                body=TokenBody,
                status=201,
                problems=(ConflictError,),
            ),
            post(
                "/v1/tokens/{id}/revoke",
                self.revoke,
                admin,
                "Take a token back for good",
                Token,
                body=ReasonBody,
                segments=(_ID,),
                problems=(NotFoundError,),
            ),
        ]

    async def who(self, call: Call) -> dict[str, Any]:
        """Say who calls."""
        role = call.caller.role
        may = [permission.value for permission in Permission if call.caller.may(permission)]
        return {"name": call.by, "role": role or "", "kind": call.caller.kind, "permissions": may}

    async def list(self, call: Call) -> dict[str, Any]:
        """Return tokens of any state, newest first."""
        limit = call.number("limit")
        found = await self._tokens.page(limit + 1, call.text("before"))
        return page(call, "tokens", found, self._view, lambda token: token.id)

    async def create(self, call: Call, body: TokenBody) -> dict[str, Any]:
        """Make a token."""
        life = DEFAULT_LIFE if body.expires is None else body.expires
        token, secret = self._tokens.plan(body.name, Role(body.role), life, call.by)
        call.record(
            "token_create", token=token.id, name=token.name, role=token.role, expires_at=rfc3339(token.expires_at)
        )
        await self._tokens.add(token)
        return self._view(token) | {"secret": secret.reveal()}

    async def revoke(self, call: Call, body: ReasonBody) -> dict[str, Any]:
        """Take a token back."""
        token = await self._tokens.get(call.path["id"])
        call.record("token_revoke", token=token.id, name=token.name, role=token.role, reason=body.reason)
        return self._view(await self._tokens.revoke(token))

    def _view(self, token: AdminToken) -> dict[str, Any]:
        return {
            "id": token.id,
            "name": token.name,
            "role": token.role,
            "state": self._tokens.state(token),
            "created_at": rfc3339(token.created_at),
            "created_by": token.created_by,
            "expires_at": rfc3339(token.expires_at),
            "used_at": None if token.used_at is None else rfc3339(token.used_at),
            "revoked_at": None if token.revoked_at is None else rfc3339(token.revoked_at),
        }
