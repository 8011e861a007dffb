"""Who reads secrets of AWS Secrets Manager.

Must not know: what they open.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from exeat.config.values import LocalReference, ServerUrl, Table
from exeat.model.secret_places import AwsSecretPlace


class SecretsAwsTable(Table):
    """``[secrets.aws]``: who reads the sources ``aws-secretsmanager:…``."""

    region: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,64}$")]
    """Where they are, as in ``eu-central-1``."""
    role_arn: Annotated[str, Field(pattern=r"^(arn:[a-z0-9-]+:iam::[0-9]{12}:role/[!-~]{1,576})?$")] = ""
    """The role to assume, each time narrowed to the secrets that are read. Without ``access_key`` it must trust our issuer
    (``issuer.url``) as an OIDC provider."""
    access_key: LocalReference | None = None
    """Where a long-lived key is, as ``KEY_ID:SECRET``: it assumes the role or, if there is none, reads itself."""
    external_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9_+=,.@:/-]*$", max_length=1224)] = ""
    """``sts:ExternalId``, where the role's trust policy asks for one."""
    audience: str = "sts.amazonaws.com"
    """For whom our word is, as the OIDC provider was told."""
    server: ServerUrl | None = None
    """Default is the region's, ``https://secretsmanager.REGION.amazonaws.com``."""
    sts_url: ServerUrl | None = None
    """Default is the region's, ``https://sts.REGION.amazonaws.com``."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.role_arn and self.access_key is None:
            raise ValueError("needs role_arn, access_key or both")
        if self.external_id and not (self.role_arn and self.access_key):
            raise ValueError("external_id: only a role that is assumed with access_key asks for one")
        return self

    def place(self) -> AwsSecretPlace:
        """As a value."""
        return AwsSecretPlace(
            region=self.region,
            server=self.server or f"https://secretsmanager.{self.region}.amazonaws.com",
            sts_url=self.sts_url or f"https://sts.{self.region}.amazonaws.com",
            role_arn=self.role_arn,
            access_key=self.access_key or "",
            external_id=self.external_id,
            audience=self.audience,
        )
