"""Replaces the AWS signature of a request: the agent's, made with a placeholder, by one of the token minted for it.

The same mode as the agent's: in a field or in the query, with a hashed, an unsigned or a chunked payload, for the same region
and service. What is signed is what leaves, after tags. Cites: AWS, "Authenticating requests (AWS Signature Version 4)",
S3 API reference. Must not know: any engine, policies, how tokens are minted.
"""

from __future__ import annotations

import hashlib
import re
from calendar import timegm
from collections.abc import Iterator
from time import strptime
from typing import final

from exeat.decision.aws_signature import PARAMETERS, AwsSignature, read_signature
from exeat.enforcement.signing import SignedBody
from exeat.enforcement.signing.aws_bodies import HashedBody, ResignedBody
from exeat.errors import RefusalError
from exeat.model.decision import Inject
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.token import Token
from exeat.services.query import decoded
from exeat.sigv4 import EMPTY, UNSIGNED, AwsKeys, ChunkChain, Scope, authorization, moment, presigned, read_keys

_HASH = b"x-amz-content-sha256"
_CHUNKED = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
_TRAILED = f"{_CHUNKED}-TRAILER"
_CONSTANTS = frozenset({UNSIGNED, "STREAMING-UNSIGNED-PAYLOAD-TRAILER", _CHUNKED, _TRAILED})
_is_hash = re.compile(r"[0-9a-f]{64}").fullmatch
_REPLACED = frozenset({b"authorization", b"date", b"x-amz-date", b"x-amz-security-token"})
_ALWAYS = frozenset({"content-md5", "content-type", "host"})
_NEVER = frozenset(
    {"connection", "content-length", "expect", "te", "trailer", "transfer-encoding", "user-agent", "traceparent", "tracestate"}
)  # fmt: skip
"""Hops and we ourselves may write these anew; botocore leaves most of them out too."""
_LIFE = 300
"""Seconds at most that a presigned request of ours may be on its way."""


@final
class AwsSigner:
    """Signs as AWS signature version 4; implements the SignatureReader protocol."""

    def read(self, request: CanonicalRequest, body: bytes | None, now: float) -> AwsSigning:
        """Return how the request is to be signed: as the agent signed it.

        Raise RefusalError(REQUEST_MALFORMED) when its signature can't be replaced by one that means the same.
        """
        try:
            signature = read_signature(request)
        except ValueError as error:
            raise _unfit(str(error)) from None
        if signature is None:
            raise _unfit("the request carries no AWS signature: sign it with the placeholder's access key")
        if signature.presigned and not _is_current(signature, now):
            raise _unfit("the presigned request has expired, or is not valid yet")
        payload = _payload(request, signature)
        if not request.has_body:
            body = b""
        if body is not None and (not payload or _is_hash(payload)):
            actual = hashlib.sha256(body).hexdigest()
            if payload and payload != actual:
                raise _unfit("the body is not what x-amz-content-sha256 says")
            payload = actual
        return AwsSigning(request, signature, payload, read=body is not None)


@final
class AwsSigning:
    """One request that is about to be signed; ``payload`` stands for its body, which was ``read`` or not."""

    def __init__(self, request: CanonicalRequest, signature: AwsSignature, payload: str, *, read: bool) -> None:
        self._request, self._signature, self._payload, self._read = request, signature, payload, read
        self._body: SignedBody | None = None
        self.needs_body = not payload
        """AWS services other than S3 sign the body's hash, and tell it in no field."""

    def sign(self, fields: Headers, target: str, inject: Inject, token: Token, now: float) -> tuple[Headers, str]:  # noqa: ARG002 the port's signature
        """Return fields and target with the token's signature in the place of the agent's."""
        request, signature, payload = self._request, self._signature, self._payload
        keys = _keys(token)
        scope = Scope(moment(now), signature.region, signature.service)
        kept = tuple(field for field in fields if field[0] not in _REPLACED)
        path, _, query = target.partition("?")
        host = (b"host", request.authority.encode("ascii"))
        if signature.presigned:
            query = "&".join(part for part in query.split("&") if part and not _signs(part))
            life, names = min(signature.life, _LIFE), _names(kept, signature)
            query = presigned(keys, scope, life, request.method, path, query, (host, *kept), names, payload)
            self._body = self._through(None)
            return kept, f"{path}?{query}"
        kept = (*kept, (b"x-amz-date", scope.moment.encode("ascii")))
        if keys.session_token is not None:
            kept = (*kept, (b"x-amz-security-token", keys.session_token.reveal().encode("ascii")))
        value, seed = authorization(
            keys, scope, request.method, path, query, (host, *kept), _names(kept, signature), payload
        )
        self._body = self._through(ChunkChain(keys, scope, seed) if payload in (_CHUNKED, _TRAILED) else None)
        return (*kept, (b"authorization", value.encode("ascii"))), target

    def body(self) -> SignedBody | None:
        """What checks or signs it as it streams."""
        return self._body

    def _through(self, chain: ChunkChain | None) -> SignedBody | None:
        if not self._request.has_body:
            return None
        if chain is not None:
            return ResignedBody(chain, trailer=self._payload == _TRAILED)
        return HashedBody(self._payload) if not self._read and _is_hash(self._payload) else None


def _keys(token: Token) -> AwsKeys:
    """Of a session in parts, or of a long-lived key that is written as one."""
    key_id = token.parts.get("access_key_id")
    if key_id is not None:
        return AwsKeys(key_id.reveal(), token.value, token.parts.get("session_token"))
    try:
        return read_keys(token.value)
    except ValueError as error:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, str(error)) from None


def _payload(request: CanonicalRequest, signature: AwsSignature) -> str:
    """What stands for the payload in the signature; ``""`` for the hash of a body that no field tells."""
    values = request.header(_HASH)
    if len(values) > 1:
        raise _unfit("x-amz-content-sha256 comes twice")
    given = values[0].decode("latin-1") if values else _in_query(request.query) if signature.presigned else ""
    if given and given not in _CONSTANTS and not _is_hash(given):
        raise _unfit("a payload that can't be signed anew: send its SHA-256, UNSIGNED-PAYLOAD or signed chunks")
    if signature.presigned:
        if given in (_CHUNKED, _TRAILED):
            raise _unfit("signed chunks in a presigned request")
        return given or (UNSIGNED if signature.service == "s3" else "")
    return given or ("" if request.has_body else EMPTY)


def _in_query(query: str) -> str:
    found = [part.partition("=")[2] for part in query.split("&") if part.lower().startswith("x-amz-content-sha256=")]
    return decoded(found[0]) if len(found) == 1 else ""


def _is_current(signature: AwsSignature, now: float) -> bool:
    try:
        begun = timegm(strptime(signature.time, "%Y%m%dT%H%M%SZ"))
    except ValueError:
        return False
    return begun - 900 <= now <= begun + signature.life  # AWS takes clocks that are a quarter of an hour fast


def _names(fields: Headers, signature: AwsSignature) -> Iterator[str]:
    """What is signed: what the agent signed, and what AWS wants signed of all that is there."""
    yield "host"
    for name, _ in fields:
        text = name.decode("ascii")
        if text not in _NEVER and (text in signature.names or text in _ALWAYS or text.startswith("x-amz-")):
            yield text


def _signs(part: str) -> bool:
    return decoded(part.partition("=")[0]) in PARAMETERS


def _unfit(detail: str) -> RefusalError:
    return RefusalError(Reason.REQUEST_MALFORMED, detail)
