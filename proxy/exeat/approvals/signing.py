"""Webhook signatures as "Standard Webhooks" has them: HMAC-SHA256 over id, time and body.

Must not know: who sends, what is said.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Mapping

from exeat.errors import StartError
from exeat.model.secret import Secret

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX = "whsec_"
_LEAST = 24
"""Bytes of a key, the least that the specification allows."""
_MOST_SIGNATURES = 10
"""In one header: a sender that changes its key sends two."""


def key_of(secret: Secret, where: str) -> bytes:
    """The signing key: base64 after ``whsec_``, else the text's own bytes. Raise StartError when it is too short."""
    text = secret.reveal()
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else text.encode()
    except binascii.Error:
        key = b""
    if len(key) < _LEAST:
        raise StartError(f"{where}: no webhook secret of {_LEAST} bytes at least", "make one: openssl rand -base64 32")
    return key


def sign(key: bytes, message_id: str, timestamp: int, body: bytes) -> str:
    """The signature of one message, with its version."""
    digest = hmac.digest(key, b"%s.%d." % (message_id.encode(), timestamp) + body, hashlib.sha256)
    return "v1," + base64.b64encode(digest).decode()


def signed(key: bytes, message_id: str, timestamp: int, body: bytes) -> Mapping[str, str]:
    """The fields that go with a message."""
    return {ID: message_id, TIMESTAMP: str(timestamp), SIGNATURE: sign(key, message_id, timestamp, body)}


def holds(key: bytes, message_id: str, timestamp: int, body: bytes, shown: str) -> bool:
    """Whether one of the signatures shown is by this key; takes as long whichever is wrong."""
    right = sign(key, message_id, timestamp, body).encode()
    found = [
        hmac.compare_digest(right, each.encode("utf-8", "replace")) for each in shown.split(" ")[:_MOST_SIGNATURES]
    ]
    return any(found)
