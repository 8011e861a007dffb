"""JSON, forms and media types are read in exactly one way, or not at all."""

from __future__ import annotations

import json

import orjson
import pytest
from readers_kit import posted, why

from exeat.services.readers.document import read_form_body, read_json_body
from exeat.services.readers.media import check_form, check_json
from exeat.services.readers.pairs import names, plain_key, read_pairs
from exeat.services.readers.pointers import capture, parse_pointer
from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.strict_json import MOST_VALUES, envelope, read_json


@pytest.mark.parametrize("text", [b'{"a": [1, -2.5e3, null, true, "\\u00e9\\\\\\":"]}', b" 1 ", b'""', b'{"a:b": ":"}', b"[[]]", b"{}",
    b'{"a": {"a": {"a": 1}}}', b'{"\\\\": "\\\\\\"", "\\"": 1, "\\\\\\"": 2}', '"\U0001f600"'.encode()])  # fmt: skip
def test_plain_json_means_what_it_says(text):
    assert read_json(text) == orjson.loads(text)


@pytest.mark.parametrize("text", [
    b"", b" ", b"{", b"[1,]", b'{"a":1,}', b"1 2", b"{}{}", b"NaN", b"[Infinity]", b"-Infinity", b"01", b"+1", b".5", b"1.", b"1e400", b"'a'",
    b"{a:1}", b"// c\n1", b"tru", b'"a\nb"', b'"\\x41"', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\xed\xa0\x80"', b'"\xff"', b"\xef\xbb\xbf1",
    "1".encode("utf-16"), "1".encode("utf-32"), b"\x001", b"1\x00", b"\x0c1", b"\xa01",
    b'{"a":1,"a":1}', b'{"a":1,"\\u0061":2}', b'[{"b":{"a":1,"c":2,"a":3}}]', b'{"":1,"":2}', b'{"a\\\\":1,"a\\\\":":"}', b'{"a":":","a":2}',
    b"[" * 65 + b"]" * 65, b'{"a":' * 70 + b"1" + b"}" * 70, b"[" * 5000 + b"]" * 5000, b"[" * 100000,
    b"[" + b"1," * MOST_VALUES + b"1]",
])  # fmt: skip
def test_json_that_parsers_read_differently_is_refused(text):
    with pytest.raises(UnreadableError):
        read_json(text)


def test_the_bounds_are_where_they_are_said_to_be():
    assert read_json(b"[" * 63 + b"]" * 63)
    assert len(read_json(b"[" + b"1," * (MOST_VALUES - 2) + b"1]")) == MOST_VALUES - 1


@pytest.mark.parametrize(
    "keys", [["a", "A"], ["method", "Method"], ["k", "\u212a"], ["s", "\u017f"], ["a\0"], ["a\u200b"]]
)
def test_keys_that_some_parser_confuses_are_refused_where_they_matter(keys):
    """Go's encoding/json ignores case; C ends a text at a NUL."""
    with pytest.raises(UnreadableError):
        envelope(dict.fromkeys(keys, 1))
    assert read_json(json.dumps(dict.fromkeys(keys, 1)).encode())  # elsewhere they are data


def test_a_key_that_could_be_taken_for_one_that_is_missing_is_refused():
    assert envelope({"method": 1, "x": 2}, "method", "params")
    with pytest.raises(UnreadableError):
        envelope({"method": 1, "Params": 2}, "method", "params")


@pytest.mark.parametrize("value", ["application/json", "Application/JSON", "application/json; charset=utf-8", 'application/json;charset="UTF-8"',
    "application/vnd.api+json", "application/json;profile=x; charset=utf-8 "])  # fmt: skip
def test_json_is_known_by_its_type(value):
    check_json(posted(value))


@pytest.mark.parametrize("value", [
    "", "text/plain", "text/json", "application/jsonp", "application/json, text/plain", "application/json;", "application/json; charset=utf-16",
    "application/json; charset=utf-7", "application/json; charset=utf-8; charset=utf-16", "application/json; charset*=utf-8''x", "json",
    "application/json; charset", 'application/json; a="; charset=utf-16', "application/json; charset= utf-8", "application/+json",
    "multipart/form-data; boundary=x", "application/x-ndjson", "application/json\x0b; charset=utf-16", "application/json; a=b charset=utf-16",
])  # fmt: skip
def test_any_other_type_is_not_read_as_json(value):
    with pytest.raises(UnreadableError):
        check_json(posted(value))


def test_two_types_an_encoding_or_a_vendors_json_where_it_must_be_plain_are_refused():
    for request in (
        posted("application/json", (b"content-type", b"application/json")),
        posted("application/json", (b"content-encoding", b"gzip")),
        posted("application/json", (b"content-encoding", b"identity")),
    ):
        with pytest.raises(UnreadableError):
            check_json(request)
    with pytest.raises(UnreadableError):
        check_json(posted("application/graphql+json"), exact=True)
    with pytest.raises(UnreadableError):
        check_form(posted("application/json"))


