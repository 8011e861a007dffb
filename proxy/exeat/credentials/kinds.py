"""Every kind of issuer, by the name that a configuration gives it: the module that ends with its ``KIND``.

A module is imported only when a service uses its kind, for some need libraries that take long to load. Must not know:
settings, how a kind mints.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib import import_module

from exeat.credentials.issuing import IssuerKind, IssuerParts
from exeat.ports import Issuer

NAMES: tuple[str, ...] = (
    "aws",
    "basic",
    "browser_login",
    "client_certificate",
    "entra",
    "github_app",
    "google",
    "hmac",
    "jwt",
    "kubernetes",
    "oauth_client",
    "oauth_exchange",
    "stored_key",
    "vault",
)
"""In the order of the alphabet; each is a module of ``credentials.issuers``."""


def kind(name: str) -> IssuerKind:
    """The kind of this name; raise KeyError when there is none."""
    if name not in NAMES:
        raise KeyError(name)
    found = import_module(f"exeat.credentials.issuers.{name}").KIND
    if not isinstance(found, IssuerKind):
        raise TypeError(f"{name} is no kind of issuer")
    return found


def build_issuers(used: Iterable[str], parts: IssuerParts) -> Mapping[str, Issuer]:
    """The issuers of all kinds that are used."""
    return {name: kind(name).build(parts) for name in sorted(set(used))}
