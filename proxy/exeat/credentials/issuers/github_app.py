"""Installation tokens of a GitHub App: one repository, the permissions of one operation, revoked when the mission ends.

Must not know: caches, policies, how GitHub is asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import final

from exeat.credentials.github.api import GitHubApi
from exeat.credentials.github.granted import check_granted_token, granted_value
from exeat.credentials.github.wanted import wanted_by
from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.holders import Holders
from exeat.credentials.public_ids import digest_of, public_id
from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.github_app import GitHubApp
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.model.token import Token
from exeat.ports import Clock

_REVOKE_WIDE = 1.0
"""Seconds that a refusal may take longer so that a token too wide doesn't live on."""


@final
class GitHubAppIssuer:
    """Mint grade A tokens; implements the Issuer port. ``secrets`` returns the app's key, ``key`` keys the tokens' ids."""

    def __init__(
        self, api: GitHubApi, secrets: Callable[[str], Secret], holders: Holders, key: bytes, clock: Clock
    ) -> None:
        self._api = api
        self._secrets = secrets
        self._holders = holders
        self._key = key
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Ask for a token of exactly this repository and these permissions; it lives an hour.

        Raise RefusalError(TOKEN_UNAVAILABLE) when the operation's permissions aren't known, or GitHub refuses, is late or
        can't be reached; RefusalError(TOKEN_TOO_WIDE) when it grants more, after that token was revoked.
        """
        app = _app_of(spec)
        wanted = wanted_by(request, app)
        private_key = self._secrets(app.private_key)
        installation = await self._api.installation(app, private_key, wanted)
        sent = self._clock.time()
        answer = await self._api.grant(app, private_key, installation, wanted)
        if answer.status != 201:
            if answer.status == 404:
                self._api.forget(app, wanted)
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"GitHub refused a token ({answer.status})")
        try:
            granted = check_granted_token(answer.fields, wanted, sent=sent, now=self._clock.time())
        except RefusalError as error:
            if error.reason is Reason.TOKEN_TOO_WIDE:
                await self._withdraw(app, granted_value(answer.fields))
            raise
        digest = digest_of(self._key, "github token", granted.value)
        if not self._holders.take(digest, request.session, granted.expires_at, self._clock.time()):
            # Not revoked: it is the other session's.
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "GitHub granted what another session holds")
        return Token(granted.value, public_id("gh", digest), Grade.A, granted.expires_at)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:
        """Have the token end itself; raise RefusalError(TOKEN_UNAVAILABLE) when GitHub can't be reached."""
        return await self._api.revoke(_app_of(spec), token.value)

    async def _withdraw(self, app: GitHubApp, value: Secret) -> None:
        """Best effort: the token is dropped and refused whatever comes of it."""
        with suppress(RefusalError, TimeoutError):
            async with asyncio.timeout(_REVOKE_WIDE):
                await self._api.revoke(app, value)


def _app_of(spec: IssuerSpec) -> GitHubApp:
    if not isinstance(spec.details, GitHubApp):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about a GitHub App")
    return spec.details


def _build(parts: IssuerParts) -> GitHubAppIssuer:
    return GitHubAppIssuer(
        GitHubApi(parts.endpoints, parts.clock), parts.secrets, parts.holders, parts.key, parts.clock
    )


KIND = IssuerKind(
    "github_app",
    _build,
    Proof.ENFORCED,
    narrows=(
        "the repository that is acted on and the permissions of the operation, by the `scopes` of the built-in github "
        "services; what GitHub answers is compared with both"
    ),
    revokes="each token ends itself at GitHub (`DELETE /installation/token`)",
    limits=(
        "a token lives an hour, no shorter",
        "an operation on no single repository gets a token for organisation permissions only, unless `whole_installation`",
        "operations whose permission isn't known, GraphQL among them, are refused until `permissions` names one",
        "changing workflow files needs `workflows:write` too, which the path doesn't tell: add it in `permissions`",
    ),
    servers=(
        "a strict GitHub of our own (tests/servers/github_app), with PyGithub and git as clients: not GitHub itself",
    ),
)
