"""Checkpoints: a signature over where a chain stands, to be kept where the log's owner can't reach.

Must not know: keys, files.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Mapping
from typing import Any

from exeat.audit.chain import Link
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.record import Record, RecordKind

Signer = Callable[[bytes], bytes]
"""Signs bytes, with Ed25519 (RFC 8032) in the product."""
SignatureCheck = Callable[[bytes, bytes], bool]
"""Whether a signature (first) over a message (second) holds."""


def signed_bytes(worker: str, boot: str, link: Link) -> bytes:
    """What the signature covers: the chain and the link before the checkpoint, so its own ``seq - 1`` and ``prev``."""
    return f"exeat audit checkpoint 1\n{worker}\n{boot}\n{link.seq}\n{link.hash}\n".encode()


def checkpoint_record(worker: str, boot: str, link: Link, signer: Signer | None) -> Record:
    """Return the record; unsigned without a signer. Raise RefusalError(AUDIT_UNAVAILABLE) when signing fails."""
    record: Record = {"kind": RecordKind.CHECKPOINT}
    if signer is None:
        return record
    try:
        signature = signer(signed_bytes(worker, boot, link))
    except Exception as error:  # a signer may raise anything, and then there is no checkpoint
        raise RefusalError(Reason.AUDIT_UNAVAILABLE, "the checkpoint can't be signed") from error
    record["signature"] = base64.urlsafe_b64encode(signature).rstrip(b"=").decode()
    return record


def signature_holds(fields: Mapping[str, Any], worker: str, boot: str, check: SignatureCheck) -> bool:
    """Whether a checkpoint as read is signed by the key behind ``check``; an unsigned one is not."""
    text = fields.get("signature")
    if not isinstance(text, str):
        return False
    try:
        signature = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        return False
    return check(signature, signed_bytes(worker, boot, Link(fields["seq"] - 1, fields["prev"])))
