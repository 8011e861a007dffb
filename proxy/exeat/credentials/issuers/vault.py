"""What a Vault server issues for one decision: a token of its own, dynamic secrets, a stored value, a certificate.

Each is made under a login of its own, so that revoking that takes everything with it, whatever was answered. Must not know:
caches, policies, how secrets are kept.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.tasks import Tasks
from exeat.credentials.vault.certificates import certificate_from
from exeat.credentials.vault.client import VaultClient, seconds_in, too_wide, unavailable
from exeat.credentials.vault.kv import read_field
from exeat.credentials.vault.login import Login, Logins, check_login
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.vault import VaultIssue, VaultLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token

_LEASE = "\n"
"""Between a login and a lease made under it, in a token's handle; neither holds one."""
_WORTH = 0.5
"""The part of a full life that a renewal must give; else something new is issued, for soon it couldn't be renewed at all."""


@dataclass(frozen=True, slots=True, eq=False)
class _Leased:
    """Something that can be renewed."""

    token: Token
    login: Login
    lease_id: str


@final
class VaultIssuer:
    """Implements the Issuer port. Close it when the loop ends."""

    def __init__(self, parts: IssuerParts) -> None:
        self._client = VaultClient(parts.tls, parts.clock)
        self._logins = Logins(self._client, parts.keyring, parts.issuer_url, parts.secrets, parts.clock)
        self._clock = parts.clock
        self._holders = parts.holders
        self._key = hmac.digest(parts.key, b"exeat vault token id v1", hashlib.sha256)
        self._leased: dict[TokenRequest, _Leased] = {}
        self._tasks = Tasks()

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Log in for this agent and mission, and have what the service's settings name issued; renew it where that is enough.

        Raise RefusalError(TOKEN_TOO_WIDE) when it has more policies or lives longer than asked, or another session holds it;
        TOKEN_UNAVAILABLE when it can't be had. What was made on the way is then revoked.
        """
        details = _details(spec)
        leased = self._leased.pop(request, None)
        if leased is not None and (renewed := await self._renewed(request, leased, spec)) is not None:
            return renewed
        login = await self._logins.begin(details.login, request)
        try:
            check_login(login)
            token = await self._issue(request, spec, details, login)
        except BaseException:  # a caller that has gone away too: what was made must not outlive it
            self._tasks.spawn(self._give_back(login))
            raise
        if token.handle is None:
            self._tasks.spawn(self._give_back(login))
        return token

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Revoke the login under which it was made, which drops its leases at once; False for a stored value.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the server can't be reached.
        """
        self._forget(token.id)
        place = _details(spec).login
        if token.handle is None:
            return False
        login, _, lease = token.handle.reveal().partition(_LEASE)
        gone = True
        if "certificate" in token.parts:
            gone = await self._withdraw(
                place, login, f"{_mount(spec)}/revoke", serial_number=token.id.removeprefix("crt-")
            )
        elif lease:
            # Ending the login ends it too, but behind: whoever may revoke the lease itself waits for it to be gone.
            await self._withdraw(place, login, "sys/leases/revoke", lease_id=lease, sync=True)
        return await self._logins.end(place, Secret(login)) and gone

    async def close(self) -> None:
        """Stop what goes on behind, and close every connection."""
        self._leased.clear()
        await self._tasks.close()
        await self._client.close()

    # --- one way for each thing that can be issued ------------------------------------------------------------------------

    async def _issue(self, request: TokenRequest, spec: IssuerSpec, details: VaultIssue, login: Login) -> Token:
        if details.issue == "token":
            return await self._own_token(request, spec, details, login)
        if details.issue == "dynamic":
            return await self._dynamic(request, spec, details, login)
        if details.issue == "certificate":
            return await self._certificate(request, spec, details, login)
        value = await read_field(self._client, login, details.path, details.key)
        return Token(value, self._digest(value)[1], spec.grade, None)

    async def _own_token(self, request: TokenRequest, spec: IssuerSpec, details: VaultIssue, login: Login) -> Token:
        used = login
        if details.scopes:
            words = request.scope.split()
            unknown = [word for word in words if word not in details.scopes]
            if unknown or not words:
                raise unavailable(
                    f"has no policies for the scope {' '.join(unknown) or 'of nothing'}: name them in scopes"
                )
            policies = frozenset[str]().union(*(details.scopes[word] for word in words))
            used = await self._logins.narrow(login, policies, spec.ttl, request)
        return self._token(request, spec, used.token, min(used.expires_at, login.expires_at), login)

    async def _dynamic(self, request: TokenRequest, spec: IssuerSpec, details: VaultIssue, login: Login) -> Token:
        sent = self._clock.time()
        answer = await self._client.call(login.place, "GET", details.path, login.token)
        if answer.status != 200:
            raise unavailable(f"refused {details.path} ({answer.status})")
        data, seconds = answer.section("data"), answer.lease_seconds
        value, user = data.get(details.key), data.get("username")
        if not isinstance(value, str) or not value:
            raise unavailable(f"gave no {details.key} at {details.path}")
        if not answer.lease_id or not seconds:
            raise unavailable(f"gave what has no lease at {details.path}: it couldn't be revoked")
        end = min(sent + seconds, login.expires_at)
        parts = {"user": Secret(user)} if isinstance(user, str) and user else {}
        token = self._token(request, spec, Secret(value), end, login, parts)
        token = replace(token, handle=Secret(f"{login.token.reveal()}{_LEASE}{answer.lease_id}"))
        if answer.fields.get("renewable") is True and login.renewable:
            self._remember(request, _Leased(token, login, answer.lease_id))
        return token

    async def _certificate(self, request: TokenRequest, spec: IssuerSpec, details: VaultIssue, login: Login) -> Token:
        name = details.common_name.replace("{agent}", request.agent.rpartition("/")[2])
        asked = {"common_name": name, "ttl": f"{int(spec.ttl)}s", "exclude_cn_from_sans": False}
        answer = await self._client.call(login.place, "POST", details.path, login.token, asked)
        if answer.status != 200:
            raise unavailable(f"refused {details.path} for {name} ({answer.status})")
        made = certificate_from(answer.section("data"), name)
        parts = {"certificate": made.chain, "private_key": made.key}
        return Token(made.key, made.id, spec.grade, made.expires_at, parts, login.token)

    # --- renewing ---------------------------------------------------------------------------------------------------------

    async def _renewed(self, request: TokenRequest, leased: _Leased, spec: IssuerSpec) -> Token | None:
        """The same secret for longer, or None when it is better to have another one."""
        before = leased.token.expires_at or 0.0
        if self._clock.time() >= before:
            return None
        with suppress(RefusalError):
            login = await self._logins.renew(leased.login, spec.ttl)
            sent, asked = self._clock.time(), {"lease_id": leased.lease_id, "increment": int(spec.ttl)}
            answer = await self._client.call(login.place, "POST", "sys/leases/renew", login.token, asked)
            end = min(sent + seconds_in(answer.fields), login.expires_at)
            if answer.status == 200 and end > before and end - sent >= _WORTH * spec.ttl:
                token = replace(leased.token, expires_at=end)
                self._remember(request, _Leased(token, login, leased.lease_id))
                return token
        return None

    def _remember(self, request: TokenRequest, leased: _Leased) -> None:
        now = self._clock.time()
        for old in [each for each, held in self._leased.items() if (held.token.expires_at or 0.0) <= now]:
            del self._leased[old]
        self._leased[request] = leased

    def _forget(self, token_id: str) -> None:
        for request in [each for each, held in self._leased.items() if held.token.id == token_id]:
            del self._leased[request]

    # --- ends -------------------------------------------------------------------------------------------------------------

    async def _withdraw(self, place: VaultLogin, login: str, path: str, **what: object) -> bool:
        """Take back one thing that a login had made; False when it may not."""
        with suppress(RefusalError):
            return (await self._client.call(place, "POST", path, Secret(login), what)).status in {200, 204}
        return False

    async def _give_back(self, login: Login) -> None:
        """Best effort: what isn't revoked ends with the role's token_ttl."""
        with suppress(RefusalError):
            await self._logins.end(login.place, login.token)

    def _token(
        self,
        request: TokenRequest,
        spec: IssuerSpec,
        value: Secret,
        end: float,
        login: Login,
        parts: dict[str, Secret] | None = None,
    ) -> Token:
        now = self._clock.time()
        if end > now + spec.ttl + 1:
            raise too_wide(f"{end - now:.0f} s, not {spec.ttl:g} s: lower the role's token_ttl, or raise ttl")
        digest, public_id = self._digest(value)
        if not self._holders.take(digest, request.session, end, now):
            raise too_wide("what another session holds")
        return Token(value, public_id, spec.grade, end, parts or {}, login.token)

    def _digest(self, value: Secret) -> tuple[bytes, str]:
        digest = hmac.digest(self._key, value.reveal().encode("utf-8", "surrogateescape"), hashlib.sha256)
        return digest, "vt-" + base64.b32encode(digest)[:20].decode("ascii").lower()


def _mount(spec: IssuerSpec) -> str:
    return _details(spec).path.rpartition("/issue/")[0]


def _details(spec: IssuerSpec) -> VaultIssue:
    if not isinstance(spec.details, VaultIssue):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a vault")
    return spec.details


KIND = IssuerKind(
    "vault",
    VaultIssuer,
    Proof.ENFORCED,
    narrows="the policies of the role, or with `scopes` those of the operation alone; our word names agent, mission and action, "
    "to which a role can bind the login. Policies and lifetime that come back are compared with those asked for",
    revokes="the login of each token is revoked, which drops its leases (a database's user) at once; a stored value can't be",
    limits=(
        "With `sys/leases/revoke` in the login's policies, dynamic secrets are gone when a revoke returns; else soon after.",
        "Roles need a `token_ttl` of at most `ttl`, and the token type `service`.",
        "A login with a secret id that may be used a limited number of times runs out: every token logs in anew.",
    ),
    servers=("OpenBao 2.7",),
)
