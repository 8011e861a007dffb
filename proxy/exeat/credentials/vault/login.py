"""Logging in to a Vault server, for one purpose each time: by an AppRole, or by a JWT of ours and no secret at all.

Everything made under a login dies when it is revoked, or when its time is up (Vault's "Lease, Renew, and Revoke"). Must not
know: what the login is for.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import final

from exeat.credentials.keys import KeyRing
from exeat.credentials.vault.client import VaultClient, seconds_in, too_wide, unavailable
from exeat.model.decision import TokenRequest
from exeat.model.issuing.vault import VaultLogin
from exeat.model.secret import Secret
from exeat.ports import Clock

_TOKEN = re.compile(r"[!-~]{8,4096}")
_FREE = frozenset({"default"})
"""The policy that every token has unless asked otherwise: it lets a token look at, renew and revoke itself."""
_LIFE = 60
"""Seconds that our word is good for; it is used at once."""


@dataclass(frozen=True, slots=True, eq=False)
class Login:
    """What a login granted. ``expires_at`` is in epoch seconds by our clock, counted from before it was asked for."""

    place: VaultLogin
    token: Secret = field(repr=False)
    policies: frozenset[str]
    expires_at: float
    renewable: bool
    revocable: bool


@final
class Logins:
    """``secret`` returns what lies at a source; it is asked each time, so that a new value is used at once."""

    def __init__(
        self, client: VaultClient, keyring: KeyRing, issuer_url: str, secret: Callable[[str], Secret], clock: Clock
    ) -> None:
        self._client = client
        self._keyring = keyring
        self._issuer = issuer_url
        self._secret = secret
        self._clock = clock

    async def begin(self, place: VaultLogin, request: TokenRequest | None = None) -> Login:
        """Log in, for a request's agent or for ourselves; what was granted isn't checked yet.

        Raise RefusalError(TOKEN_UNAVAILABLE) when it is refused.
        """
        sent = self._clock.time()
        if place.method == "approle":
            form = {"role_id": place.role, "secret_id": self._secret(place.secret_id).reveal()}
        else:
            form = {"role": place.role, "jwt": self._word(place.audience, request).reveal()}
        answer = await self._client.call(place, "POST", f"auth/{place.mount}/login", body=form)
        if answer.status != 200:
            raise unavailable(f"refused the login at {place.mount} ({answer.status})")
        return _login(place, answer.section("auth"), sent)

    async def narrow(self, login: Login, policies: Collection[str], seconds: float, request: TokenRequest) -> Login:
        """A token below this one with these policies alone, that can't be renewed; it dies with the login.

        Raise RefusalError(TOKEN_TOO_WIDE) when it has others too.
        """
        sent, life = self._clock.time(), f"{int(seconds)}s"
        asked = {
            "policies": sorted(policies),
            "no_default_policy": True,
            "renewable": False,
            "ttl": life,
            "explicit_max_ttl": life,
            "meta": {"mission": request.mission, "agent": request.agent, "action": request.action},
        }
        answer = await self._client.call(login.place, "POST", "auth/token/create", login.token, asked)
        if answer.status != 200:
            raise unavailable(f"refused a token with fewer policies ({answer.status})")
        child = _login(login.place, answer.section("auth"), sent)
        if child.token.reveal() == login.token.reveal():
            raise too_wide("the login itself instead of a token with fewer policies")
        check_policies(child.policies, policies)
        return child

    async def renew(self, login: Login, seconds: float) -> Login:
        """Let a login live for longer; read from the answer for how long, for a server shortens what is asked with 200."""
        sent = self._clock.time()
        asked = {"increment": f"{int(seconds)}s"}
        answer = await self._client.call(login.place, "POST", "auth/token/renew-self", login.token, asked)
        granted = seconds_in(answer.section("auth"))
        if answer.status != 200 or not granted:
            raise unavailable(f"renewed no login ({answer.status})")
        return replace(login, expires_at=sent + granted)

    async def end(self, place: VaultLogin, token: Secret) -> bool:
        """Revoke a login and with it all that was made under it; whether the server says that it did."""
        answer = await self._client.call(place, "POST", "auth/token/revoke-self", token, {})
        return answer.status in {200, 204}

    def _word(self, audience: str, request: TokenRequest | None) -> Secret:
        """Our word about an agent, what it is about to do and for which mission; or about this installation."""
        issued = int(self._clock.time())
        claims: dict[str, object] = {
            "iss": self._issuer,
            "sub": self._issuer if request is None else request.agent,
            "aud": audience,
            "jti": secrets.token_urlsafe(16),
            "iat": issued,
            "nbf": issued,
            "exp": issued + _LIFE,
        }
        if request is not None:
            claims |= {
                "mission": request.mission,
                "service": request.service,
                "action": request.action,
                "resource": request.resource,
                "scope": request.scope,
            }
        return self._keyring.current().token("JWT", claims)


def check_login(login: Login) -> None:
    """Raise RefusalError(TOKEN_TOO_WIDE) when a login has policies beyond those that the configuration names, TOKEN_UNAVAILABLE when it couldn't be revoked."""
    check_policies(login.policies, login.place.policies | _FREE)
    if not login.revocable:
        raise unavailable("gave a batch token, which can't be revoked: set the role's token_type to service")


def check_policies(got: Collection[str], asked: Collection[str]) -> None:
    """Raise RefusalError(TOKEN_TOO_WIDE) when a token has policies that weren't asked for."""
    beyond = sorted(set(got) - set(asked))
    if beyond:
        named = ", ".join(each if each.isascii() and each.isprintable() else "?" for each in beyond)
        raise too_wide(f"policies that were not asked for: {named[:200]}")


def _login(place: VaultLogin, auth: Mapping[str, object], sent: float) -> Login:
    token, policies, seconds = auth.get("client_token"), auth.get("policies"), seconds_in(auth)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise unavailable("gave no token")
    if not isinstance(policies, list) or not all(isinstance(each, str) for each in policies):
        raise too_wide("a token without saying which policies it has")
    if not seconds:
        raise too_wide("a token without end")
    revocable = auth.get("token_type", "service") == "service"
    return Login(place, Secret(token), frozenset(policies), sent + seconds, auth.get("renewable") is True, revocable)
