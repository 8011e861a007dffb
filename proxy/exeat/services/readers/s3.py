"""S3: the call, from method, host or path style, and query; and what it acts on beside its path.

Selects are the names of S3's calls (``GetObject``, ``PutBucketPolicy``); captures point to ``/Bucket`` and ``/Key``. A field
may ask for more: ``x-amz-copy-source`` reads a second object, ``x-amz-acl`` sets its access, ``x-amz-tagging`` its tags. So
one request asks for several things, each judged. Cites: Amazon S3 API reference; User Guide, virtual hosting of buckets. Must not
know: operations, signatures.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from urllib.parse import unquote

from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.services.fields import only_field, plain_name
from exeat.services.query import plain_key
from exeat.services.readers.reading import Asked, UnreadableError, bounded
from exeat.services.readers.s3_calls import BUCKET, NAMES, OBJECT, SERVICE, find_call
from exeat.services.readers.s3_delete import read_delete
from exeat.services.readers.s3_names import check_bucket, check_key, copy_source

HOST_BUCKET = "bucket"
"""The capture of a host template that holds the bucket (virtual-host style)."""
_COPIES = {"PutObject": "CopyObject", "UploadPart": "UploadPartCopy"}
_BYPASS = "BypassGovernanceRetention"
SELECTS = NAMES | {*_COPIES.values(), _BYPASS}
_WRITES = frozenset({"PutObject", "CopyObject", "CreateMultipartUpload"})
# Fields that ask for more than the call does: what they ask for, by what they may stand beside.
_ACL = {
    **dict.fromkeys(_WRITES, "PutObjectAcl"),
    "CreateBucket": "PutBucketAcl",
    "PutObjectAcl": "",
    "PutBucketAcl": "",
}
_BYPASSED = dict.fromkeys(("DeleteObject", "DeleteObjectVersion", "DeleteObjects", "PutObjectRetention"), _BYPASS)
_MORE: tuple[tuple[re.Pattern[bytes], Mapping[str, str]], ...] = (
    (re.compile(rb"x-amz-acl|x-amz-grant-[a-z-]+"), _ACL),
    (re.compile(rb"x-amz-tagging"), dict.fromkeys(_WRITES, "PutObjectTagging")),
    (re.compile(rb"x-amz-object-lock-(?:mode|retain-until-date)"), dict.fromkeys(_WRITES, "PutObjectRetention")),
    (re.compile(rb"x-amz-object-lock-[a-z-]*hold[a-z-]*"), dict.fromkeys(_WRITES, "PutObjectLegalHold")),
    (re.compile(rb"x-amz-bypass-governance-retention"), _BYPASSED),
    (re.compile(rb"x-amz-bucket-object-lock-enabled"), {"CreateBucket": "PutObjectLockConfiguration"}),
    (re.compile(rb"x-amz-object-ownership"), {"CreateBucket": "PutBucketOwnershipControls"}),
    (re.compile(rb"x-amz-copy-source(?:-[a-z0-9-]+)?"), dict.fromkeys(_COPIES.values(), "")),
)
_HARMLESS = re.compile(
    rb"x-amz-(?:meta-.+|checksum-[a-z0-9-]+|sdk-[a-z-]+|server-side-encryption(?:-[a-z0-9-]+)?|content-sha256|date|security-token"
    rb"|decoded-content-length|trailer|user-agent|storage-class|expected-bucket-owner|source-expected-bucket-owner|request-payer|mfa"
    rb"|metadata-directive|tagging-directive|website-redirect-location|mp-object-size|if-match-[a-z-]+|write-offset-bytes|max-parts"
    rb"|part-number-marker|object-attributes|optional-object-attributes|transition-default-minimum-object-size"
    rb"|skip-destination-validation|confirm-remove-self-bucket-access|bucket-object-lock-token|bucket-namespace)"
)
_PLAIN_QUERY = re.compile(r"(?:[A-Za-z0-9._~!$'()*,:@/-]|%[0-9A-Fa-f]{2})*")


def s3_needs_body(request: CanonicalRequest) -> bool:
    """Whether what is asked lies in the body: the keys of DeleteObjects do, objects themselves stream on unread."""
    return request.method == "POST" and any(piece.partition("=")[0] == "delete" for piece in request.query.split("&"))


def read_s3(request: CanonicalRequest, body: bytes, given: Mapping[str, str]) -> tuple[Asked, ...]:
    """Return everything a request asks for, the call itself first; raise UnreadableError."""
    bucket, key = _names(request, given.get(HOST_BUCKET))
    level = OBJECT if key else BUCKET if bucket else SERVICE
    query = _query(request.query)
    name = find_call(level, request.method, query)
    if name is None:
        raise UnreadableError("no call of S3 that is described", Reason.OPERATION_UNKNOWN)
    source = only_field(request, "x-amz-copy-source")
    if source is not None:
        if name not in _COPIES:
            raise UnreadableError("a copy's source where nothing is copied")
        name = _COPIES[name]
    if name == "DeleteObjects":
        asked = _deleted(request, bucket, body)
    else:
        asked = [Asked(name, {"Bucket": bucket, "Key": key})]
    if source is not None:
        their_bucket, their_key = copy_source(source)
        asked.append(Asked("GetObject", {"Bucket": their_bucket, "Key": their_key}))
    for more in dict.fromkeys(_more(request, name)):
        asked += [Asked(more, each.arguments) for each in (asked if name == "DeleteObjects" else asked[:1])]
    return bounded(asked)


def _names(request: CanonicalRequest, host_bucket: str | None) -> tuple[str, str]:
    """Bucket and key, ``""`` without one; a ``+`` in a path is a blank to S3 and a plus sign to others."""
    if "+" in request.path or any("/" in segment for segment in request.segments):
        raise UnreadableError("a '+' or an encoded slash in the path has two readings")
    if host_bucket is None:
        bucket, rest = request.segments[:1], request.segments[1:]
    else:
        bucket, rest = (host_bucket,), request.segments
    key = "/".join(rest)
    return check_bucket(bucket[0]) if bucket else "", check_key(key) if key else ""


def _query(query: str) -> dict[str, str]:
    """The keys of a query as they are spelled, each once; raise UnreadableError for another way to write one."""
    found: dict[str, str] = {}
    for piece in query.split("&") if query else ():
        key, _, raw = piece.partition("=")
        if not key or key in found or "%" in key or not _PLAIN_QUERY.fullmatch(key):
            raise UnreadableError("a key of the query comes twice, or escaped")
        if not _PLAIN_QUERY.fullmatch(raw.replace("=", "")):
            raise UnreadableError("a value of the query has two readings")
        found[key] = unquote(raw, errors="surrogateescape")
    if len({plain_key(key) for key in found}) != len(found):
        raise UnreadableError("two keys of the query are the same to some servers")
    return found


def _deleted(request: CanonicalRequest, bucket: str, body: bytes) -> list[Asked]:
    if request.header(b"content-encoding"):
        raise UnreadableError("an encoded body is not read here")
    return [
        Asked("DeleteObjectVersion" if version else "DeleteObject", {"Bucket": bucket, "Key": check_key(key)})
        for key, version in read_delete(body)
    ]


def _more(request: CanonicalRequest, name: str) -> Iterator[str]:
    """What the fields ask for beside the call; raise UnreadableError for one of S3's fields that isn't known, or elsewhere."""
    for raw, _ in request.headers:
        plain = plain_name(raw)
        if not plain.startswith(b"x-amz-"):
            continue
        if _HARMLESS.fullmatch(raw):
            continue
        for fields, calls in _MORE:
            if fields.fullmatch(raw) and name in calls:
                if calls[name]:
                    yield calls[name]
                break
        else:
            raise UnreadableError(
                "a field of S3 that isn't described, or not beside this call", Reason.OPERATION_UNKNOWN
            )
