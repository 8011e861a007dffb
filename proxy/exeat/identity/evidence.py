"""The credential in ``Proxy-Authorization``: a pass, or a token of a trusted issuer.

Must not know: what it proves.
"""

from __future__ import annotations

import base64
import binascii
import re

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.request import Headers
from exeat.model.secret import Secret

_FIELD = b"proxy-authorization"
_LONGEST = 8 * 1024
"""Bytes of the field: a token of some 6 KiB in base64, and a user name."""
_CREDENTIALS = re.compile(rb"(?:((?i:basic))|(?i:bearer)) +([A-Za-z0-9._~+/-]+=*)")
"""RFC 9110 §11.4: scheme, spaces, token68. No other scheme, no parameters, nothing after."""
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_PASS = re.compile(rb"[!-~]+")


def read_credential(headers: Headers) -> Secret | None:
    """Return the credential shown, or None when none is: the password of ``Basic`` (any user name), or the ``Bearer`` token.

    Raise RefusalError(IDENTITY_INVALID) for anything that could be read in two ways: two such fields, another
    scheme, base64 that isn't strict, control characters, an empty password (RFC 7617 §2, RFC 6750 §2.1).
    """
    values = [value for name, value in headers if name.lower() == _FIELD]
    if not values:
        return None
    if len(values) > 1:
        raise _invalid("more than one Proxy-Authorization field")
    if len(values[0]) > _LONGEST:
        raise _invalid("Proxy-Authorization is too long")
    match = _CREDENTIALS.fullmatch(values[0])
    if match is None:
        raise _invalid("Proxy-Authorization is neither Basic nor Bearer")
    shown = _password(match[2]) if match[1] else match[2]
    if not _PASS.fullmatch(shown):
        raise _invalid("the credential is empty or holds white space or other bytes than ASCII")
    return Secret(shown.decode("ascii"))


def _password(encoded: bytes) -> bytes:
    """Strict base64 only: what another reader would decode differently, or not at all, is refused."""
    try:
        decoded = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise _invalid("Basic credentials are not base64") from None
    if base64.b64encode(decoded) != encoded:
        raise _invalid("Basic credentials are not canonical base64")
    user, colon, password = decoded.partition(b":")
    if not colon or _CONTROL.search(user):
        raise _invalid("Basic credentials are not user:password")
    return password


def _invalid(detail: str) -> RefusalError:
    return RefusalError(Reason.IDENTITY_INVALID, detail)
