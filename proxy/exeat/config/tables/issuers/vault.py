"""``kind = "vault"``: what HashiCorp Vault or OpenBao issues.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.tables.vault_login import VaultLoginTable, VaultPath
from exeat.config.values import Scope
from exeat.model.issuing import Grade
from exeat.model.issuing.vault import VaultIssue


class VaultTable(IssuerTable, VaultLoginTable):
    """Tokens, dynamic secrets, stored values and certificates of a Vault server. ``audience`` is that of our word (``login = "jwt"``)."""

    grade: ClassVar[Grade] = Grade.B

    kind: Literal["vault"]
    issue: Literal["token", "dynamic", "kv", "certificate"] = "token"
    """A token of the server itself; a secret with a lease, such as a database's user and password; a stored value; or a
    certificate with its key."""
    path: VaultPath | None = None
    """What is read: ``database/creds/ROLE``, a path of a KV engine as ``vault kv get`` takes it, ``pki/issue/ROLE``."""
    field: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{0,128}$")] = ""
    """Which field of it is the credential; default is ``password`` for dynamic secrets, ``value`` for stored ones."""
    scopes: dict[str, Scope] = {}
    """``token``: an operation's scope in policies: ``{ "secret/read" = "secret-reader" }``. Each token then has those policies alone."""
    common_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9{}.*-]{0,253}$")] = ""
    """``certificate``: the name in it, where ``{agent}`` stands for the agent's."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if (self.issue == "token") == (self.path is not None):
            raise ValueError("path: a token has none" if self.path else f"path: {self.issue} needs one")
        if self.scopes and self.issue != "token":
            raise ValueError("scopes: only a token has policies")
        if (self.issue == "certificate") != bool(self.common_name):
            raise ValueError("common_name: a certificate needs one, and nothing else does")
        if self.field and self.issue not in {"dynamic", "kv"}:
            raise ValueError("field: only dynamic and kv have fields")
        return self

    def promised(self) -> Grade:
        """A token with the policies of one operation is narrowed to it; a stored value is no narrower than it is."""
        if self.issue == "kv":
            return Grade.C
        return Grade.A if self.scopes else Grade.B

    def details(self) -> VaultIssue:
        """As a value."""
        return VaultIssue(
            login=self.login_for(self.audience),
            issue=self.issue,
            path=self.path or "",
            key=self.field or {"dynamic": "password", "kv": "value"}.get(self.issue, ""),
            scopes={scope: frozenset(policies.split(" ")) for scope, policies in self.scopes.items()},
            common_name=self.common_name,
        )
