"""Who the agents are, and who vouches for them.

Must not know: how anything is proven.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from exeat.config.tables.proxy import EvidenceKind
from exeat.config.values import Duration, KeysUrl, Name, Table

Algorithm = Literal["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"]
"""JWS algorithms a token may be signed with: asymmetric ones."""
Text = Annotated[str, Field(min_length=1, max_length=1024)]


class JwtIssuerTable(Table):
    """``[[identity.jwt]]``: who may vouch for agents by signed tokens in ``Proxy-Authorization``."""

    issuer: Text
    """Its ``iss``, to the letter; for ``spiffe`` the trust domain, as in ``spiffe://example.org``."""
    kind: Literal["oidc", "kubernetes", "spiffe"] = "oidc"
    """Which profile its tokens have; see ``docs/identity.md``."""
    audience: Text
    """What its tokens must be for, and for nothing else: a name of ours that no other service accepts."""
    jwks_url: KeysUrl = ""
    """Where its keys are (``jwks_uri`` of its discovery document): https, or http on loopback. Redirects aren't followed."""
    jwks_file: Path | None = None
    """A file with its keys instead, read again every ``refresh``."""
    algorithms: Annotated[tuple[Algorithm, ...], Field(min_length=1)] = ("RS256", "ES256")
    """What its tokens may be signed with."""
    typ: Annotated[str, Field(max_length=64)] = ""
    """The only ``typ`` its tokens have, as in ``at+jwt``; empty: none or ``JWT``, no token with a purpose of its own."""
    longest_life: Annotated[Duration, Field(gt=0, le=24 * 3600)] = 2 * 3600.0
    """From ``iat`` to ``exp``. Kubernetes gives 3,607 seconds, Entra up to 90 minutes, CI systems five."""
    leeway: Annotated[Duration, Field(ge=0, le=60)] = 30.0
    """How far ``iat`` and ``nbf`` may lie ahead, as clocks differ; ``exp`` gets none."""
    without: tuple[Literal["iat", "nbf", "jti"], ...] = ()
    """Claims of the profile that this issuer never writes."""
    once: bool = False
    """Whether a token proves one connection and no second one. Kubernetes' are shown again and again."""
    refresh: Annotated[Duration, Field(ge=1)] = 300.0
    """How often its keys are fetched; a key that was removed there stops then."""
    keep: Annotated[Duration, Field(ge=1, le=24 * 3600)] = 3600.0
    """How old its keys may become when they can't be fetched; then its tokens are refused."""


class IdentityTable(Table):
    """``[identity]``."""

    trust_domain: Annotated[str, Field(pattern=r"^[a-z0-9._-]{1,255}$")] = "exeat.internal"
    """The SPIFFE trust domain of this installation."""
    evidence: Annotated[tuple[EvidenceKind, ...], Field(min_length=1)] = ("pass",)
    """What may prove who an agent is, where a listener doesn't say otherwise."""
    require: Literal["any", "all"] = "any"
    """Whether one of them is enough, or each must be there. Evidence that contradicts refuses in any case."""
    jwt: tuple[JwtIssuerTable, ...] = ()


class JwtSubjectTable(Table):
    """``[[agent.jwt]]``: what an issuer calls the agent."""

    issuer: Text
    """One of ``[[identity.jwt]]``."""
    subject: Text
    """Its ``sub``, to the letter."""
    claims: dict[str, str] = {}
    """Further claims that must be these texts: by name, or by JSON Pointer where they are nested, as in ``/kubernetes.io/namespace``."""


class AgentTable(Table):
    """``[[agent]]``."""

    name: Name
    environment: Name
    groups: tuple[Name, ...] = ()
    spiffe: tuple[str, ...] = ()
    """SPIFFE IDs that mean it, in certificates (``svid``) and tokens (``jwt``); its own one does anyway."""
    addresses: tuple[str, ...] = ()
    """Addresses and networks that are this agent's alone, as in ``10.1.2.3`` and ``10.2.0.0/24``."""
    jwt: tuple[JwtSubjectTable, ...] = ()
