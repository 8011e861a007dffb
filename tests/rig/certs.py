"""Certificates of the test world, all of them worthless outside it."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import trustme
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID


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

    def files(self, folder: Path, *names: str) -> tuple[Path, Path]:
        """A server's certificate chain and key for these names, as files for another process."""
        leaf, chain, key = self._ca.issue_cert(*names), folder / "origin.pem", folder / "origin-key.pem"
        chain.write_bytes(b"".join(each.bytes() for each in leaf.cert_chain_pems))
        leaf.private_key_pem.write_to_path(str(key))
        return chain, key

    def svid(self, folder: Path, *uris: str, seconds: float = 3600, dns: str = "") -> Path:
        """A client certificate with these URIs, and its key, in one PEM file: an X.509-SVID when it is one SPIFFE ID."""
        key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
        ours = x509.load_pem_x509_certificate(self._ca.cert_pem.bytes())
        names: list[x509.GeneralName] = [x509.UniformResourceIdentifier(uri) for uri in uris]
        names += [x509.DNSName(dns)] if dns else []
        builder = (
            x509.CertificateBuilder(ours.subject, x509.Name([]), key.public_key(), x509.random_serial_number())
            .not_valid_before(now - timedelta(hours=1))
            .not_valid_after(now + timedelta(seconds=seconds))
            .add_extension(x509.SubjectAlternativeName(names), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ours.public_key()), critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
        )
        signer: Any = serialization.load_pem_private_key(self._ca.private_key_pem.bytes(), None)
        leaf = builder.sign(signer, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
        plain = serialization.NoEncryption()
        file = folder / f"svid-{uuid4().hex[:8]}.pem"
        file.write_bytes(leaf + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))
        return file
