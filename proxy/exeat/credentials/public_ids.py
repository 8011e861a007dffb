"""What a token or a stored secret is called in the audit: keyed, so that it shows nothing and can't be guessed at.

Must not know: what a value opens.
"""

from __future__ import annotations

import base64
import hashlib
import hmac

from exeat.model.secret import Secret


def digest_of(key: bytes, purpose: str, *values: Secret) -> bytes:
    """A keyed digest of one value or several, of its own for each purpose."""
    subkey = hmac.digest(key, f"exeat {purpose} id v1".encode(), hashlib.sha256)
    return hmac.digest(subkey, "\0".join(value.reveal() for value in values).encode(), hashlib.sha256)


def public_id(prefix: str, digest: bytes) -> str:
    """100 bits of a digest, readable."""
    return f"{prefix}-" + base64.b32encode(digest)[:20].decode("ascii").lower()
