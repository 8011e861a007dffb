"""S3: a request means exactly what Amazon's own description says, or it is refused."""

from __future__ import annotations

import re
from urllib.parse import quote

import botocore.session
import pytest
from botocore.awsrequest import AWSPreparedRequest
from botocore.config import Config
from hypothesis import given
from hypothesis import strategies as st
from s3_kit import asked

from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.s3 import SELECTS
from exeat.services.readers.s3_calls import NAMES
from exeat.services.readers.s3_delete import read_delete
from exeat.services.readers.s3_names import check_bucket, check_key, copy_source

BUCKET, KEY = "acme-invoices", "2026/ä b;c~(1).pdf"
COPY = (b"x-amz-copy-source", b"other/a/b%20c")
# What botocore calls otherwise, and what isn't described: see the head of aws-s3.toml.
OLD = {"GetBucketLifecycle": "GetBucketLifecycleConfiguration", "PutBucketLifecycle": "PutBucketLifecycleConfiguration",
       "GetBucketNotification": "GetBucketNotificationConfiguration", "PutBucketNotification": "PutBucketNotificationConfiguration"}  # fmt: skip
NOT_DESCRIBED = re.compile(r"Metadata|Annotation|Abac|RenameObject|CreateSession|UpdateObject")
ELSEWHERE = {"WriteGetObjectResponse", "ListDirectoryBuckets"}  # at hosts that the service doesn't name
VALUES = {
    "Bucket": BUCKET,
    "Key": KEY,
    "UploadId": "u-1",
    "PartNumber": 3,
    "Id": "c-1",
    "CopySource": {"Bucket": "other", "Key": "a/b c"},
}


class _SentError(Exception):
    """A request, before it would be sent."""


def _client(style):
    session = botocore.session.Session()
    session.set_credentials("AKIDEXAMPLE", "secret")
    client = session.create_client(
        "s3",
        "eu-central-1",
        config=Config(s3={"addressing_style": style}, parameter_validation=False, retries={"total_max_attempts": 1}),
    )

    def stop(request: AWSPreparedRequest, **_):
        raise _SentError(request)

    client.meta.events.register("before-send.s3", stop)
    return client


@pytest.fixture(scope="module", params=["path", "virtual"])
def amazon(request):
    return request.param, _client(request.param)


def _filled(shape):
    """The least a call needs, from its description."""
    if shape.type_name == "structure":
        return {name: VALUES.get(name) or _filled(shape.members[name]) for name in shape.required_members}
    if shape.type_name == "list":
        return [_filled(shape.member)]
    if shape.type_name == "map":
        return {}
    if getattr(shape, "enum", None):
        return shape.enum[0]
    return {"string": "x", "integer": 1, "long": 1, "boolean": True, "timestamp": 0, "blob": b"x"}[shape.type_name]


def _built(client, name):
    model = client.meta.service_model.operation_model(name)
    arguments = _filled(model.input_shape) if model.input_shape else {}
    method = next(method for method, operation in client.meta.method_to_api_mapping.items() if operation == name)
    try:
        getattr(client, method)(**arguments)
    except _SentError as sent:
        return sent.args[0]
    raise AssertionError("nothing was sent")


@pytest.mark.parametrize(
    "name", sorted(set(botocore.session.Session().get_service_model("s3").operation_names) - ELSEWHERE)
)
def test_what_amazons_own_client_sends_means_what_it_calls(amazon, name):
    """Differential: every call of botocore's description, path and virtual-host style."""
    style, client = amazon
    sent = _built(client, name)
    path, fields = sent.url.split(".amazonaws.com", 1)[1], []
    for field, value in sent.headers.items():
        if field.lower().startswith("x-amz-"):
            fields.append((field.lower().encode(), value if isinstance(value, bytes) else value.encode()))
    body = sent.body if isinstance(sent.body, bytes) else b""
    virtual = style == "virtual" and f"{BUCKET}.s3" in sent.url
    if NOT_DESCRIBED.search(name):
        with pytest.raises(UnreadableError):
            asked(sent.method, path, *fields, body=body, bucket=BUCKET if virtual else None)
        return
    found = asked(sent.method, path, *fields, body=body, bucket=BUCKET if virtual else None)
    call = "DeleteObject" if name == "DeleteObjects" else OLD.get(name, name)
    shape = client.meta.service_model.operation_model(name).input_shape
    members = shape.required_members if shape else ()
    key = KEY if "Key" in members or name == "DeleteObjects" else ""
    assert found[0] == (call, BUCKET if "Bucket" in members else "", key)
    assert found[1:] == ([("GetObject", "other", "a/b c")] if "Copy" in name else [])


