"""X.509-SVIDs: the SPIFFE ID in a certificate whose chain was verified already.

Follows the SPIFFE X.509-SVID specification, §2 (exactly one URI SAN, a SPIFFE ID) and §4 (a leaf, not a CA), and SPIFFE-ID §2.
Must not know: TLS, which agent an ID means.
"""

from __future__ import annotations

from cryptography import x509

from exeat.errors import RefusalError
from exeat.model.identity import SPIFFE_ID
from exeat.model.reason import Reason


def read_svid(certificate: bytes) -> tuple[str, float]:
    """Return (SPIFFE ID, the second at which the certificate expires) of a verified leaf in DER.

    Raise RefusalError(IDENTITY_INVALID) for one that isn't an X.509-SVID.
    """
    try:
        leaf = x509.load_der_x509_certificate(certificate)
        names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        uris = names.get_values_for_type(x509.UniformResourceIdentifier)
        if _is_authority(leaf.extensions):
            raise _invalid("it may sign others")
    except x509.ExtensionNotFound:
        uris = []
    except (ValueError, x509.DuplicateExtension):
        raise _invalid("it can't be read") from None
    if len(uris) != 1:
        raise _invalid("it has not exactly one URI")
    spiffe_id = uris[0]
    if not SPIFFE_ID.fullmatch(spiffe_id):
        raise _invalid("its URI is no SPIFFE ID")
    return spiffe_id, leaf.not_valid_after_utc.timestamp()


def _is_authority(extensions: x509.Extensions) -> bool:
    for extension in extensions:
        value = extension.value
        if isinstance(value, x509.BasicConstraints) and value.ca:
            return True
        if isinstance(value, x509.KeyUsage) and (value.key_cert_sign or value.crl_sign):
            return True
    return False


def _invalid(detail: str) -> RefusalError:
    return RefusalError(Reason.IDENTITY_INVALID, f"client certificate: {detail}")
