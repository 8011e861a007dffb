"""A key that signs requests, in custody: the agent never holds it, but what it signs is no narrower than before.

Must not know: how anything is signed.
"""

from __future__ import annotations

from exeat.credentials.issuing import IssuerKind, Proof
from exeat.credentials.stored_parts import built

KIND = IssuerKind(
    "hmac",
    built("hmac"),
    Proof.ENFORCED,
    narrows="nothing at the service, but the key never leaves: each signature holds for one request, its path, query, body and time",
    revokes="never by itself: it ends when its owner replaces the key",
    limits=("a body whose digest is signed is read whole before it leaves, up to `credential.signature.max_body`",),
    servers=("an origin of our own that verifies each signature and refuses an old one",),
)
