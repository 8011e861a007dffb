"""A bare S3 client of keys that a test holds: botocore signs, http.client sends, nothing of Exeat takes part."""

from __future__ import annotations

import hashlib
import http.client
from urllib.parse import urlsplit

from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from servers.sts_relay import Granted


def direct(url: str, granted: Granted, method: str, path: str, body: bytes = b"") -> int:
    """The status that a server answers to these keys."""
    request = AWSRequest(method, url + path, data=body)
    credentials = Credentials(granted.key_id, granted.secret, granted.token or None)
    S3SigV4Auth(credentials, "s3", "eu-central-1").add_auth(request)
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=10)
    try:
        connection.request(method, path, body, dict(request.headers))
        return connection.getresponse().status
    finally:
        connection.close()


def signed(pair: str, method: str, url: str, body: bytes = b"", *, service: str = "s3", **headers: str) -> list[str]:
    """The header lines that sign a request with an access key written as ``ID:SECRET``."""
    key_id, _, secret = pair.partition(":")
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    request = AWSRequest(method, url, data=body, headers=given)
    auth = S3SigV4Auth if service == "s3" else SigV4Auth
    if "x-amz-content-sha256" in given and service == "s3":
        auth = SigV4Auth
    auth(Credentials(key_id, secret), service, "eu-central-1").add_auth(request)
    return [f"{name}: {value}" for name, value in request.headers.items()]


def verified(
    granted: Granted, method: str, url: str, headers: list[tuple[str, str]], body: bytes, service: str
) -> bool:
    """Whether an origin that knows these keys finds the signature right, and the body's hash too."""
    seen = {name.lower(): value for name, value in headers}
    names = seen["authorization"].partition("SignedHeaders=")[2].partition(",")[0].split(";")
    request = AWSRequest(method, url, data=body, headers={name: seen[name] for name in names if name != "host"})
    signer = SigV4Auth(Credentials(granted.key_id, granted.secret), service, "eu-central-1")
    request.context["timestamp"] = seen["x-amz-date"]
    stated = seen.get("x-amz-content-sha256", "")
    if len(stated) == 64 and hashlib.sha256(body).hexdigest() != stated:
        return False
    signature = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
    return (
        seen["authorization"].endswith(f"Signature={signature}")
        and f"Credential={granted.key_id}/" in seen["authorization"]
        and seen.get("x-amz-security-token", "") == granted.token
        and {"host", "x-amz-date", "x-amz-security-token"} <= set(names)
    )
