"""Certificates of the test world, all of them worthless outside it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import trustme


class Authority:
    """A certification authority for origins; ``file`` is its certificate in PEM."""

    def __init__(self, folder: Path, name: str = "origin-ca") -> None:
        self._ca = trustme.CA(organization_name=name)
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def server(self, *names: str, expired: bool = False, alpn: tuple[str, ...] = ("h2", "http/1.1")) -> ssl.SSLContext:
        """A server's TLS context for these names."""
        past = datetime.now(UTC) - timedelta(days=2)
        leaf = self._ca.issue_cert(*names, not_after=past) if expired else self._ca.issue_cert(*names)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        leaf.configure_cert(context)
        context.set_alpn_protocols(list(alpn))
        return context

    def client(self, roots: Path, *uris: str, common_name: str = "agent") -> ssl.SSLContext:
        """A client's TLS context: a certificate with these URIs (SPIFFE IDs), and trust in ``roots``."""
        context = ssl.create_default_context(cafile=str(roots))
        self._ca.issue_cert(*uris, common_name=common_name).configure_cert(context)
        return context
