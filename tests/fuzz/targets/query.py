"""Queries and forms: a key that is judged stands there once for every server, whatever language it is written in."""

from __future__ import annotations

from urllib.parse import parse_qsl

import ada_url

from exeat.services.query import exact_values, plain_key, query_pairs
from exeat.services.readers.pairs import names, read_pairs
from exeat.services.readers.reading import UnreadableError
from fuzz.kit.php import parse_str

TOKENS = (
    b"&", b";", b"=", b"==", b"+", b"%20", b"%26", b"%3d", b"%3b", b"%2B", b"%00", b"%5b", b"%5B%5D", b"[", b"]", b"[]", b"[x]", b".", b"_", b" ", b"%2e", b"%61",
    b"act", b"Act", b"ACT", b"act=list", b"act=wipe", b"&act=wipe", b";act=wipe", b"user_id", b"user.id", b"user%20id", b"user[id", b"%C4%B1", b"%E2%84%AA", b"%ff", b"%",
)  # fmt: skip
_KEYS = frozenset({"act", "user_id"})


def check(data: bytes) -> None:
    text = data.decode("latin-1")
    ours = list(query_pairs(text))
    standard = parse_qsl(text, keep_blank_values=True, errors="surrogateescape", max_num_fields=None)
    assert set(standard) <= set(ours), "a pair that another parser sees is not looked at"
    for free in (frozenset[str](), frozenset({"user_id"})):
        said = exact_values(text, _KEYS, free)
        if said is not None:
            _check_exact(text, said, standard)
    _check_form(text)


def _check_exact(text: str, said: dict[str, str], standard: list[tuple[str, str]]) -> None:
    for other in (standard, _whatwg(text), list(parse_str(text).items())):
        if other is None:
            continue
        for key in _KEYS:
            values = [value for name, value in other if name == key]
            assert values == ([said[key]] if key in said else []), (key, values, said)


def _whatwg(text: str) -> list[tuple[str, str]] | None:
    """None for what the binding can't give back."""
    try:
        return list(ada_url.URLSearchParams(f"?{text}").items()) if text.isascii() else None
    except UnicodeDecodeError:
        return None


def _check_form(text: str) -> None:
    try:
        pairs = read_pairs(text)
    except UnreadableError:
        return
    assert list(pairs.items()) == parse_qsl(text, keep_blank_values=True)
    assert list(pairs.items()) == _whatwg(text)
    assert {plain_key(key) for key in pairs} <= names(text)
