"""The OpenID provider: where to send people, what became of a code, which keys sign.

Must not know: sessions, roles, our own listener.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, final
from urllib.parse import quote_plus, urlencode

import aiohttp

from exeat.admin.login.claims import check
from exeat.config.endpoints import check_server_url
from exeat.credentials.oauth.endpoint import Endpoints
from exeat.errors import RefusalError, UnavailableError
from exeat.identity.jose import invalid_token, read_token
from exeat.identity.jwk import ALGORITHMS, VerifyingKey, read_keys
from exeat.identity.jwks_fetch import LARGEST, Fetcher, FetchError
from exeat.model.secret import Secret
from exeat.ports import Clock
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import read_json
from exeat.trusted_http import TooLongError, TrustedClient, read_at_most

_FRESH = 3600.0
"""Seconds for which the provider's own description is kept."""
_EARLY = 10.0
"""Seconds at least between two looks for keys."""
_LONGEST = 5.0


@dataclass(frozen=True, slots=True)
class Account:
    """How we are known to the provider, and what is asked of it. ``roles`` by group, the first that fits counts."""

    issuer: str
    client_id: str
    client_secret: Secret
    scopes: tuple[str, ...]
    claim: str
    name: str
    roles: Mapping[str, str]
    session: float


@dataclass(frozen=True, slots=True)
class _Description:
    authorize: str
    token: str
    keys: str
    userinfo: str
    names_itself: bool
    """Whether its answers say who they are from (RFC 9207)."""


@dataclass(slots=True)
class _Kept:
    description: _Description | None = None
    since: float = 0.0
    keys: Mapping[str, VerifyingKey] = field(default_factory=dict)
    looked: float = float("-inf")


