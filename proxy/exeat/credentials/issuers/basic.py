"""A user and his password in custody: the agent holds neither, but they are no narrower than before.

Must not know: how they are sent.
"""

from __future__ import annotations

from exeat.credentials.issuing import IssuerKind, Proof
from exeat.credentials.stored_parts import built

KIND = IssuerKind(
    "basic",
    built("pair"),
    Proof.ENFORCED,
    narrows="nothing: user and password are as wide as they ever were",
    revokes="never by itself: it ends when its owner changes the password",
    limits=("the user name can't hold a colon (RFC 7617 §2)",),
    servers=("an origin of our own that checks both",),
)
