"""The settings of every kind of issuer; ``kind`` says which one a table is, ``jwt`` where it says nothing.

Must not know: what any setting does.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Discriminator, Tag

from exeat.config.tables.issuers.aws import AwsTable
from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.tables.issuers.basic import BasicTable
from exeat.config.tables.issuers.browser_login import BrowserLoginTable
from exeat.config.tables.issuers.client_certificate import ClientCertificateTable
from exeat.config.tables.issuers.entra import EntraTable
from exeat.config.tables.issuers.github_app import GitHubAppTable
from exeat.config.tables.issuers.google import GoogleTable
from exeat.config.tables.issuers.hmac import HmacTable
from exeat.config.tables.issuers.jwt import JwtTable
from exeat.config.tables.issuers.kubernetes import KubernetesTable
from exeat.config.tables.issuers.oauth_client import OAuthClientTable
from exeat.config.tables.issuers.oauth_exchange import OAuthExchangeTable
from exeat.config.tables.issuers.stored_key import StoredKeyTable
from exeat.config.tables.issuers.vault import VaultTable

MARK = "kind:"
"""Before a kind where pydantic puts it into the place of an error."""
KINDS: tuple[type[IssuerTable], ...] = (
    AwsTable,
    BasicTable,
    BrowserLoginTable,
    ClientCertificateTable,
    EntraTable,
    GitHubAppTable,
    GoogleTable,
    HmacTable,
    JwtTable,
    KubernetesTable,
    OAuthClientTable,
    OAuthExchangeTable,
    StoredKeyTable,
    VaultTable,
)
_NAMES = ", ".join(f"'{each.model_fields['kind'].annotation.__args__[0]}'" for each in KINDS)  # type: ignore[union-attr]


def _kind(value: Any) -> str:
    kind = value.get("kind", "jwt") if isinstance(value, dict) else getattr(value, "kind", "")
    return f"{MARK}{kind}"


IssuerSpecTable = Annotated[
    Annotated[AwsTable, Tag("kind:aws")]
    | Annotated[BasicTable, Tag("kind:basic")]
    | Annotated[BrowserLoginTable, Tag("kind:browser_login")]
    | Annotated[ClientCertificateTable, Tag("kind:client_certificate")]
    | Annotated[EntraTable, Tag("kind:entra")]
    | Annotated[GitHubAppTable, Tag("kind:github_app")]
    | Annotated[GoogleTable, Tag("kind:google")]
    | Annotated[HmacTable, Tag("kind:hmac")]
    | Annotated[JwtTable, Tag("kind:jwt")]
    | Annotated[KubernetesTable, Tag("kind:kubernetes")]
    | Annotated[OAuthClientTable, Tag("kind:oauth_client")]
    | Annotated[OAuthExchangeTable, Tag("kind:oauth_exchange")]
    | Annotated[StoredKeyTable, Tag("kind:stored_key")]
    | Annotated[VaultTable, Tag("kind:vault")],
    Discriminator(
        _kind,
        custom_error_type="issuer_kind",
        custom_error_message=f"kind must be one of {_NAMES}",
    ),
]
"""One line for each kind, in the order of the alphabet."""