def test_every_call_that_can_be_found_is_one_of_amazons():
    ours = {"DeleteObjectVersion", "BypassGovernanceRetention"}
    assert (SELECTS | NAMES) - ours <= set(botocore.session.Session().get_service_model("s3").operation_names)


@pytest.mark.parametrize(("field", "more"), [
    ("x-amz-acl: public-read", "PutObjectAcl"), ("x-amz-grant-full-control: id=1", "PutObjectAcl"), ("x-amz-tagging: a=b", "PutObjectTagging"),
    ("x-amz-object-lock-mode: COMPLIANCE", "PutObjectRetention"), ("x-amz-object-lock-legal-hold: ON", "PutObjectLegalHold"),
])  # fmt: skip
def test_a_field_that_asks_for_more_is_one_more_thing_asked(field, more):
    name, _, value = field.partition(": ")
    assert asked("PUT", "/acme/k", (name.encode(), value.encode())) == [("PutObject", "acme", "k"), (more, "acme", "k")]


@pytest.mark.guard("s3-copy-source")
def test_a_copy_reads_its_source_also_by_parts():
    assert asked("PUT", "/acme/k", COPY, (b"x-amz-acl", b"private")) == [
        ("CopyObject", "acme", "k"), ("GetObject", "other", "a/b c"), ("PutObjectAcl", "acme", "k")]  # fmt: skip
    assert asked("PUT", "/acme/k?partNumber=1&uploadId=u", COPY)[1] == ("GetObject", "other", "a/b c")


def test_each_key_of_a_delete_is_asked_for_with_its_version_and_the_bypass():
    body = b"<Delete><Object><Key>a&amp;b</Key></Object><Object><Key>c</Key><VersionId>v</VersionId></Object></Delete>"
    assert asked("POST", "/acme?delete", (b"x-amz-bypass-governance-retention", b"true"), body=body) == [
        ("DeleteObject", "acme", "a&b"), ("DeleteObjectVersion", "acme", "c"),
        ("BypassGovernanceRetention", "acme", "a&b"), ("BypassGovernanceRetention", "acme", "c")]  # fmt: skip


@pytest.mark.parametrize(("method", "target", "fields"), [
    # two calls in one query, an unknown one, a flag with a value, a key in another spelling, twice, or escaped
    ("GET", "/acme/k?acl&tagging", ()), ("GET", "/acme/k?soon", ()), ("GET", "/acme/k?acl=1", ()), ("GET", "/acme/k?ACL", ()),
    ("GET", "/acme/k?acl&acl", ()), ("GET", "/acme/k?%61cl", ()), ("GET", "/acme/k?acl;tagging", ()), ("DELETE", "/acme/k?versionId", ()),
    ("GET", "/acme/k?versionId=1&VersionId=2", ()), ("PUT", "/acme/k?partNumber=1", ()), ("GET", "/acme?list-type=3", ()),
    ("GET", "/acme/k?x-id=PutObject", ()), ("PUT", "/acme/k?x-amz-acl=public-read", ()), ("PUT", "/acme/k?x-amz-copy-source=a%2Fb", ()),
    ("POST", "/acme", ()), ("POST", "/acme/k", ()), ("HEAD", "/acme/k?acl", ()), ("PATCH", "/acme/k", ()), ("DELETE", "/", ()),
    # names with two readings
    ("GET", "/acme//k", ()), ("GET", "/acme/a/../k", ()), ("GET", "/acme/a/%2e%2e/k", ()), ("GET", "/acme/a%2Fk", ()), ("GET", "/acme/a+k", ()),
    ("GET", "/acme/a%5Ck", ()), ("GET", "/acme/%252e", ()), ("GET", "/acme/a%00", ()), ("GET", "/acme%2Fk", ()), ("GET", "/Acme/k", ()),
    ("GET", "/arn:aws:s3:::acme/k", ()), ("GET", "/ab", ()), ("GET", "/1.2.3.4/k", ()), ("GET", "/acme-s3alias/k", ()), ("GET", "/acme--x-s3/k", ()),
    # fields
    ("PUT", "/acme/k", (COPY, COPY)), ("PUT", "/acme/k", ((b"x_amz_copy_source", b"other/k"),)), ("PUT", "/acme/k?acl", (COPY,)), ("GET", "/acme/k", (COPY,)),
    ("PUT", "/acme/k", ((b"x-amz-copy-source", b"other%2Fk"),)), ("PUT", "/acme/k", ((b"x-amz-copy-source", b"other/a+k"),)),
    ("PUT", "/acme/k", ((b"x-amz-copy-source", b"arn:aws:s3:eu-central-1:1:accesspoint/a/object/k"),)), ("PUT", "/acme/k", ((b"x-amz-copy-source", b"//other/k"),)),
    ("PUT", "/acme/k", ((b"x-amz-copy-source", b"other/../acme/k"),)), ("PUT", "/acme/k", ((b"x-amz-copy-source", b"other/k?versionId=1&a=b"),)),
    ("PUT", "/acme/k", ((b"x-amz-copy-source", b"other"),)), ("PUT", "/acme/k", ((b"x_amz_acl", b"public-read"),)), ("GET", "/acme/k", ((b"x-amz-acl", b"a"),)),
    ("PUT", "/acme/k", ((b"x-amz-rename-source", b"/acme/a"),)), ("PUT", "/acme/k?tagging", ((b"x-amz-acl", b"public-read"),)),
    ("POST", "/acme?delete", ((b"content-encoding", b"aws-chunked"),)),
])  # fmt: skip
def test_what_has_no_one_reading_is_refused(method, target, fields):
    with pytest.raises(UnreadableError):
        asked(method, target, *fields, body=b"<Delete><Object><Key>k</Key></Object></Delete>")


