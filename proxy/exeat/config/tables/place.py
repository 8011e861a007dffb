"""Where an installation keeps its things, and how it reaches origins.

Must not know: behaviour.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from exeat.config.values import Duration, LocalReference, Table


class StateTable(Table):
    """``[state]``: keys that outlive a start (CA, signing, fingerprints, audit seal); only its owner may read it."""

    path: Path = Path("state")


class StoreTable(Table):
    """``[store]``."""

    url: str = "sqlite:///exeat.db"
    """``sqlite:///FILE``, or for several replicas ``postgresql://USER@HOST:5432/DATABASE``: beyond loopback with TLS, where
    ``?sslrootcert=FILE`` names the server's CA."""
    password: LocalReference | None = None
    """Where PostgreSQL's password is."""
    lease: Annotated[Duration, Field(ge=0.1, le=60)] = 1.0
    """How long a worker may serve without hearing that what it knows is complete: the longest a revoke waits for one that
    doesn't answer. Shorter makes stops and pauses of the machine refuse more."""


class PolicyTable(Table):
    """``[policy]``."""

    path: Path | None = None
    """A folder of ``*.cedar`` files and an optional ``schema.cedarschema``; without it, the built-in policies alone."""
    reload: Duration = 1.0
    """How often the folder is looked at for a change."""
    fresh: Duration = 3600.0
    """How long after its opening a mission may act on what is critical."""


class AuditTable(Table):
    """``[audit]``."""

    path: Path = Path("audit")


class UpstreamTable(Table):
    """``[upstream]``: how origins are reached."""

    ca_file: Path | None = None
    """Trusted in addition to the system's roots."""
    resolve: dict[str, str] = {}
    """``"host:port" = "address:port"``, like curl --resolve: the one way to allow a private address by name."""
    cookies: Literal["custody", "http_only", "pass", "strip"] = "http_only"
    """As ``service.cookies``, for hosts that no service describes: browsers' scripts read the others."""
    links: Literal["custody", "pass", "refuse"] = "custody"
    """As ``service.links``, for hosts that no service describes."""


class IssuerTable(Table):
    """``[issuer]``: our own token issuer."""

    url: str = ""
    """The ``iss`` of our tokens; origins fetch ``<url>/.well-known/jwks.json``. Default: the admin listener."""
    algorithm: Literal["ES256", "EdDSA", "RS256"] = "ES256"
    """What signs them; RS256 takes some ten times as long, and is for those who verify nothing else, as Entra ID."""
    rotate: Duration = 30 * 86400.0
    """How long a signing key signs; it is published for as long again as its tokens may live."""
