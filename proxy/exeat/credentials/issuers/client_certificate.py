"""A certificate for the handshake with an origin, in custody: the agent never holds its key.

Must not know: handshakes.
"""

from __future__ import annotations

from cryptography import x509

from exeat.credentials.issuing import IssuerKind, Proof
from exeat.credentials.stored_parts import built
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.token import Token


def _check(token: Token, now: float) -> None:
    """Raise RefusalError(TOKEN_UNAVAILABLE) for what is no certificate, or one whose time isn't now."""
    try:
        found = x509.load_pem_x509_certificate(token.parts["certificate"].reveal().encode("ascii"))
    except ValueError:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the client certificate can't be read") from None
    if not found.not_valid_before_utc.timestamp() <= now < found.not_valid_after_utc.timestamp():
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the client certificate is not valid now")


KIND = IssuerKind(
    "client_certificate",
    built("cert", _check),
    Proof.ENFORCED,
    narrows="nothing at the service; a connection that carries it serves one session only",
    revokes="never by itself: its connections are cut with the mission, the certificate lives until its own end",
    limits=("where requests of one connection need different certificates, each gets a connection of its own",),
    servers=("OpenSSL as a server that demands a certificate of its own authority",),
)