@pytest.mark.parametrize("body", [
        "<Delete><Object><Key>a\x00b</Key></Object></Delete>", "<Delete><Object><Key>a&#xfffe;</Key></Object></Delete>",
        "<Delete><Object><Key>\ufffe</Key></Object></Delete>",
    "", "<Delete/>", "<Delete></Delete>", "<Delete><Object></Object></Delete>", "<Delete><Object><Key></Key></Object></Delete>",
    "<Delete><Object><Key>a</Key><Key>b</Key></Object></Delete>", "<Delete><Object><Key>a<!-- -->b</Key></Object></Delete>",
    "<Delete><Object><Key><![CDATA[a]]></Key></Object></Delete>", "<Delete><Object><Key>&x;</Key></Object></Delete>", "<Delete><Object><Key>a&b</Key></Object></Delete>",
    '<!DOCTYPE d [<!ENTITY x "a">]><Delete><Object><Key>&x;</Key></Object></Delete>', '<?xml version="1.0" encoding="UTF-7"?><Delete><Object><Key>a</Key></Object></Delete>',
    "<Delete><Object><Key>a</Key></Object></Delete><Delete/>", "<x:Delete><Object><Key>a</Key></Object></x:Delete>", '<Delete><Object a="b"><Key>a</Key></Object></Delete>',
    '<Delete xmlns="urn:other"><Object><Key>a</Key></Object></Delete>', "<Delete><Object><Key> a</Key></Object></Delete>", "<Delete><Object><Key>a&#10;</Key></Object></Delete>",
    "<Delete><Object><Key>a</Key></Object><Object><Key>b</Key></Delete>", "<delete><Object><Key>a</Key></Object></delete>", "\ufeff<Delete><Object><Key>a</Key></Object></Delete>",
    "<Delete><Object><Key>a</Key></Object>text</Delete>", "<Delete><Object><Key>a&#0;</Key></Object></Delete>", "<Delete><Object><Key>a&#xD800;</Key></Object></Delete>",
    "<Delete><Key>a</Key></Delete>", "<Delete><Quiet>true</Quiet><Quiet>true</Quiet><Object><Key>a</Key></Object></Delete>",
])  # fmt: skip
def test_a_list_of_keys_that_xml_parsers_read_differently_is_refused(body):
    with pytest.raises(UnreadableError):
        read_delete(body.encode())


@given(st.text(min_size=1, max_size=30))
def test_a_key_is_read_alike_from_a_path_a_copys_source_and_a_body(key):
    """Whatever is a key in one place is the same key in the others, or none anywhere."""
    try:
        check_key(key)
    except UnreadableError:
        return
    escaped = "".join(f"&#{ord(sign)};" for sign in key)
    assert copy_source(f"acme/{quote(key, safe='/~')}") == ("acme", key)
    found = _or_none(asked, "GET", f"/acme/{quote(key, safe='/~')}")
    assert found in ([("GetObject", "acme", key)], None)
    body = f"<Delete><Object><Key>{escaped}</Key></Object></Delete>".encode()
    assert _or_none(read_delete, body) in (((key, ""),), None)


def _or_none(read, *arguments):
    try:
        return read(*arguments)
    except UnreadableError:
        return None


@pytest.mark.parametrize("name", ["acme", "logs.acme.com", "a-b.c-d", "123", "a" * 63])
def test_a_plain_bucket_is_one(name):
    assert check_bucket(name) == name
