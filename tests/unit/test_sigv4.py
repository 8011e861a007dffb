"""Signatures against the examples that AWS publishes (S3 API reference, "Signature calculations") and against botocore itself."""

from __future__ import annotations

from urllib.parse import quote

import pytest
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from hypothesis import given
from hypothesis import strategies as st

from exeat.model.secret import Secret
from exeat.sigv4 import EMPTY, AwsKeys, ChunkChain, Scope, authorization, moment, presigned, read_keys

EXAMPLE = AwsKeys("AKIAIOSFODNN7EXAMPLE", Secret("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"))
SCOPE = Scope("20130524T000000Z", "us-east-1", "s3")
HOST = (b"host", b"examplebucket.s3.amazonaws.com")


def test_a_field_is_signed_as_aws_publishes_it():
    fields = (
        HOST,
        (b"range", b"bytes=0-9"),
        (b"x-amz-content-sha256", EMPTY.encode()),
        (b"x-amz-date", b"20130524T000000Z"),
    )
    names = [name.decode() for name, _ in fields]
    value, signature = authorization(EXAMPLE, SCOPE, "GET", "/test.txt", "", fields, names, EMPTY)
    assert signature == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"
    assert value == (
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request, "
        f"SignedHeaders=host;range;x-amz-content-sha256;x-amz-date, Signature={signature}"
    )


def test_queries_are_sorted_and_encoded_before_they_are_signed():
    fields = (HOST, (b"x-amz-content-sha256", EMPTY.encode()), (b"x-amz-date", b"20130524T000000Z"))
    names = [name.decode() for name, _ in fields]
    lifecycle = authorization(EXAMPLE, SCOPE, "GET", "/", "lifecycle", fields, names, EMPTY)
    listing = authorization(EXAMPLE, SCOPE, "GET", "/", "prefix=J&max-keys=2", fields, names, EMPTY)
    assert lifecycle[1] == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"
    assert listing[1] == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"


def test_a_query_is_presigned_as_aws_publishes_it():
    query = presigned(EXAMPLE, SCOPE, 86400, "GET", "/test.txt", "", (HOST,), ["host"], "UNSIGNED-PAYLOAD")
    assert query.endswith("X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_chunks_are_signed_one_after_the_other_as_aws_publishes_them():
    seed = "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
    chain = ChunkChain(EXAMPLE, SCOPE, seed)
    assert [chain.chunk(data) for data in (b"a" * 65536, b"a" * 1024, b"")] == [
        "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
        "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
        "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
    ]


TEXT = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), min_size=1, max_size=12)


@given(segments=st.lists(TEXT.filter(lambda text: text.strip(". ")), min_size=1, max_size=3), pairs=st.lists(st.tuples(TEXT, TEXT), max_size=3),
       service=st.sampled_from(["s3", "execute-api"]))  # fmt: skip
def test_what_botocore_sends_is_signed_as_botocore_signs_it(segments, pairs, service):
    """Any path and query that a client of botocore's kind sends."""
    path = "/" + "/".join(quote(each, safe="~") for each in segments)
    query = "&".join(f"{quote(key, safe='-_.~')}={quote(value, safe='-_.~')}" for key, value in pairs)
    request = AWSRequest("GET", f"https://a.example.test{path}?{query}" if query else f"https://a.example.test{path}")
    theirs = (S3SigV4Auth if service == "s3" else SigV4Auth)(
        Credentials("AKIAIOSFODNN7EXAMPLE", "secret"), service, "eu-west-1"
    )
    theirs.add_auth(request)
    fields = (
        (b"host", b"a.example.test"),
        *((name.lower().encode(), str(value).encode()) for name, value in request.headers.items()),
    )
    names = [name.decode() for name, _ in fields if name != b"authorization"]
    scope = Scope(request.headers["X-Amz-Date"], "eu-west-1", service)
    ours, _ = authorization(
        AwsKeys("AKIAIOSFODNN7EXAMPLE", Secret("secret")), scope, "GET", path, query, fields, names, EMPTY
    )
    assert ours == request.headers["Authorization"]


def test_a_signed_field_that_is_not_there_is_an_error():
    with pytest.raises(ValueError, match="missing"):
        authorization(EXAMPLE, SCOPE, "GET", "/", "", (HOST,), ["host", "x-amz-date"], EMPTY)


def test_moments_are_utc_and_keys_have_one_form():
    assert moment(1369353600.9) == "20130524T000000Z"
    assert read_keys(Secret("AKIAIOSFODNN7EXAMPLE:se:cret")).secret.reveal() == "se:cret"
    for text in ("AKIAIOSFODNN7EXAMPLE", "AKIAIOSFODNN7EXAMPLE:", "A B:secret"):
        with pytest.raises(ValueError, match="KEY_ID:SECRET"):
            read_keys(Secret(text))
