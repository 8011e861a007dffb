"""The trusted roots as Java reads them: a PKCS #12 store.

It holds public certificates only. Java wants a password all the same, and everybody's is the same one. Must not know:
where the certificates come from.
"""

from __future__ import annotations

import re
import warnings

from cryptography import x509
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, pkcs12
from cryptography.utils import CryptographyDeprecationWarning

_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_PASSWORD = b"changeit"
"""Java's own default; it protects nothing, since nothing in the store is secret."""


def java_truststore(bundle: bytes) -> bytes:
    """Return a store of every certificate in a PEM bundle, each marked as trusted the way Java demands.

    Roots that RFC 5280 forbids (serial numbers below one) are left out.
    """
    entries = []
    for number, pem in enumerate(_CERTIFICATE.findall(bundle)):
        with warnings.catch_warnings():
            warnings.simplefilter("error", CryptographyDeprecationWarning)
            try:
                certificate = x509.load_pem_x509_certificate(pem)
            except (ValueError, CryptographyDeprecationWarning):
                continue
        entries.append(pkcs12.PKCS12Certificate(certificate, b"root-%d" % number))
    return pkcs12.serialize_java_truststore(entries, BestAvailableEncryption(_PASSWORD))
