"""Whether a body has to be there before its request can be signed, and its digest once it is.

Must not know: any engine, keys.
"""

from __future__ import annotations

import hashlib
from dataclasses import replace

from exeat.model.decision import Inject, NeedBody, Permit
from exeat.model.request import CanonicalRequest


def with_digest(
    permit: Permit, request: CanonicalRequest, body: bytes | None, *, whole: bool
) -> CanonicalRequest | NeedBody:
    """Return the request, with its body's digest where that is signed; NeedBody when the body has to be read first.

    A body of which only the beginning is there stays without one, and the signer refuses it.
    """
    inject = next((duty for duty in permit.obligations if isinstance(duty, Inject)), None)
    form = None if inject is None else inject.place.signature
    if form is None or not form.of_body or not request.has_body:
        return request
    if body is None:
        return NeedBody(form.max_body)
    return replace(request, body_sha256=hashlib.sha256(body).digest()) if whole else request
