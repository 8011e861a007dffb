"""How we log in to a Vault server: for what it issues, and for the secrets that others keep there.

Must not know: what the login is for.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from exeat.config.values import ServerUrl, SourceReference, Table
from exeat.model.issuing.vault import VaultLogin

VaultPath = Annotated[
    str, Field(pattern=r"^[A-Za-z0-9_-][A-Za-z0-9._-]*(/[A-Za-z0-9_-][A-Za-z0-9._-]*)*$", max_length=512)
]
"""A path of Vault's API below ``/v1/``, without ``..`` and the like."""
VaultPolicy = Annotated[str, Field(pattern=r"^[a-z0-9_./-]{1,128}$")]


class VaultLoginTable(Table):
    """A server of HashiCorp Vault or OpenBao, and who we are there."""

    server: ServerUrl = ""
    """Its address, as in ``https://vault.example.com:8200``; https, or http on this machine."""
    namespace: str = ""
    """The namespace there; empty for the root."""
    login: Literal["jwt", "approle"] = "jwt"
    """``jwt``: our own signed word and no secret (the server's jwt auth method trusts our JWK set); ``approle``: a role id and a
    secret id."""
    mount: VaultPath | None = None
    """Where that auth method is mounted; default is its name."""
    role: str = ""
    """The role of ``jwt``, the role id of ``approle``."""
    secret_id: SourceReference | None = None
    """``approle``: where the secret id is."""
    policies: tuple[VaultPolicy, ...] = ()
    """Every policy that the login has, apart from ``default``. A login that has others too is refused."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        missing = [name for name in ("server", "role", "policies") if not getattr(self, name)]
        if self.login == "approle" and self.secret_id is None:
            missing.append("secret_id")
        if missing:
            raise ValueError(f"a login at a vault needs {', '.join(missing)}")
        if self.login == "jwt" and self.secret_id is not None:
            raise ValueError("secret_id: only approle uses this")
        if "root" in self.policies:
            raise ValueError("policies: never the root policy")
        return self

    def login_for(self, audience: str) -> VaultLogin:
        """As a value; our word is for ``audience``, by default the server."""
        return VaultLogin(
            server=self.server,
            method=self.login,
            mount=self.mount or self.login,
            role=self.role,
            policies=frozenset(self.policies),
            audience=audience or self.server,
            secret_id=self.secret_id or "",
            namespace=self.namespace,
        )