def test_pairs_are_decoded_as_every_server_does():
    assert read_pairs("a=1&b=x+y%26z&c=&d=%C3%A9&e=a=b") == {"a": "1", "b": "x y&z", "c": "", "d": "é", "e": "a=b"}
    assert read_pairs("") == {}


@pytest.mark.parametrize("raw", ["a=1&a=2", "a=1&%61=2", "a", "=1", "a=1&", "&a=1", "a=1;b=2", "a=%", "a=%zz", "a=%ff", "a=%C3", "a=\x00", "a= b", "a=é",
    "a#b=1", "&".join(f"k{n}=" for n in range(10_002))])  # fmt: skip
def test_pairs_that_servers_read_differently_are_refused(raw):
    with pytest.raises(UnreadableError):
        read_pairs(raw)


@pytest.mark.parametrize("key", ["model", " Model", "MODEL[]", "model[0][x]", "model\0x"])
def test_a_key_is_known_under_what_servers_make_of_it(key):
    assert plain_key(key) == "model"


def test_names_of_a_query_are_found_however_it_is_written():
    assert names("a=1;B=2&%63[]=&d.e=1&f+g") == {"a", "b", "c", "d_e", "f_g"}


@pytest.mark.parametrize("body", [b"a=1&A=2", b"a=1&a[]=2", b"a.b=1&a_b=2", b"a=1&%20a=2", b"\xe9=1", b"a=1&a=2"])
def test_a_form_with_keys_that_servers_confuse_is_refused(body):
    with pytest.raises(UnreadableError):
        read_form_body(posted("application/x-www-form-urlencoded"), body)


def test_a_body_that_asks_for_another_method_is_refused():
    """Matrix P05."""
    form = posted("application/x-www-form-urlencoded")
    for reader, request, body in (
        (read_form_body, form, b"_method=DELETE&a=1"),
        (read_form_body, form, b"%5fMethod=delete"),
        (read_json_body, posted(), b'{"_method": "DELETE"}'),
        (read_json_body, posted(), b'{"_METHOD": ["DELETE"]}'),
    ):
        assert why(reader, body, request) == "the body asks for another method than the request line"
    assert read_form_body(form, b"_method=POST")


def test_a_form_with_lists_is_one_thing_asked():
    (asked,) = read_form_body(posted("application/x-www-form-urlencoded; charset=UTF-8"), b"a[0][b]=1&a[1][b]=2&c=3")
    assert (asked.select, asked.arguments["c"]) == ("", "3")


def test_a_json_body_is_one_thing_asked():
    (asked,) = read_json_body(posted(), b'{"model": "m"}')
    assert (asked.select, asked.arguments) == ("", {"model": "m"})
    assert why(read_json_body, b"{}", posted("text/plain")) == "the body is not application/json"


@pytest.mark.parametrize(("pointer", "value", "captured"), [
    ("/model", {"model": "gpt-4.1"}, "gpt-4.1"), ("/a/b", {"a": {"b": 7}}, "7"), ("/a/0", {"a": ["x", "y"]}, "x"), ("/0", [-3], "-3"),
    ("/a~1b/c~0d", {"a/b": {"c~d": "v"}}, "v"), ("/", {"": "v"}, "v"), ("/0", {"0": "v"}, "v"), ("/m", {"m": str(2**60)}, str(2**60)),
    ("/m", {"m": 2**53 - 1}, str(2**53 - 1)),
])  # fmt: skip
def test_a_pointer_captures_a_text_or_an_integer(pointer, value, captured):
    assert capture({"x": parse_pointer(pointer)}, value) == [{"x": captured}]


@pytest.mark.parametrize(("pointer", "value"), [
    ("/m", {}), ("/m", None), ("/m", "m"), ("/m", {"m": None}), ("/m", {"m": True}), ("/m", {"m": 1.0}), ("/m", {"m": 1e3}), ("/m", {"m": ""}),
    ("/m", {"m": "a" * 1025}), ("/m", {"m": 2**53}), ("/m", {"m": ["a"]}), ("/m", {"m": {"a": 1}}), ("/m", {"M": "a"}), ("/m", {"m": "a", "M": "b"}),
    ("/m", {"m": "a", "m\0z": "b"}), ("/a/m", {"a": {"m": "x"}, "A": {"m": "y"}}), ("/01", ["a", "b"]), ("/-1", ["a"]), ("/1", ["a"]), ("/-", ["a"]),
    ("/+0", ["a"]), ("/0", "abc"),
])  # fmt: skip
def test_a_resource_that_is_not_named_plainly_is_unknown(pointer, value):
    with pytest.raises(UnreadableError):
        capture({"x": parse_pointer(pointer)}, value)


@pytest.mark.parametrize("pointer", ["", "model", "#/model", "/a~2", "/a~", "$.model"])
def test_what_is_no_pointer_is_refused_at_load(pointer):
    with pytest.raises(ValueError, match="JSON Pointer"):
        parse_pointer(pointer)
