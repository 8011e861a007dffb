"""S3 requests: whatever is read names the bucket and key that other parsers of URLs and XML see, and one call.

A seed is ``METHOD target``, then ``name: value`` lines, an empty line, and the body.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit
from xml.etree import ElementTree as ET

from exeat.decision.normalize import normalize
from exeat.model.decision import Deny
from exeat.model.request import Tunnel, WireRequest
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.s3 import SELECTS, read_s3
from exeat.services.readers.s3_calls import NAMES

TOKENS = (
    b"GET ", b"PUT ", b"POST ", b"DELETE ", b"HEAD ", b"/acme", b"/acme/", b"//", b"/..", b"%2e", b"%2F", b"%25", b"%C3%A9", b"+", b"?acl", b"&acl", b"?delete", b"?uploads",
    b"versionId=1", b"partNumber=1&uploadId=u", b"list-type=2", b"x-id=GetObject", b"x-amz-copy-source: ", b"other/key", b"x-amz-acl: private", b"x_amz_", b"\n", b"\n\n",
    b"<Delete>", b"</Delete>", b"<Object>", b"</Object>", b"<Key>", b"</Key>", b"&amp;", b"&#47;", b"&#x2e;", b"<![CDATA[", b"]]>", b"<!--", b"-->", b"<!DOCTYPE", b"<?xml version='1.0'?>",
)  # fmt: skip
_NAMESPACE = "{http://s3.amazonaws.com/doc/2006-03-01/}"
HOST = "s3.amazonaws.com"


def check(data: bytes) -> None:
    head, _, body = data.partition(b"\n\n")
    first, *lines = head.split(b"\n")
    method, _, target = first.partition(b" ")
    fields = [tuple(line.split(b": ", 1)) for line in lines if b": " in line]
    wire = WireRequest(
        method.decode("latin-1"),
        target,
        "",
        ((b"host", HOST.encode()), *fields),
        "HTTP/1.1",
        Tunnel(HOST, 443, HOST),
        bool(body),
    )
    request = normalize(wire)
    if isinstance(request, Deny):
        return
    try:
        found = read_s3(request, body, {})
    except UnreadableError as error:
        assert error.detail.isprintable()
        return
    names = [(each.arguments["Bucket"], each.arguments["Key"]) for each in found]
    assert all(each.select in SELECTS for each in found)
    url = urlsplit(f"https://{HOST}{target.decode('ascii')}")
    bucket, _, key = unquote(url.path, errors="strict").removeprefix("/").partition("/")
    query = parse_qsl(
        url.query, keep_blank_values=True, strict_parsing=bool(url.query) and "=" in url.query and "&" not in url.query
    )
    assert len(query) == len(dict(query))
    sources = [value.decode() for name, value in request.headers if name == b"x-amz-copy-source"]
    if body and ("delete", "") in query:
        assert [(bucket, each) for each in _keys(body)] == names[: len(_keys(body))]
    else:
        assert names[0] == (bucket, key)
        assert found[0].select in NAMES | {"CopyObject", "UploadPartCopy"}
    if sources:
        their_bucket, _, their_key = (
            unquote(sources[0].partition("?")[0], errors="strict").removeprefix("/").partition("/")
        )
        assert names[1] == (their_bucket, their_key)


def _keys(body: bytes) -> list[str]:
    """As the standard library's XML parser reads them."""
    root = ET.fromstring(body)
    return [
        key.text or ""
        for each in root
        if each.tag.removeprefix(_NAMESPACE) == "Object"
        for key in each
        if key.tag.removeprefix(_NAMESPACE) == "Key"
    ]
