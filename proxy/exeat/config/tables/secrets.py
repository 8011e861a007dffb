"""Where secrets are kept by ourselves, and how those are looked after that others keep.

Must not know: behaviour.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from exeat.config.tables.secrets_aws import SecretsAwsTable
from exeat.config.tables.secrets_google import SecretsGoogleTable
from exeat.config.tables.vault_login import VaultLoginTable
from exeat.config.values import Duration, LocalReference, Table, is_local


class SecretsVaultTable(VaultLoginTable):
    """``[secrets.vault]``: who reads the sources ``vault:…``."""

    audience: str = ""
    """For whom our word is (``login = "jwt"``); default is the server."""

    @model_validator(mode="after")
    def _not_in_itself(self) -> Self:
        if self.secret_id is not None and not is_local(self.secret_id):
            raise ValueError("secret_id: must be on this host, or the first login would need itself")
        return self


class SecretsTable(Table):
    """``[secrets]``: the key that secrets in the store are sealed under, and when sources are looked at again."""

    key: LocalReference | None = None
    """Where that key is: 32 characters or more, made at random. Without it one is made in the state folder."""
    previous_keys: tuple[LocalReference, ...] = ()
    """Keys that were replaced; what is still sealed under one is opened, and ``exeat secret reseal`` ends that."""
    overlap: Annotated[Duration, Field(ge=0, le=366 * 86400)] = 86400.0
    """How long a value that was replaced is still recognised: as the shared credential, in what leaves, in what comes back."""
    refresh: Annotated[Duration, Field(ge=1)] = 300.0
    """How often files, systemd's credentials and what others keep are read again."""
    vault: SecretsVaultTable | None = None
    aws: SecretsAwsTable | None = None
    google: SecretsGoogleTable | None = None
