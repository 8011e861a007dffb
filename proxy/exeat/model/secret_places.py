"""Where others keep secrets that we read, and who we are there; a vault's is ``issuing.vault.VaultLogin``.

Must not know: how they are read.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AwsSecretPlace:
    """AWS Secrets Manager of one region, at ``server``.

    With ``role_arn`` that role is assumed at ``sts_url``: with the long-lived key behind ``access_key``, or without one with our
    signed word for ``audience``. Without a role the key itself reads.
    """

    region: str
    server: str
    sts_url: str
    role_arn: str = ""
    access_key: str = ""
    external_id: str = ""
    audience: str = ""


@dataclass(frozen=True, slots=True)
class GoogleSecretPlace:
    """Google Secret Manager at ``server``; ``provider`` is what trusts our keys, ``service_account`` whom to impersonate, or ``""``."""

    provider: str
    service_account: str
    server: str
    sts_url: str
    iam_url: str
