"""``google-secretmanager:projects/P/secrets/S[/versions/V][#FIELD]``: a text in Google Secret Manager, or a field of a JSON object.

Each look asks for a token anew, by our word about this installation; between two looks nothing is kept.
https://cloud.google.com/secret-manager/docs/reference/rest/v1/projects.secrets.versions/access. Must not know: what a secret opens.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping, Sequence
from typing import final

from exeat.credentials.google.federation import CLOUD, HOUR, Federation, granted
from exeat.credentials.held import Current
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.credentials.oauth.grant import Asked
from exeat.credentials.remote.fields import field_of
from exeat.errors import ExeatError, RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.secret_places import GoogleSecretPlace
from exeat.ports import Clock

_LIFE = 300.0
"""Seconds that a service account's token lives; it is used at once."""
_VERSION = re.compile(r"projects/[^/]+/secrets/([^/]+)/versions/(\d+)")


@final
class GoogleSecretManager:
    """Implements ``source.RemoteSource``. ``me`` is this installation."""

    def __init__(
        self, place: GoogleSecretPlace, endpoints: Endpoints, assertions: Assertions, me: str, clock: Clock
    ) -> None:
        self._place = place
        self._endpoints = endpoints
        self._assertions = assertions
        self._me = me
        self._federation = Federation(endpoints, clock)

    async def fetch(self, names: Sequence[str]) -> Mapping[str, Current | ExeatError]:
        """Read all of them with one token; raise RefusalError when there is none."""
        token = await self._login()
        return {name: await self._read(token, name) for name in names}

    async def _login(self) -> Secret:
        place = self._place
        word = self._assertions.about(self._me, f"https:{place.provider}")
        asked = Asked(self._me, frozenset({CLOUD}), frozenset(), HOUR)
        grant = await self._federation.federate(place.sts_url, place.provider, word, asked)
        if place.service_account:
            account = place.service_account
            grant = await self._federation.impersonate(place.iam_url, account, grant.value, [CLOUD], _LIFE)
        return grant.value

    async def _read(self, token: Secret, name: str) -> Current | ExeatError:
        path, _, field = name.partition("#")
        if "/versions/" not in path:
            path = f"{path}/versions/latest"
        headers = {"Authorization": f"Bearer {token.reveal()}"}
        try:
            answer = granted(await self._endpoints.ask("GET", f"{self._place.server}/v1/{path}:access", headers))
            if not _is_of(path, str(answer.fields.get("name"))):
                raise _unavailable("answered with another secret or version")
            return Current(field_of(_text(answer.fields.get("payload")), field))
        except RefusalError as error:
            return error


def _is_of(asked: str, answered: str) -> bool:
    """Whether an answer is of the version asked for. It names the project by its number, and the version where an alias was given."""
    found, (_, _, _, secret, _, version) = _VERSION.fullmatch(answered), asked.split("/")
    return found is not None and found[1] == secret and (not version.isdecimal() or found[2] == version)


def _text(payload: object) -> str:
    data = payload.get("data") if isinstance(payload, dict) else None
    try:
        return base64.b64decode(str(data), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        raise _unavailable("holds no text") from None


def _unavailable(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, f"Google Secret Manager: {what}")
