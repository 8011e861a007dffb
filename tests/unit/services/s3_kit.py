"""Requests to S3 for its tests: canonical ones, as normalising makes them."""

from __future__ import annotations

from exeat.decision.normalize import normalize
from exeat.model.decision import Deny
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.s3 import read_s3

HOST = "s3.eu-central-1.amazonaws.com"


def request(method, target, *fields, host=HOST, has_body=False):
    headers = ((b"host", host.encode()), *fields)
    found = normalize(WireRequest(method, target.encode(), "", headers, "HTTP/1.1", Tunnel(host, 443, host), has_body))
    if isinstance(found, Deny):
        raise UnreadableError(found.detail)
    assert isinstance(found, CanonicalRequest)
    return found


def asked(method, target, *fields, body=b"", bucket=None):
    """What S3 is asked for: (call, bucket, key)."""
    host = HOST if bucket is None else f"{bucket}.{HOST}"
    given = {} if bucket is None else {"bucket": bucket}
    found = read_s3(request(method, target, *fields, host=host, has_body=bool(body)), body, given)
    return [(each.select, each.arguments["Bucket"], each.arguments["Key"]) for each in found]
