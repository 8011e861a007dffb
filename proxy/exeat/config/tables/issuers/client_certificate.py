"""``kind = "client_certificate"``: a certificate and its key, in custody.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.stored_parts import StoredParts


class ClientCertificateTable(IssuerTable):
    """A certificate that is shown in the handshake (RFC 8446 §4.4.2), where ``credential.in = "client_certificate"``."""

    listed: ClassVar[bool] = False
    grade: ClassVar[Grade] = Grade.C

    kind: Literal["client_certificate"]
    certificate: SourceReference
    """Where the certificate is, in PEM, with those between it and what the service trusts."""
    key: SourceReference
    """Where its private key is, in PEM."""

    def details(self) -> StoredParts:
        """The key, and the certificate beside it."""
        return StoredParts(self.key, {"certificate": self.certificate})
