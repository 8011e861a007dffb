"""A certificate as Vault's PKI engine answers it, checked against what was asked for.

Must not know: how it was asked for.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives import serialization

from exeat.credentials.vault.client import too_wide, unavailable
from exeat.model.secret import Secret

_FORMAT = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """The chain and the key as PEM; ``id`` names the serial number."""

    id: str
    chain: Secret = field(repr=False)
    key: Secret = field(repr=False)
    expires_at: float


def certificate_from(data: Mapping[str, object], name: str) -> Made:
    """Read it; raise RefusalError(TOKEN_TOO_WIDE) for other names than asked or a CA, TOKEN_UNAVAILABLE when it can't be used."""
    leaf, key = data.get("certificate"), data.get("private_key")
    chain = data.get("ca_chain")
    above = [each for each in chain if isinstance(each, str)] if isinstance(chain, list) else []
    if not isinstance(leaf, str) or not isinstance(key, str):
        raise unavailable("gave no certificate with its key")
    try:
        found = x509.load_pem_x509_certificate(leaf.encode("ascii"))
        private = serialization.load_pem_private_key(key.encode("ascii"), password=None)
        fits = private.public_key().public_bytes(*_FORMAT) == found.public_key().public_bytes(*_FORMAT)
        names = _names(found)
        authority = _is_authority(found)
    except (TypeError, ValueError, x509.InvalidVersion, x509.DuplicateExtension):
        raise unavailable("gave a certificate or a key that can't be read") from None
    if not fits:
        raise unavailable("gave a certificate for another key")
    if authority or names != {name}:
        raise too_wide(f"a certificate for {'a CA' if authority else 'other names'}, not for {name} alone")
    serial = f"{found.serial_number:x}"
    serial = serial.zfill(len(serial) + len(serial) % 2)
    spelled = ":".join(serial[at : at + 2] for at in range(0, len(serial), 2))
    text = "\n".join(each.strip() for each in (leaf, *above)) + "\n"
    return Made(f"crt-{spelled}", Secret(text), Secret(key.strip() + "\n"), found.not_valid_after_utc.timestamp())


def _names(certificate: x509.Certificate) -> set[str]:
    """Everything it speaks for."""
    common = certificate.subject.get_attributes_for_oid(x509.NameOID.COMMON_NAME)
    names = {str(each.value) for each in common}
    try:
        alternative = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return names
    return names | {str(each.value) for each in alternative}


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
