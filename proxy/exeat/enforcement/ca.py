"""Our interception CA and the leaves it signs.

The CA key signs only leaves; leaves share one key made at start that never touches a disk, live a day, and are kept in
a bounded cache. Must not know: agents, requests, any engine.
"""

from __future__ import annotations

import datetime
import ipaddress
from collections import OrderedDict
from pathlib import Path
from typing import final

import certifi
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from exeat.enforcement.truststore import java_truststore
from exeat.errors import StartError
from exeat.files import load_or_create, private_folder, read_private, write_private

CA_LIFE = datetime.timedelta(days=365)
"""A year: long enough to be installed in images, short enough to be rotated as a routine."""
LEAF_LIFE = datetime.timedelta(hours=24)
_SYSTEM_ROOTS = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))


def system_roots() -> Path:
    """The file with the system's trusted roots; certifi's where the system has none."""
    return next((path for path in _SYSTEM_ROOTS if path.is_file()), Path(certifi.where()))


def ensure_ca(state: Path) -> None:
    """Create in the state folder what is missing: ``ca.key`` and ``ca.pem``; and for clients that replace their roots
    the system's with ours, as ``ca-bundle.pem``, for Java as ``ca-truststore.p12``, and a ``wgetrc`` that names them.
    """
    private_folder(state)
    key_pem = load_or_create(state / "ca.key", _new_key)
    certificate_file = state / "ca.pem"
    if not certificate_file.exists():
        _publish(certificate_file, _self_signed(_load_key(key_pem, state / "ca.key")))
    bundle = state / "ca-bundle.pem"
    content = system_roots().read_bytes().rstrip() + b"\n" + certificate_file.read_bytes()
    store, wgetrc = state / "ca-truststore.p12", state / "wgetrc"
    if not bundle.exists() or bundle.read_bytes() != content or not store.exists():
        _publish(store, java_truststore(content))
        _publish(bundle, content)  # last: it tells whether both are current
    line = f"ca_certificate = {bundle.resolve()}\n".encode()
    if not wgetrc.exists() or wgetrc.read_bytes() != line:
        _publish(wgetrc, line)


def _publish(path: Path, content: bytes) -> None:
    write_private(path, content)
    path.chmod(0o644)


def _new_key() -> bytes:
    return ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _load_key(pem: bytes, path: Path) -> ec.EllipticCurvePrivateKey:
    try:
        key = serialization.load_pem_private_key(pem, None)
    except ValueError:
        raise StartError(
            f"{path} holds no usable key", "restore it, or remove it and ca.pem to make a new CA"
        ) from None
    if not isinstance(key, ec.EllipticCurvePrivateKey):
        raise StartError(f"{path} is not an EC key", "remove it and ca.pem to make a new CA")
    return key


def _self_signed(key: ec.EllipticCurvePrivateKey) -> bytes:
    now = datetime.datetime.now(datetime.UTC)
    name = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Exeat"), x509.NameAttribute(NameOID.COMMON_NAME, "Exeat CA")]
    )
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + CA_LIFE)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM)


def _usage(*, signs: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs, key_cert_sign=signs, crl_sign=signs, content_commitment=False,
        key_encipherment=False, data_encipherment=False, key_agreement=False, encipher_only=False, decipher_only=False,
    )  # fmt: skip


@final
class CertificateAuthority:
    """Signs leaves for the names agents ask for."""

    def __init__(self, state: Path) -> None:
        self._key = _load_key(read_private(state / "ca.key"), state / "ca.key")
        self._certificate = x509.load_pem_x509_certificate((state / "ca.pem").read_bytes())
        if self._certificate.public_key() != self._key.public_key():
            raise StartError(f"{state / 'ca.pem'} doesn't belong to ca.key", "restore the pair, or remove both")
        if self._certificate.not_valid_after_utc <= datetime.datetime.now(datetime.UTC) + LEAF_LIFE:
            raise StartError(f"{state / 'ca.pem'} expires within a day", "remove ca.key and ca.pem to make a new CA")
        self.leaf_key = ec.generate_private_key(ec.SECP256R1())

    @property
    def expires_at(self) -> float:
        """Its end, in seconds since the epoch."""
        return self._certificate.not_valid_after_utc.timestamp()

    def sign(self, names: tuple[str, ...]) -> x509.Certificate:
        """Return a leaf for host names or addresses (RFC 5280 §4.2.1.6), valid for a day."""
        now = datetime.datetime.now(datetime.UTC)
        alternatives = [_alternative(name) for name in names]
        return (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(self._certificate.subject)
            .public_key(self.leaf_key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - datetime.timedelta(minutes=10))
            .not_valid_after(now + LEAF_LIFE)
            # Critical because the subject is empty (RFC 5280 §4.2.1.6).
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=True)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self.leaf_key.public_key()), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


class LeafCache[T]:
    """A bounded, age-limited cache keyed by names; ``make`` builds what is missing."""

    def __init__(self, capacity: int, seconds: float) -> None:
        self._capacity = capacity
        self._seconds = seconds
        self._entries: OrderedDict[tuple[str, ...], tuple[float, T]] = OrderedDict()

    def get(self, names: tuple[str, ...], now: float) -> T | None:
        """A fresh entry, or None."""
        entry = self._entries.get(names)
        if entry is None or entry[0] < now:
            return None
        self._entries.move_to_end(names)
        return entry[1]

    def put(self, names: tuple[str, ...], value: T, now: float) -> None:
        """Keep a value; the one unused for longest goes when there are too many."""
        self._entries[names] = (now + self._seconds, value)
        self._entries.move_to_end(names)
        while len(self._entries) > self._capacity:
            self._entries.popitem(last=False)
