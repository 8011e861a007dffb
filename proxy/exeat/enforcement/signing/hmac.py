"""A signature over the request with a key that the service knows too (HMAC, RFC 2104).

What is signed is exactly what leaves. Must not know: any engine, how the key was obtained.
"""

from __future__ import annotations

import hmac
from base64 import b64encode
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import final

from exeat.errors import RefusalError
from exeat.model.decision import Inject
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.signing import SignatureForm, Template
from exeat.model.token import Token
from exeat.services.fields import plain_name

_EMPTY = bytes.fromhex("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
"""SHA-256 of nothing (FIPS 180-4)."""


@final
class HmacSigner:
    """Signs with a token's value; implements the Signer protocol."""

    def sign(
        self, request: CanonicalRequest, fields: Headers, target: str, inject: Inject, token: Token, now: float
    ) -> tuple[Headers, str]:
        """Write the signature, its date and the body's digest, and nothing of the agent's own in their fields."""
        form = inject.place.signature
        if form is None:
            raise RefusalError(Reason.INTERNAL_ERROR, "the service doesn't say how it is signed")
        if form.of_body and request.has_body and request.body_sha256 is None:
            raise RefusalError(Reason.REQUEST_MALFORMED, "the body is too large to be signed")
        path, _, query = target.partition("?")
        date = _written(now, form.date)
        digest = _encoded(request.body_sha256 or _EMPTY, form) if form.of_body else ""
        known = {
            "method": request.method,
            "host": request.authority,
            "path": path,
            "query": query,
            "target": target,
            "date": date,
            "digest": digest,
        }
        key_id = token.parts.get("key_id")
        text = _filled(form.text, known).encode("utf-8", "surrogateescape")
        signature = hmac.digest(token.value.reveal().encode("utf-8"), text, form.algorithm)
        shown = {
            "signature": _encoded(signature, form),
            "key_id": "" if key_id is None else key_id.reveal(),
            "date": date,
            "digest": digest,
        }
        added = {form.header: _filled(form.value, shown)}
        if form.date_header:
            added[form.date_header] = date
        if form.digest_header:
            added[form.digest_header] = digest
        if inject.place.name and key_id is not None:
            added[inject.place.name] = key_id.reveal()
        ours = [(name.encode("ascii"), value.encode("ascii")) for name, value in added.items()]
        taken = {plain_name(name) for name, _ in ours}
        return (*(field for field in fields if plain_name(field[0]) not in taken), *ours), target


def _filled(template: Template, known: Mapping[str, str]) -> str:
    return "".join(literal + known.get(name, "") for literal, name in template)


def _encoded(digest: bytes, form: SignatureForm) -> str:
    return digest.hex() if form.encoding == "hex" else b64encode(digest).decode("ascii")


def _written(now: float, how: str) -> str:
    if how == "unix":
        return str(int(now))
    if how == "unix_ms":
        return str(int(now * 1000))
    moment = datetime.fromtimestamp(int(now), UTC)
    return format_datetime(moment, usegmt=True) if how == "http" else moment.strftime("%Y-%m-%dT%H:%M:%SZ")
