"""What a request says of its AWS signature (version 4): in its ``Authorization`` field, or in the query of a presigned one.

Nothing is guessed: two signatures, one of another version, and parameters spelled in another way have no reading. The
signature itself isn't verified, for who asks is known by other means; it is replaced. Cites: AWS, "Authenticating requests
(AWS Signature Version 4)", Amazon S3 API reference. Must not know: whose key it is, how anything is signed.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from exeat.model.request import CanonicalRequest
from exeat.services.query import decoded, plain_key, query_pairs

FIELDS = (b"authorization", b"x-amz-security-token")
"""The header fields that carry a signature, or what belongs to it."""
ALGORITHM = "AWS4-HMAC-SHA256"
_HEADER = re.compile(
    ALGORITHM + r" *Credential=(?P<key>[^/, =]{1,128})/(?P<date>[0-9]{8})/(?P<region>[A-Za-z0-9-]{1,64})/"
    r"(?P<service>[A-Za-z0-9-]{1,64})/aws4_request, *SignedHeaders=(?P<names>[!#$%&'*+.^_`|~0-9a-z;-]{1,4096}), *"
    r"Signature=(?P<signature>[0-9a-f]{64})"
)
_SCOPE = re.compile(
    r"(?P<key>[^/, =]{1,128})/(?P<date>[0-9]{8})/(?P<region>[A-Za-z0-9-]{1,64})/(?P<service>[A-Za-z0-9-]{1,64})/aws4_request"
)
_NAMES = re.compile(r"[!#$%&'*+.^_`|~0-9a-z;-]{1,4096}")
_TIME = re.compile(r"[0-9]{8}T[0-9]{6}Z")
_LIFE = re.compile(r"[1-9][0-9]{0,6}")
PARAMETERS = (
    "X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Signature",
    "X-Amz-Security-Token",
)  # fmt: skip
"""What signs a presigned request, as it is written."""
PLAIN = frozenset(plain_key(name) for name in PARAMETERS)
_OLDER = frozenset({"awsaccesskeyid"})
_LONGEST = 7 * 86400
"""Seconds that a presigned request may live (S3 API reference, X-Amz-Expires)."""


@dataclass(frozen=True, slots=True)
class AwsSignature:
    """Who signed, for which region and service, and which header fields. ``life`` is 0 unless it is a presigned request's."""

    access_key_id: str
    region: str
    service: str
    names: frozenset[str]
    time: str = ""
    life: int = 0

    @property
    def presigned(self) -> bool:
        """Whether the query carries it."""
        return self.life > 0


def read_signature(request: CanonicalRequest) -> AwsSignature | None:
    """Return what a request is signed as, None when it isn't; raise ValueError (fixed text) when there is no one reading."""
    given = _parameters(request.query) if request.query else {}
    fields = request.header(b"authorization")
    if not fields:
        if not given:
            if request.header(b"x-amz-security-token"):
                raise ValueError("a session token without a signature")
            return None
        return _presigned(given)
    if given or len(fields) > 1:
        raise ValueError("ambiguous: two AWS signatures")
    match = _HEADER.fullmatch(fields[0].decode("latin-1"))
    if match is None:
        raise ValueError("not an AWS signature of version 4 (AWS4-HMAC-SHA256)")
    return AwsSignature(match["key"], match["region"], match["service"], frozenset(match["names"].split(";")))


def _parameters(query: str) -> dict[str, str]:
    """The parameters that sign, by their plain names; each at most once, and spelled as AWS writes it."""
    lowered = query.lower()
    if "x-amz" not in lowered and "%" not in lowered and "awsaccesskeyid" not in lowered:
        return {}
    found: dict[str, str] = {}
    for key, value in query_pairs(query):
        plain = plain_key(key)
        if plain in _OLDER:
            raise ValueError("an AWS signature of version 2")
        if plain in PLAIN:
            if plain in found or key not in PARAMETERS:
                raise ValueError("ambiguous: a signing parameter comes twice, or is spelled in another way")
            found[plain] = value
    if found and sum(decoded(part.partition("=")[0]) in PARAMETERS for part in query.split("&")) != len(found):
        raise ValueError("ambiguous: a signing parameter inside another")
    return found


def _presigned(given: dict[str, str]) -> AwsSignature:
    scope = _SCOPE.fullmatch(given.get("x-amz-credential", ""))
    time, life, names = (given.get(f"x-amz-{name}", "") for name in ("date", "expires", "signedheaders"))
    whole = scope and _TIME.fullmatch(time) and _LIFE.fullmatch(life) and _NAMES.fullmatch(names)
    if scope is None or not whole or given.get("x-amz-algorithm") != ALGORITHM or "x-amz-signature" not in given:
        raise ValueError("not a whole AWS signature of version 4 in the query")
    if int(life) > _LONGEST:
        raise ValueError("a presigned request that lives longer than AWS allows")
    return AwsSignature(scope["key"], scope["region"], scope["service"], frozenset(names.split(";")), time, int(life))
