"""One authenticated call, as its handler sees it.

Must not know: how the caller was authenticated, what a handler does.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, final

from aiohttp import web

from exeat.admin.roles import Permission, Role
from exeat.errors import RefusalError, UnavailableError
from exeat.model.record import RecordKind
from exeat.ports import AuditSink

Kind = Literal["file", "token", "person", "nobody"]
"""The token of ``admin.token_file``, a token of the store, somebody who logged in, or whoever reaches an open route."""


@final
@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. Records say ``by: name``; a person's begins with ``oidc:``, which no token's can."""

    name: str
    role: Role | None
    kind: Kind

    def may(self, permission: Permission | None) -> bool:
        """Whether this caller may do what a route needs; None needs nothing."""
        return permission is None or (self.role is not None and self.role.may(permission))


NOBODY = Caller("", None, "nobody")
ADMIN = Caller("admin", Role.ADMIN, "file")
CALLER = web.RequestKey("caller", Caller)


@final
@dataclass(frozen=True, slots=True)
class Recheck:
    """Whether a caller would be let through now."""

    again: Callable[[], Awaitable[bool]]


RECHECK = web.RequestKey("recheck", Recheck)
"""Both keys are set on every request that the guard lets through."""


@final
@dataclass(frozen=True, slots=True)
class Call:
    """``path`` and ``query`` hold only what the route declares, in the form it declares."""

    request: web.Request
    caller: Caller
    audit: AuditSink
    path: Mapping[str, str]
    query: Mapping[str, str | int]

    @property
    def by(self) -> str:
        """Who asks, as records name them."""
        return self.caller.name

    def number(self, name: str) -> int:
        """A numeric parameter; declared ones have a default."""
        return int(self.query[name])

    def text(self, name: str) -> str | None:
        """A parameter that was given, or None."""
        return str(self.query[name]) if name in self.query else None

    async def still(self) -> bool:
        """Whether the caller may still call: for answers that last, every few seconds."""
        return await self.request[RECHECK].again()

    def record(self, event: str, **more: Any) -> None:
        """Write an admin record of what is about to be done; raise UnavailableError when it can't be written.

        For changes that leave no other record: a mission's write their own.
        """
        write(self.audit, {"event": event, "by": self.by, **more})


def write(audit: AuditSink, record: Mapping[str, Any]) -> None:
    """Write one admin record; raise UnavailableError when it can't be written."""
    try:
        audit.append({"kind": RecordKind.ADMIN.value, **record})
    except RefusalError as error:
        raise UnavailableError("the audit log can't be written") from error
