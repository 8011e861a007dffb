"""GitHub's API as an app sees it: signed as the app, or with a token that is to be revoked.

Must not know: what a token is for, whether it is too wide.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import Any, final

import jwt
import orjson
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from exeat.credentials.github.wanted import Wanted
from exeat.credentials.oauth.endpoint import Answer, Endpoints
from exeat.errors import RefusalError
from exeat.model.issuing.github_app import GitHubApp
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock

_BACK, _LIFE = 60, 540
"""Seconds: ``iat`` in the past for clocks that differ, ``exp`` below GitHub's ten minutes from there on."""
_KNOWN, _REMEMBERED = 600.0, 1024
"""Seconds that an owner's installation is believed, and how many."""
_HEADERS = {
    "User-Agent": "exeat",
    "Accept": "application/vnd.github+json",
    "Accept-Encoding": "identity",
    "X-GitHub-Api-Version": "2022-11-28",
}


@final
class GitHubApi:
    """``endpoints`` bounds time and size, and leaves a server alone that is down."""

    def __init__(self, endpoints: Endpoints, clock: Clock) -> None:
        self._endpoints = endpoints
        self._clock = clock
        self._keys: dict[str, tuple[Secret, rsa.RSAPrivateKey]] = {}
        self._installations: OrderedDict[tuple[str, str, str], tuple[int, float]] = OrderedDict()

    async def installation(self, app: GitHubApp, key: Secret, wanted: Wanted) -> int:
        """The installation in the account of the wanted owner: configured, remembered, or asked for.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the app isn't installed there.
        """
        if app.installation:
            return app.installation
        if not wanted.owner:
            raise _refused("the request names no owner: write issuer.installation")
        place, now = (app.api_url, app.client_id, wanted.owner), self._clock.monotonic()
        known = self._installations.get(place)
        if known is not None and now < known[1]:
            return known[0]
        found = await self._look_up(app, key, wanted)
        self._installations[place] = (found, now + _KNOWN)
        while len(self._installations) > _REMEMBERED:
            self._installations.popitem(last=False)
        return found

    def forget(self, app: GitHubApp, wanted: Wanted) -> None:
        """Ask anew for this owner's installation next time."""
        self._installations.pop((app.api_url, app.client_id, wanted.owner), None)

    async def _look_up(self, app: GitHubApp, key: Secret, wanted: Wanted) -> int:
        one = next(iter(sorted(wanted.repositories)), "")
        paths = [f"/repos/{wanted.owner}/{one}"] if one else [f"/orgs/{wanted.owner}", f"/users/{wanted.owner}"]
        status = 0
        for path in paths:
            answer = await self._as_app(app, key, "GET", f"{path}/installation")
            number = answer.fields.get("id")
            if answer.status == 200 and isinstance(number, int) and not isinstance(number, bool):
                return number
            status = answer.status
        raise _refused(f"the app is not installed there, as far as GitHub says ({status})")

    async def grant(self, app: GitHubApp, key: Secret, installation: int, wanted: Wanted) -> Answer:
        """Ask for a token of exactly the wanted repositories and permissions."""
        body: dict[str, Any] = {"permissions": dict(wanted.permissions)}
        if wanted.repositories:
            body["repositories"] = sorted(wanted.repositories)
        return await self._as_app(app, key, "POST", f"/app/installations/{installation}/access_tokens", body)

    async def revoke(self, app: GitHubApp, token: Secret) -> bool:
        """Have a token end itself; whether GitHub said that it did, or that it knows no such token any more."""
        headers = {**_HEADERS, "Authorization": f"Bearer {token.reveal()}"}
        answer = await self._endpoints.ask("DELETE", f"{app.api_url}/installation/token", headers)
        return answer.status in (204, 401)

    async def _as_app(
        self, app: GitHubApp, key: Secret, method: str, path: str, body: dict[str, Any] | None = None
    ) -> Answer:
        headers = {**_HEADERS, "Authorization": f"Bearer {self._signed(app, key)}"}
        sent = None if body is None else orjson.dumps(body)
        if sent is not None:
            headers["Content-Type"] = "application/json"
        return await self._endpoints.ask(method, f"{app.api_url}{path}", headers, sent)

    def _signed(self, app: GitHubApp, key: Secret) -> str:
        """A JWT of the app (RS256), from GitHub's page "Generating a JSON Web Token (JWT) for a GitHub App"."""
        now = int(self._clock.time())
        claims = {"iat": now - _BACK, "exp": now + _LIFE, "iss": app.client_id}
        return jwt.encode(claims, self._key(app.private_key, key), "RS256")

    def _key(self, reference: str, key: Secret) -> rsa.RSAPrivateKey:
        """The key, read once as long as the secret behind the reference is the same."""
        held = self._keys.get(reference)
        if held is not None and held[0] is key:
            return held[1]
        try:
            read = serialization.load_pem_private_key(key.reveal().encode("ascii"), password=None)
        except (ValueError, TypeError):
            read = None  # not chained: what a parser says about a private key may quote it
        if not isinstance(read, rsa.RSAPrivateKey):
            raise _refused("the app's private key is no RSA key in PEM")
        self._keys[reference] = (key, read)
        return read


def _refused(why: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, why)
