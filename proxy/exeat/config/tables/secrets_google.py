"""Who reads secrets of Google Secret Manager.

Must not know: what they open.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from exeat.config.tables.issuers.google import ACCOUNT, PROVIDER
from exeat.config.values import ServerUrl, Table
from exeat.model.secret_places import GoogleSecretPlace


class SecretsGoogleTable(Table):
    """``[secrets.google]``: who reads the sources ``google-secretmanager:…``, by our keys and no secret."""

    provider: Annotated[str, Field(pattern=PROVIDER)]
    """The workload identity provider that trusts our JWK set, by its full name (``//iam.googleapis.com/projects/…``)."""
    service_account: Annotated[str, Field(pattern=ACCOUNT)] = ""
    """Whom to impersonate; without one this installation itself (``issuer.url``) is the principal."""
    server: ServerUrl = "https://secretmanager.googleapis.com"
    sts_url: ServerUrl = "https://sts.googleapis.com/v1/token"
    iam_url: ServerUrl = "https://iamcredentials.googleapis.com/v1"

    def place(self) -> GoogleSecretPlace:
        """As a value."""
        return GoogleSecretPlace(
            provider=self.provider,
            service_account=self.service_account,
            server=self.server.rstrip("/"),
            sts_url=self.sts_url,
            iam_url=self.iam_url.rstrip("/"),
        )
