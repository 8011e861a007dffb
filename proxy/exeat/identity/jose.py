"""A compact JWS taken apart so that no other reader could understand it differently. Nothing in it is believed yet.

Must not know: keys, issuers, what any claim means.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import read_json

LONGEST = 8 * 1024
"""Characters; Kubernetes' have some 1,200, an identity provider's with many groups a few thousand."""
_COMPACT = re.compile(r"([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)\.([A-Za-z0-9_-]+)")
"""RFC 7515 §7.1, with a signature: three parts, so no JWE (five) and no unsecured JWS (an empty third)."""
_REFUSED = frozenset({"crit", "b64", "jku", "jwk", "x5u", "x5c", "zip", "enc", "cty"})
"""Header members that change how a token is read or say where its key is (RFC 7515 §4.1, RFC 7797, RFC 8725 §3.10)."""
_LONGEST_KID = 256


@dataclass(frozen=True, slots=True)
class UnverifiedToken:
    """What a token says of itself. ``signed`` are the bytes its ``signature`` is to cover; ``typ`` in lower case, or ``""``."""

    kid: str
    algorithm: str
    typ: str
    members: frozenset[str]
    claims: Mapping[str, Any] = field(repr=False)
    signed: bytes = field(repr=False)
    signature: bytes = field(repr=False)


def read_token(value: str) -> UnverifiedToken:
    """Take a token apart; raise RefusalError(IDENTITY_INVALID) unless every reader would read it alike."""
    match = _COMPACT.fullmatch(value) if len(value) <= LONGEST else None
    if match is None:
        raise invalid_token("not a compact JWS of at most 8 KiB")
    header, claims = _object(match[1]), _object(match[2])
    if refused := sorted(_REFUSED & header.keys()):
        raise invalid_token(f"its header has {refused[0]!r}")
    algorithm, kid, typ = header.get("alg"), header.get("kid"), header.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(typ, str):
        raise invalid_token("its header has no algorithm, or a type that is no text")
    if not isinstance(kid, str) or not 0 < len(kid) <= _LONGEST_KID:
        raise invalid_token("its header names no key")
    return UnverifiedToken(
        kid,
        algorithm,
        typ.lower().removeprefix("application/"),  # RFC 7515 §4.1.9
        frozenset(header),
        claims,
        value[: match.end(2)].encode("ascii"),
        _decode(match[3]),
    )


def _decode(segment: str) -> bytes:
    """Canonical base64url only: otherwise two spellings would be one token."""
    try:
        content = base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4))
    except (binascii.Error, ValueError):
        raise invalid_token("a part is not base64url") from None
    if base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii") != segment:
        raise invalid_token("a part is not canonical base64url")
    return content


def _object(segment: str) -> dict[str, Any]:
    try:
        value = read_json(_decode(segment))
    except UnreadableError:  # no JSON, a key twice, too deep
        raise invalid_token("its header or claims can't be read in exactly one way") from None
    if not isinstance(value, dict):
        raise invalid_token("its header or claims are not an object")
    return value


def invalid_token(detail: str) -> RefusalError:
    """The refusal of a token; ``detail`` quotes nothing of it."""
    return RefusalError(Reason.IDENTITY_INVALID, f"token: {detail}")
