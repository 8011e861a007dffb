"""Signing a request as AWS signature version 4: over exactly the header fields, the query and the payload that leave.

botocore puts the text together and signs it; what differs from its clients' way is that names, query and path are given and
not made up. It is imported when the first request is signed, for it takes long to load. Cites: AWS, "Create a signed AWS API
request" (IAM user guide); "Authenticating requests" and "Signature calculations … chunked upload" (S3 API reference). Must not
know: who asks, where keys come from.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final
from urllib.parse import quote, unquote

from exeat.model.request import Headers
from exeat.model.secret import Secret

ALGORITHM = "AWS4-HMAC-SHA256"
UNSIGNED = "UNSIGNED-PAYLOAD"
EMPTY = hashlib.sha256(b"").hexdigest()
_SAFE = "-_.~"
_KEY_ID = re.compile(r"[A-Za-z0-9_]{3,128}")
_S3 = frozenset({"s3", "s3-object-lambda", "s3-outposts", "s3express"})
"""Their paths are signed as they are sent; any other service's are encoded once more (IAM user guide, canonical URI)."""


@dataclass(frozen=True, slots=True)
class AwsKeys:
    """An access key; ``session_token`` is None for a long-lived one."""

    access_key_id: str
    secret: Secret = field(repr=False)
    session_token: Secret | None = field(default=None, repr=False)


def read_keys(secret: Secret) -> AwsKeys:
    """Read a long-lived access key written as ``KEY_ID:SECRET``; raise ValueError (fixed text) when it is something else."""
    key_id, colon, value = secret.reveal().partition(":")
    if not colon or not _KEY_ID.fullmatch(key_id) or not value:
        raise ValueError("the access key is not written as KEY_ID:SECRET")
    return AwsKeys(key_id, Secret(value))


@dataclass(frozen=True, slots=True)
class Scope:
    """For what a signature holds: a moment (``20261124T120000Z``), a region and a service."""

    moment: str
    region: str
    service: str

    def __str__(self) -> str:
        return f"{self.moment[:8]}/{self.region}/{self.service}/aws4_request"


def moment(now: float) -> str:
    """A time as signatures write it."""
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now))


def authorization(
    keys: AwsKeys, scope: Scope, method: str, path: str, query: str, fields: Headers, names: Iterable[str], payload: str
) -> tuple[str, str]:
    """Return the value of ``Authorization`` and the signature in it.

    ``fields`` hold ``host`` and whatever ``names`` says is signed, ``payload`` is the SHA-256 of the body in hex or one of
    the words that stand for it.
    """
    listed, value = _signature(keys, scope, method, path, query, fields, names, payload)
    return f"{ALGORITHM} Credential={keys.access_key_id}/{scope}, SignedHeaders={listed}, Signature={value}", value


def presigned(
    keys: AwsKeys,
    scope: Scope,
    life: int,
    method: str,
    path: str,
    query: str,
    fields: Headers,
    names: Iterable[str],
    payload: str,
) -> str:
    """Return the query with the parameters that sign the request at its end; ``query`` holds none of them."""
    names = frozenset(names)
    listed = ";".join(sorted(names))
    given = {
        "X-Amz-Algorithm": ALGORITHM,
        "X-Amz-Credential": f"{keys.access_key_id}/{scope}",
        "X-Amz-Date": scope.moment,
        "X-Amz-Expires": str(life),
        "X-Amz-SignedHeaders": listed,
    }
    if keys.session_token is not None:
        given["X-Amz-Security-Token"] = keys.session_token.reveal()
    added = "&".join(f"{name}={quote(value, safe=_SAFE)}" for name, value in given.items())
    query = f"{query}&{added}" if query else added
    _, value = _signature(keys, scope, method, path, query, fields, names, payload)
    return f"{query}&X-Amz-Signature={value}"


@final
class ChunkChain:
    """Signs the pieces of a body one after the other; each signature holds for all that came before it.

    ``seed`` is the signature of the request's head.
    """

    def __init__(self, keys: AwsKeys, scope: Scope, seed: str) -> None:
        self._key = _signing_key(keys.secret, scope)
        self._about = f"{scope.moment}\n{scope}"
        self._last = seed

    def chunk(self, data: bytes) -> str:
        """The next piece's signature."""
        return self._next(f"{ALGORITHM}-PAYLOAD\n{self._about}\n{self._last}\n{EMPTY}\n", data)

    def trailer(self, lines: bytes) -> str:
        """The signature of the trailing fields, each as ``name:value`` and a line feed."""
        return self._next(f"{ALGORITHM}-TRAILER\n{self._about}\n{self._last}\n", lines)

    def _next(self, head: str, data: bytes) -> str:
        text = head + hashlib.sha256(data).hexdigest()
        self._last = hmac.new(self._key, text.encode("ascii"), hashlib.sha256).hexdigest()
        return self._last


