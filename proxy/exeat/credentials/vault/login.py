"""Logging in to a Vault server, for one purpose each time: by an AppRole, or by a JWT of ours and no secret at all.

Everything made under a login dies when it is revoked, or when its time is up (Vault's "Lease, Renew, and Revoke"). Must not
know: what the login is for.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Protocol, final

from exeat.credentials.vault.client import VaultClient, VaultServer, seconds_in, too_wide, unavailable
from exeat.model.secret import Secret
from exeat.ports import Clock

_TOKEN = re.compile(r"[!-~]{8,4096}")
_FREE = frozenset({"default"})
"""The policy that every token has unless asked otherwise: it lets a token look at, renew and revoke itself."""


@dataclass(frozen=True, slots=True)
class AppRole:
    """Machine login with a role id and a secret id, which lies at a source."""

    role_id: str
    secret_id: str
    mount: str = "approle"


@dataclass(frozen=True, slots=True)
class JwtRole:
    """Keyless login: the server trusts our published keys, and its role says which of our words it takes."""

    role: str
    audience: str
    mount: str = "jwt"


@dataclass(frozen=True, slots=True, eq=False)
class Login:
    """What a login granted. Times are seconds since the epoch, by our clock, counted from before it was asked for."""

    server: VaultServer
    token: Secret = field(repr=False)
    policies: frozenset[str]
    expires_at: float
    renewable: bool


class Word(Protocol):
    """Says who we are, or whom we speak for, to an audience."""

    def __call__(self, audience: str) -> Secret:
        """A signed JWT."""
        ...


@final
class Logins:
    """``secrets`` returns what lies at a source; it is asked each time, so that a new value is used at once."""

    def __init__(self, client: VaultClient, secrets: Callable[[str], Secret], clock: Clock) -> None:
        self._client = client
        self._secrets = secrets
        self._clock = clock

    async def begin(self, server: VaultServer, how: AppRole | JwtRole, word: Word, policies: Collection[str]) -> Login:
        """Log in; raise RefusalError(TOKEN_TOO_WIDE) when it grants a policy beyond ``policies``, and revoke it then.

        Raise RefusalError(TOKEN_UNAVAILABLE) when it is refused or can't be revoked later.
        """
        sent = self._clock.time()
        if isinstance(how, AppRole):
            form = {"role_id": how.role_id, "secret_id": self._secrets(how.secret_id).reveal()}
        else:
            form = {"role": how.role, "jwt": word(how.audience).reveal()}
        answer = await self._client.call(server, "POST", f"auth/{how.mount}/login", body=form)
        if answer.status != 200:
            raise unavailable(f"refused the login at {how.mount} ({answer.status})")
        login = _login(server, answer.section("auth"), sent)
        try:
            check_policies(login.policies, policies)
            if answer.section("auth").get("token_type", "service") != "service":
                raise unavailable("gave a token that can't be revoked; set the role's token_type to service")
        except Exception:
            await self.end(login)
            raise
        return login

    async def narrow(self, login: Login, policies: Collection[str], seconds: float, meta: Mapping[str, str]) -> Login:
        """A token below this one with fewer policies, that can't be renewed; it dies with the login."""
        sent = self._clock.time()
        asked = {
            "policies": sorted(policies), "no_default_policy": True, "renewable": False,
            "ttl": f"{int(seconds)}s", "explicit_max_ttl": f"{int(seconds)}s", "meta": dict(meta),
        }  # fmt: skip
        answer = await self._client.call(login.server, "POST", "auth/token/create", login.token, asked)
        if answer.status != 200:
            raise unavailable(
                f"refused a token with fewer policies ({answer.status}); may the login use auth/token/create?"
            )
        child = _login(login.server, answer.section("auth"), sent)
        if child.token.reveal() == login.token.reveal():
            raise too_wide("the login itself instead of a token with fewer policies")
        check_policies(child.policies, policies, free=frozenset())
        return child

    async def end(self, login: Login) -> bool:
        """Revoke a login and with it all that was made under it; whether the server says that it did."""
        answer = await self._client.call(login.server, "POST", "auth/token/revoke-self", login.token, {})
        return answer.status in {200, 204}


def check_policies(got: Collection[str], asked: Collection[str], free: Collection[str] = _FREE) -> None:
    """Raise RefusalError(TOKEN_TOO_WIDE) when a token has policies that weren't asked for."""
    beyond = set(got) - set(asked) - set(free)
    if beyond:
        named = ", ".join(sorted(each if each.isprintable() else "?" for each in beyond))[:200]
        raise too_wide(f"more policies than asked: {named}")


def _login(server: VaultServer, auth: Mapping[str, object], sent: float) -> Login:
    token, policies, seconds = auth.get("client_token"), auth.get("policies"), seconds_in(auth)
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise unavailable("gave no token")
    if not isinstance(policies, list) or not all(isinstance(each, str) for each in policies):
        raise too_wide("a token without saying which policies it has")
    if not seconds:
        raise too_wide("a token without end")
    return Login(server, Secret(token), frozenset(policies), sent + seconds, auth.get("renewable") is True)
