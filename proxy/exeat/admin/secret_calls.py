"""``/v1/secrets``: secrets in the store, set, replaced, listed, removed. No answer and no record holds a value.

Must not know: how a secret is sealed, what it opens.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, final

from pydantic import Field

from exeat.admin.bodies import Body, ReasonBody
from exeat.admin.call import Call
from exeat.admin.parameters import Segment
from exeat.admin.roles import Permission
from exeat.admin.route import Route, get, post
from exeat.admin.secret_answers import SecretList, SecretRemoved, SecretShape, SecretsResealed
from exeat.config.values import Duration
from exeat.credentials.remote.store import PREFIX
from exeat.credentials.safe import Safe
from exeat.credentials.sources import usable
from exeat.errors import ConflictError, NotFoundError, StartError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.missions.times import rfc3339
from exeat.model.sealed import SealedSecret

_SHAPE = r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"
_NAME = Segment("name", "name of a secret", _SHAPE, "Lower-case letters, digits, '.', '_' and '-', 63 at most.")
_LONGEST = 366 * 86400.0


class SecretBody(Body):
    """``POST /v1/secrets/{name}`` and ``…/rotate``: the value that it replaces is recognised for ``overlap`` more."""

    value: Annotated[str, Field(max_length=32 * 1024)]
    overlap: Duration | None = None


@dataclass(frozen=True, slots=True)
class SecretDesk:
    """Where secrets are kept, and who acts on a change: workers of this host, then those of every other.

    ``used_by`` says which places of the configuration name one; ``overlap`` is in seconds.
    """

    safe: Safe
    here: Callable[[], Awaitable[None]]
    elsewhere: Callable[[], Awaitable[Any]]
    used_by: Mapping[str, Sequence[str]]
    overlap: float


@final
class SecretCalls:
    """Handlers of the calls about secrets."""

    def __init__(self, desk: SecretDesk) -> None:
        self._desk = desk

    def routes(self) -> list[Route]:
        """Return the routes of these calls."""
        admin = Permission.ADMINISTER
        return [
            get("/v1/secrets", self.list, admin, "Secrets in the store, never their values", SecretList),
            post(
                "/v1/secrets/{name}", self.set, admin, "Set a secret, or replace it, in every worker at once", SecretShape,
                body=SecretBody, segments=(_NAME,), problems=(ConflictError, NotFoundError),
            ),
            post(
                "/v1/secrets/{name}/rotate", self.rotate, admin, "Replace a secret that is there", SecretShape,
                body=SecretBody, segments=(_NAME,), problems=(ConflictError, NotFoundError),
            ),
            post(
                "/v1/secrets/{name}/remove", self.remove, admin, "Remove a secret: nothing uses it any more", SecretRemoved,
                body=ReasonBody, segments=(_NAME,), problems=(NotFoundError,),
            ),
            post(
                "/v1/reseal", self.reseal, admin, "Seal everything under the key that is configured now", SecretsResealed,
                body=ReasonBody, problems=(ConflictError,),
            ),
        ]  # fmt: skip

    async def list(self, _call: Call) -> dict[str, Any]:
        """Return every secret without its value."""
        return {"secrets": [self._view(each) for each in await self._desk.safe.listed(PREFIX)]}

    async def set(self, call: Call, body: SecretBody) -> dict[str, Any]:
        """Set or replace a secret; every worker uses it when this answers."""
        return await self._write(call, "secret_set", body)

    async def rotate(self, call: Call, body: SecretBody) -> dict[str, Any]:
        """Replace a secret; one that isn't there is a mistake."""
        await self._there(call.path["name"])
        return await self._write(call, "secret_rotate", body)

    async def remove(self, call: Call, body: ReasonBody) -> dict[str, Any]:
        """Remove a secret; nothing is served with it when this answers."""
        name = call.path["name"]
        await self._there(name)
        call.record("secret_remove", secret=name, reason=body.reason)
        await self._desk.safe.remove(PREFIX + name, tell=True)
        await self._spread()
        return {"name": name, "used_by": list(self._desk.used_by.get(name, ()))}

    async def reseal(self, call: Call, body: ReasonBody) -> dict[str, Any]:
        """Seal what isn't yet under the present key; it can be repeated."""
        call.record("secrets_reseal", reason=body.reason)
        return {"resealed": await self._desk.safe.reseal()}

    async def _write(self, call: Call, event: str, body: SecretBody) -> dict[str, Any]:
        name, overlap = call.path["name"], self._desk.overlap if body.overlap is None else body.overlap
        if not 0 <= overlap <= _LONGEST:
            raise InvalidFieldsError([FieldError("overlap", f"write at most {_LONGEST / 86400:g}d")])
        try:
            value = usable("the value", body.value)
        except StartError as error:
            raise InvalidFieldsError([FieldError("value", f"{error}: {error.hint}")]) from None
        call.record(event, secret=name, overlap=overlap)
        await self._desk.safe.write(PREFIX + name, value, overlap=overlap, by=call.by, tell=True)
        await self._spread()
        return self._view(await self._there(name))

    async def _spread(self) -> None:
        """Here first: this host's workers are ours to wait for; then whoever else heard of it by the feed."""
        await self._desk.here()
        await self._desk.elsewhere()

    async def _there(self, name: str) -> SealedSecret:
        found = next((each for each in await self._desk.safe.listed(PREFIX + name) if each.name == PREFIX + name), None)
        if found is None:
            raise NotFoundError(f"there is no secret {name!r}", "exeat secret list shows what there is.")
        return found

    def _view(self, secret: SealedSecret) -> dict[str, Any]:
        name, until = secret.name.removeprefix(PREFIX), secret.previous_until
        return {
            "name": name,
            "version": secret.version,
            "changed_at": rfc3339(secret.changed_at),
            "changed_by": secret.changed_by,
            "previous_until": None if until is None else rfc3339(until),
            "used_by": list(self._desk.used_by.get(name, ())),
        }