def _signing_key(secret: Secret, scope: Scope) -> bytes:
    key = f"AWS4{secret.reveal()}".encode()
    for word in (scope.moment[:8], scope.region, scope.service, "aws4_request"):
        key = hmac.digest(key, word.encode("ascii"), "sha256")
    return key


def _signature(
    keys: AwsKeys, scope: Scope, method: str, path: str, query: str, fields: Headers, names: Iterable[str], payload: str
) -> tuple[str, str]:
    signer, request = _botocore()(keys, scope, method, path, canonical_query(query), _merged(fields, names), payload)
    text = signer.string_to_sign(request, signer.canonical_request(request))
    return signer.listed, signer.signature(text, request)


def _merged(fields: Headers, names: Iterable[str]) -> Mapping[str, str]:
    """Each named field once, its values joined, with single spaces, in order of names."""
    wanted = set(names)
    found: dict[str, list[str]] = {}
    for name, value in fields:
        text = name.decode("ascii")
        if text in wanted:
            found.setdefault(text, []).append(" ".join(value.decode("utf-8", "surrogateescape").split()))
    if lacking := wanted - found.keys():
        raise ValueError(f"a signed field is missing: {min(lacking)}")
    return {name: ",".join(found[name]) for name in sorted(found)}


def canonical_query(query: str) -> str:
    """A query as both sides take it for signing: decoded, encoded in one way, sorted."""
    if not query:
        return ""
    pairs = []
    for part in query.split("&"):
        if part:
            key, _, value = part.partition("=")
            pairs.append((_encoded(key.replace("+", " ")), _encoded(value.replace("+", " "))))
    return "&".join(f"{key}={value}" for key, value in sorted(pairs))


def _encoded(text: str) -> str:
    if text.isalnum():
        return text
    return quote(unquote(text, errors="surrogateescape"), safe=_SAFE, errors="surrogateescape")


def _path(path: str, service: str) -> str:
    once = "/".join(map(_encoded, path.split("/")))
    return once if service in _S3 else quote(once, safe="/" + _SAFE)


@cache
def _botocore() -> Any:
    """A signer of botocore's that signs what it is given and nothing else; made with its request."""
    from botocore.auth import SigV4Auth
    from botocore.credentials import Credentials

    class Given:
        """As much of a request as is signed."""

        __slots__ = ("context", "headers", "method", "params", "url")

        def __init__(self, method: str, moment: str) -> None:
            self.method, self.url = method, ""
            self.params: dict[str, str] = {}
            self.headers: dict[str, str] = {}
            self.context = {"timestamp": moment}

    class Signer(SigV4Auth):  # type: ignore[misc]  # botocore is untyped
        def __init__(
            self, keys: AwsKeys, scope: Scope, path: str, query: str, fields: Mapping[str, str], payload: str
        ) -> None:
            super().__init__(Credentials(keys.access_key_id, keys.secret.reveal()), scope.service, scope.region)
            self._path, self._query, self._fields, self._hash = path, query, fields, payload
            self.listed = ";".join(fields)

        def headers_to_sign(self, request: Any) -> Mapping[str, str]:  # noqa: ARG002 botocore's signature
            return self._fields

        def canonical_headers(self, headers_to_sign: Mapping[str, str]) -> str:
            return "\n".join(f"{name}:{value}" for name, value in headers_to_sign.items())

        def signed_headers(self, headers_to_sign: Mapping[str, str]) -> str:  # noqa: ARG002
            return self.listed

        def canonical_query_string(self, request: Any) -> str:  # noqa: ARG002
            return self._query

        def _normalize_url_path(self, path: str) -> str:  # noqa: ARG002
            return self._path

        def payload(self, request: Any) -> str:  # noqa: ARG002
            return self._hash

    def made(
        keys: AwsKeys, scope: Scope, method: str, path: str, query: str, fields: Mapping[str, str], payload: str
    ) -> tuple[Signer, Given]:
        signer = Signer(keys, scope, _path(path, scope.service), query, fields, payload)
        return signer, Given(method, scope.moment)

    return made
