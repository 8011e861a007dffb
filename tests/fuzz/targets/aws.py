"""AWS's query and JSON protocols: the call and its parameters are those that other parsers see.

The first line of a seed is the target, empty for the query protocol; the rest is the body.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from exeat.model.request import CanonicalRequest
from exeat.services.readers.aws import read_aws
from exeat.services.readers.reading import UnreadableError
from fuzz.kit.standard_json import by_the_standard_library, same

TOKENS = (
    b"\n", b"Action=", b"&Action=", b"action=", b"&Version=1", b"%41", b"&", b";", b"=", b".1", b".01", b".member.1", b".Id", b".ID", b"..", b"&X=a", b"&X.1=b", b"&X.1.2=c", b"[1]",
    b"DynamoDB_20120810.GetItem\n", b'{"TableName":', b'"tablename":', b'"a"', b"{", b"}", b"[", b"]", b",", b":", b"\0", b"%00", b"+",
)  # fmt: skip


def check(data: bytes) -> None:
    target, _, body = data.partition(b"\n")
    kind = b"application/x-amz-json-1.0" if target else b"application/x-www-form-urlencoded"
    fields = ((b"content-type", kind), *(((b"x-amz-target", target),) if target else ()))
    request = CanonicalRequest("POST", "https", "h.test", 443, "/", "", fields, "HTTP/1.1", has_body=True)
    try:
        (asked,) = read_aws(request, body)
    except UnreadableError as error:
        assert error.detail.isprintable()
        return
    if target:
        assert asked.select.encode() == target
        assert same(asked.arguments, by_the_standard_library(body))
        return
    pairs = parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)
    assert [value for key, value in pairs if key.lower() == "action"] == [asked.select]
    assert dict(pairs) == _flat("", asked.arguments)


def _flat(prefix: str, value: Any) -> dict[str, str]:
    if isinstance(value, str):
        return {prefix: value}
    return {
        key: text
        for name, each in value.items()
        for key, text in _flat(f"{prefix}.{name}" if prefix else name, each).items()
    }
