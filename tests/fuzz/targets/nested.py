"""Forms with nested keys: what is read is what PHP and qs build of the same pairs, or the form is refused."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl

from exeat.model.request import CanonicalRequest
from exeat.services.readers.document import read_form_body
from exeat.services.readers.reading import UnreadableError
from fuzz.kit.nested import by_php, by_qs

TOKENS = (
    b"&", b"=", b";", b"+", b"[", b"]", b"[]", b"[a]", b"[b]", b"[0]", b"[1]", b"[2]", b"[00]", b"[+1]", b"[-1]", b"[19]", b"[20]", b"[21]", b"[1e0]", b"[0][a]", b"[][a]", b"[]]", b"[[", b"[a]b", b"[a][", b"a=1", b"&a=2",
    b"&a[]=", b"&a[0]=", b"&a[b]=", b"[+]", b"[%20]", b"[%09]", b"[%00]", b"%00", b"%5B", b"%5D", b"%5b0%5d", b"%5B%5D", b"%C2%B2", b"[%D9%A1]", b"[%C2%A0]", b".", b"[.]", b"[a.b]", b"_", b"a.b", b"a_b", b"%2e", b"[__proto__]",
    b"[constructor]", b"toString", b"[length]", b"_method=DELETE", b"&" + b"&".join(b"k%d=" % number for number in range(1000)),
)  # fmt: skip
_REQUEST = CanonicalRequest(
    "POST",
    "https",
    "h.test",
    443,
    "/p",
    "",
    ((b"content-type", b"application/x-www-form-urlencoded"),),
    "HTTP/1.1",
    has_body=True,
)


def check(data: bytes) -> None:
    try:
        (asked,) = read_form_body(_REQUEST, data)
    except UnreadableError as error:
        assert error.detail.isprintable()
        return
    ours = _by_position(asked.arguments)
    pairs = parse_qsl(data.decode("ascii"), keep_blank_values=True)
    assert ours == by_qs(pairs), "qs builds something else"
    renamed = {_variable(name): value for name, value in ours.items()}
    assert len(renamed) == len(ours), "two keys are one variable of PHP"
    assert renamed == by_php(pairs), "PHP builds something else"


def _by_position(value: Any) -> Any:
    if isinstance(value, list):
        return {str(place): _by_position(each) for place, each in enumerate(value)}
    return {name: _by_position(each) for name, each in value.items()} if isinstance(value, dict) else value


def _variable(name: str) -> str:
    return name.lstrip(" ").replace(".", "_").replace(" ", "_")