@final
class Provider:
    """One OpenID provider. Everything raises UnavailableError when it doesn't answer as it should."""

    def __init__(
        self, account: Account, fetcher: Fetcher, endpoints: Endpoints, client: TrustedClient, clock: Clock
    ) -> None:
        self.account = account
        self._fetcher, self._endpoints, self._client = fetcher, endpoints, client
        self._clock = clock
        self._kept = _Kept()

    async def login_url(self, *, redirect: str, state: str, nonce: str, challenge: str) -> str:
        """Return where a person's browser goes to log in."""
        description = await self._describe()
        asked = {
            "response_type": "code",
            "client_id": self.account.client_id,
            "redirect_uri": redirect,
            "scope": " ".join(self.account.scopes),
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
            "code_challenge_method": "S256",
        }
        return f"{description.authorize}{'&' if '?' in description.authorize else '?'}{urlencode(asked)}"

    async def names_itself(self) -> bool:
        """Whether an answer that doesn't say who it is from can't be the provider's."""
        return (await self._describe()).names_itself

    async def claims(self, *, code: str, redirect: str, verifier: Secret, nonce: str) -> Mapping[str, Any]:
        """Return what the provider says of who logged in, the groups included.

        Raise RefusalError(IDENTITY_INVALID) when the code or the ID token doesn't prove this login.
        """
        description = await self._describe()
        tokens = await self._redeem(description, code, redirect, verifier)
        claims = await self._verified(tokens.get("id_token"), nonce)
        access = tokens.get("access_token")
        if self.account.claim in claims or not description.userinfo or not isinstance(access, str):
            return claims
        more = await self._userinfo(description.userinfo, Secret(access))
        if more.get("sub") != claims["sub"]:  # OpenID Connect Core §5.3.2
            raise invalid_token("the provider's userinfo is of somebody else")
        return {**more, **claims}

    async def close(self) -> None:
        """Close every connection."""
        await self._fetcher.close()
        await self._endpoints.close()
        await self._client.close()

    async def _redeem(self, description: _Description, code: str, redirect: str, verifier: Secret) -> Mapping[str, Any]:
        account = self.account
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": redirect,
            "code_verifier": verifier.reveal(),
        }
        pair = f"{quote_plus(account.client_id)}:{quote_plus(account.client_secret.reveal())}"  # RFC 6749 §2.3.1
        basic = base64.b64encode(pair.encode()).decode()
        try:
            answer = await self._endpoints.post(description.token, form, {"Authorization": f"Basic {basic}"})
        except RefusalError as error:
            raise UnavailableError(f"the login provider can't be asked: {error.detail}") from None
        if answer.status != 200:
            if answer.error == "invalid_client":
                raise UnavailableError("the login provider doesn't take our client secret")
            raise invalid_token(f"the provider refused the code: {answer.error}")
        return answer.fields

    async def _verified(self, shown: object, nonce: str) -> Mapping[str, Any]:
        if not isinstance(shown, str):
            raise invalid_token("the provider gave no ID token")
        token = read_token(shown)
        key = await self._key(token.kid)
        account = self.account
        return check(
            token, key, issuer=account.issuer, client_id=account.client_id, nonce=nonce, now=self._clock.time()
        )

    async def _key(self, kid: str) -> VerifyingKey:
        kept, now = self._kept, self._clock.monotonic()
        if (kid not in kept.keys and now - kept.looked >= _EARLY) or now - kept.looked >= _FRESH:
            document = await self._get((await self._describe()).keys)
            try:
                kept.keys = read_keys(document, ALGORITHMS)
            except ValueError as error:
                raise UnavailableError(f"the login provider's keys can't be read: {error}") from None
            kept.looked = now
        found = kept.keys.get(kid)
        if found is None:
            raise invalid_token("not signed with a key of its issuer")
        return found

    async def _describe(self) -> _Description:
        """The provider's description (OpenID Connect Discovery 1.0 §4)."""
        kept, now = self._kept, self._clock.monotonic()
        if kept.description is None or now - kept.since > _FRESH:
            issuer = self.account.issuer
            said = _object(await self._get(f"{issuer.rstrip('/')}/.well-known/openid-configuration"))
            if said.get("issuer") != issuer:
                raise UnavailableError("the login provider calls itself otherwise than admin.oidc.issuer")
            try:
                kept.description = _Description(
                    check_server_url(_text(said, "authorization_endpoint")),
                    check_server_url(_text(said, "token_endpoint")),
                    check_server_url(_text(said, "jwks_uri")),
                    check_server_url(_text(said, "userinfo_endpoint")) if "userinfo_endpoint" in said else "",
                    said.get("authorization_response_iss_parameter_supported") is True,
                )
            except ValueError as error:
                raise UnavailableError(f"the login provider's description can't be used: {error}") from None
            kept.since = now
        return kept.description

    async def _get(self, url: str) -> bytes:
        try:
            return await self._fetcher.get(url)
        except FetchError as error:
            raise UnavailableError(f"the login provider can't be asked: {error}") from None

    async def _userinfo(self, url: str, access: Secret) -> Mapping[str, Any]:
        headers = {"Authorization": f"Bearer {access.reveal()}", "Accept": "application/json", "User-Agent": "exeat"}
        try:
            async with asyncio.timeout(_LONGEST), self._client.ask("GET", url, headers) as response:
                if response.status != 200 or response.content_type != "application/json":
                    raise UnavailableError(f"the login provider's userinfo answered {response.status}")
                return _object(await read_at_most(response, LARGEST))
        except (TimeoutError, TooLongError, aiohttp.ClientError, OSError) as error:
            raise UnavailableError(f"the login provider can't be asked: {type(error).__name__}") from None


def _object(document: bytes) -> Mapping[str, Any]:
    try:
        value = read_json(document)
    except UnreadableError:
        value = None
    if not isinstance(value, dict):
        raise UnavailableError("the login provider answered something else than one JSON object")
    return value


def _text(said: Mapping[str, Any], name: str) -> str:
    value = said.get(name)
    if not isinstance(value, str):
        raise UnavailableError(f"the login provider doesn't say its {name}")
    return value
