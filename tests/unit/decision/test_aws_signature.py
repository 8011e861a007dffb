"""Reading an AWS signature: one reading or none."""

from __future__ import annotations

import pytest

from exeat.decision.aws_signature import read_signature
from exeat.model.request import CanonicalRequest

SIGNED = (
    b"AWS4-HMAC-SHA256 Credential=AKIAEXEATABCDEFGHIJK/20261124/eu-central-1/s3/aws4_request,"
    b" SignedHeaders=host;x-amz-date, Signature=" + b"0" * 64
)
QUERY = (
    "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAEXEATABCDEFGHIJK%2F20261124%2Feu-central-1%2Fs3%2Faws4_request"
    "&X-Amz-Date=20261124T120000Z&X-Amz-Expires=60&X-Amz-SignedHeaders=host%3Bx-amz-acl&X-Amz-Signature=" + "0" * 64
)


def request(*fields: tuple[bytes, bytes], query: str = "") -> CanonicalRequest:
    return CanonicalRequest("GET", "https", "s3.example.test", 443, "/a", query, fields, "HTTP/1.1")


def test_a_field_and_a_query_are_read():
    field = read_signature(request((b"authorization", SIGNED)))
    assert field is not None
    assert (field.access_key_id, field.region, field.service) == ("AKIAEXEATABCDEFGHIJK", "eu-central-1", "s3")
    assert (field.names, field.presigned) == ({"host", "x-amz-date"}, False)
    query = read_signature(request(query=f"a=b&{QUERY}&c"))
    assert query is not None
    assert (query.access_key_id, query.names, query.life, query.presigned) == (
        "AKIAEXEATABCDEFGHIJK", {"host", "x-amz-acl"}, 60, True,
    )  # fmt: skip
    assert read_signature(request(query="list-type=2&prefix=a%2Fb")) is None


@pytest.mark.parametrize(
    ("fields", "query"),
    [
        ([SIGNED, SIGNED], ""),
        ([SIGNED], QUERY),
        ([b"AWS AKIAEXEATABCDEFGHIJK:c2lnbmF0dXJl"], ""),
        ([b"Bearer token"], ""),
        ([SIGNED + b", Signature=" + b"1" * 64], ""),
        ([SIGNED.replace(b"AWS4-HMAC-SHA256", b"AWS4-ECDSA-P256-SHA256")], ""),
        ([], QUERY + "&X-Amz-Credential=other"),
        ([], QUERY.replace("X-Amz-Credential", "x-amz-credential")),
        ([], QUERY.replace("X-Amz-Signature", "X-Amz-Signature%20")),
        ([], QUERY.replace("&X-Amz-Expires=60", "")),
        ([], QUERY.replace("Expires=60", "Expires=604801")),
        ([], QUERY.replace("X-Amz-Date", "a=b;X-Amz-Date")),
        ([], "AWSAccessKeyId=AKIAEXEATABCDEFGHIJK&Signature=c&Expires=1"),
        ([], "X-Amz-Signature=" + "0" * 64),
    ],
)
def test_two_signatures_or_half_of_one_have_no_reading(fields, query):
    with pytest.raises(ValueError, match=r"."):
        read_signature(request(*((b"authorization", value) for value in fields), query=query))


def test_a_session_token_alone_is_no_signature():
    with pytest.raises(ValueError, match="without a signature"):
        read_signature(request((b"x-amz-security-token", b"token")))
