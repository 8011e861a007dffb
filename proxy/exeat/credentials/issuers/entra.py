"""Application tokens of Entra ID: no secret is kept, a federated credential there trusts our keys.

https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow, "third case". Must not know: caches,
policies.
"""

from __future__ import annotations

from typing import final

from exeat.credentials.issuing import IssuerKind, IssuerParts, Proof
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.grant import Asked, check_grant, read_claims
from exeat.credentials.oauth.naming import Naming
from exeat.errors import RefusalError, StartError
from exeat.model.decision import TokenRequest
from exeat.model.issuing import IssuerSpec
from exeat.model.issuing.entra import EntraApplication
from exeat.model.reason import Reason
from exeat.model.token import Token
from exeat.ports import Clock

_AUDIENCE = "api://AzureADTokenExchange"
"""What every federated credential expects as ``aud``."""
_ASSERTION_TYPE = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"


@final
class EntraIssuer:
    """Mint grade B tokens; implements the Issuer port."""

    def __init__(self, assertions: Assertions, client: Client, naming: Naming, clock: Clock) -> None:
        self._assertions = assertions
        self._client = client
        self._naming = naming
        self._clock = clock

    async def mint(self, request: TokenRequest, spec: IssuerSpec) -> Token:
        """Ask for the application's roles at one resource; raise as ``ports.Issuer`` says."""
        details = spec.details
        if not isinstance(details, EntraApplication):
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the service says nothing about an application")
        form = {
            "grant_type": "client_credentials",
            "scope": details.scope,
            "client_assertion_type": _ASSERTION_TYPE,
            "client_assertion": self._assertions.federated(request, _AUDIENCE, details.subject).reveal(),
        }
        sent = self._clock.time()
        fields = (await self._client.post(details, details.token_url, form)).granted("Entra ID")
        asked = Asked(request.agent, frozenset({details.scope}), frozenset({spec.audience}), spec.ttl, kind=False)
        grant = check_grant(fields, asked, sent=sent, now=self._clock.time())
        claims = read_claims(grant.value.reveal())
        if details.roles is not None and (claims is None or not details.roles.issuperset(_roles(claims.get("roles")))):
            raise RefusalError(Reason.TOKEN_TOO_WIDE, "Entra ID granted other application roles than the service lists")
        return self._naming.token(grant, request.session, spec.grade)

    async def revoke(self, token: Token, spec: IssuerSpec) -> bool:  # noqa: ARG002 the port's signature
        """Say False: Entra ID revokes no access token."""
        return False


def _roles(claim: object) -> list[str]:
    return [str(each) for each in claim] if isinstance(claim, list) else [] if claim is None else [str(claim)]


def _build(parts: IssuerParts) -> EntraIssuer:
    if parts.keyring.current().algorithm != "RS256":
        raise StartError("Entra ID verifies nothing but RS256", 'set issuer.algorithm = "RS256"')
    client = Client(parts.assertions, parts.endpoints, parts.secrets)
    return EntraIssuer(parts.assertions, client, Naming(parts.key, parts.holders, parts.clock), parts.clock)


KIND = IssuerKind(
    "entra",
    _build,
    Proof.CONTRACT,
    narrows="one resource and the application roles that admins gave (grade B); with `roles` a token that holds others is refused",
    revokes="never: access tokens of Entra ID live until they expire",
    limits=(
        "a token lives 10 minutes at least, 60 to 90 by default",
        'it verifies nothing but RS256: `issuer.algorithm = "RS256"`',
        "an application has 20 federated credentials at most; `issuer.url` must be an https URL that Entra ID can reach",
    ),
)
