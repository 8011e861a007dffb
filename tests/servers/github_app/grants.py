"""A GitHub of our own, its app part: who may have which installation token, and what a token opens.

Ours, and no imitation of all of GitHub: it knows a dozen routes, and is strict about exactly what the product promises.
An app is known by its signed JWT, a token opens only its repositories and permissions, and it ends when its time is up or
when it revokes itself. From GitHub's pages "Generating a JSON Web Token (JWT) for a GitHub App", "Create an installation
access token for an app" and "Revoke an installation access token".
"""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

APP_ID, CLIENT_ID = "248160", "Iv23liExeatTestApp01"
LIFE = 3600.0
ORDER = ("", "read", "write", "admin")
"""Each includes the ones before it."""


class GitHubError(Exception):
    """What GitHub would answer."""

    def __init__(self, status: int, message: str, **headers: str) -> None:
        super().__init__(message)
        self.status, self.message, self.headers = status, message, headers


@dataclass
class Installation:
    """An app in an account: what that account has given it."""

    id: int
    owner: str
    repositories: tuple[str, ...]
    permissions: dict[str, str]


@dataclass
class Token:
    """An installation token."""

    value: str
    installation: Installation
    repositories: tuple[str, ...] | None
    """None: all of the installation's."""
    permissions: dict[str, str]
    expires_at: float
    revoked: bool = False

    def opens(self, owner: str, name: str) -> bool:
        """Whether it reaches a repository at all."""
        names = self.installation.repositories if self.repositories is None else self.repositories
        return owner.lower() == self.installation.owner.lower() and name.lower() in {each.lower() for each in names}

    def allows(self, permission: str, level: str) -> bool:
        """Whether it holds a permission at least as high."""
        return ORDER.index(self.permissions.get(permission, "")) >= ORDER.index(level)


@dataclass
class Grants:
    """The app's key, its installations, and every token given so far. ``lie`` changes what is granted, as a bad server would."""

    installations: list[Installation]
    tokens: dict[str, Token] = field(default_factory=dict)
    lie: str = ""
    life: float = LIFE

    def __post_init__(self) -> None:
        self._key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        self._own = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def pem(self) -> str:
        """The app's private key as GitHub lets an admin download it (PKCS #1)."""
        return self._key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
        ).decode()

    def app(self, shown: str) -> None:
        """Raise unless this is a JWT of the app: its signature, at most ten minutes, issued in the past."""
        try:
            claims = jwt.decode(
                shown, self._key.public_key(), algorithms=["RS256"], options={"require": ["iat", "exp", "iss"]}
            )
        except jwt.PyJWTError as error:
            raise GitHubError(401, f"A JSON web token could not be decoded: {error}") from None
        if claims["iss"] not in (APP_ID, CLIENT_ID):
            raise GitHubError(404, "Integration not found")
        if claims["exp"] - time.time() > 600 or claims["exp"] - claims["iat"] > 660:
            raise GitHubError(401, "'Expiration time' claim ('exp') is too far in the future")

    def installation_of(self, owner: str, name: str = "") -> Installation:
        """The installation in an account, where it reaches this repository."""
        for each in self.installations:
            if each.owner.lower() == owner.lower() and (not name or name.lower() in each.repositories):
                return each
        raise GitHubError(404, "Not Found")

    def mint(self, installation_id: int, asked: dict[str, Any]) -> dict[str, Any]:
        """Grant what is asked, within what the installation has; anything else is refused as a whole."""
        home = next((each for each in self.installations if each.id == installation_id), None)
        if home is None:
            raise GitHubError(404, "Not Found")
        names = asked.get("repositories")
        if names is not None and not {name.lower() for name in names} <= set(home.repositories):
            raise GitHubError(422, "There is at least one repository that does not exist or is not accessible.")
        wanted = asked.get("permissions") or home.permissions
        for name, level in wanted.items():
            if ORDER.index(level) > ORDER.index(home.permissions.get(name, "")):
                raise GitHubError(422, "The permissions requested are not granted to this installation.")
        token = self._token(home, None if names is None else tuple(names), {"metadata": "read", **wanted})
        return self._shown(token)

    def _token(self, home: Installation, names: tuple[str, ...] | None, permissions: dict[str, str]) -> Token:
        now = time.time()
        life = 2 * self.life if self.lie == "life" else self.life
        if self.lie == "repositories":
            names = None
        elif self.lie == "neighbour":
            names = (*(names or ()), "secrets")
        if self.lie == "permissions":
            permissions = {**permissions, "contents": "write"}
        signed = jwt.encode({"jti": secrets.token_hex(8), "exp": int(now + life)}, self._own, "RS256")
        token = Token(f"ghs_{APP_ID}_{signed}", home, names, permissions, now + life)
        self.tokens[token.value] = token
        return token

    def _shown(self, token: Token) -> dict[str, Any]:
        ends = datetime.fromtimestamp(token.expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        told: dict[str, Any] = {"token": token.value, "expires_at": ends, "permissions": token.permissions}
        told["repository_selection"] = "all" if token.repositories is None else "selected"
        if token.repositories is not None:
            owner = token.installation.owner
            told["repositories"] = [
                {"id": index, "name": name, "full_name": f"{owner}/{name}", "private": True}
                for index, name in enumerate(token.repositories, 1)
            ]
        if self.lie == "unsaid":
            told.pop("permissions")
        return told

    def find(self, value: str) -> Token:
        """The living token of this value."""
        token = self.tokens.get(value)
        if token is None or token.revoked or token.expires_at <= time.time():
            raise GitHubError(401, "Bad credentials")
        return token
