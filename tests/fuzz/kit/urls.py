"""One URL as parsers read it that know nothing of Exeat.

What is compared is the meaning, so every reading is brought to one form: host in lower case without a trailing dot, port
spelled out, path and query cut at their separators and then decoded (RFC 3986 §6.2.2 and §6.2.3).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote_to_bytes, urlsplit

import ada_url
import httpx
import urllib3
import yarl
from mitmproxy.net.http import url as mitmproxy_url

_PORTS = {"http": 80, "https": 443}


class RefusedError(Exception):
    """A parser doesn't read this at all."""


@dataclass(frozen=True)
class Reading:
    """What a parser makes of a URL."""

    scheme: str
    host: str
    port: int
    path: tuple[bytes, ...]
    query: tuple[bytes, ...]


def reading(scheme: str, host: str | None, port: int | str | None, path: str | None, query: str | None) -> Reading:
    """Bring a parser's words to the one form."""
    scheme = scheme.rstrip(":").lower()
    return Reading(
        scheme,
        (host or "").lower().removesuffix("."),
        int(port or _PORTS[scheme]),
        tuple(unquote_to_bytes(piece) for piece in (path or "/")[1:].split("/")),
        tuple(unquote_to_bytes(piece) for piece in query.split("&")) if query else (),
    )


def _ada(url: str) -> Reading:
    seen = ada_url.URL(url)
    return reading(seen.protocol, seen.hostname, seen.port, seen.pathname, seen.search.removeprefix("?"))


def _yarl(url: str) -> Reading:
    seen = yarl.URL(url)
    return reading(seen.scheme, seen.raw_host, seen.port, seen.raw_path, seen.raw_query_string)


def _urllib3(url: str) -> Reading:
    seen = urllib3.util.parse_url(url)
    return reading(seen.scheme or "", seen.host, seen.port, seen.path, seen.query)


def _httpx(url: str) -> Reading:
    seen = httpx.URL(url)
    path, _, query = seen.raw_path.decode("ascii").partition("?")
    return reading(seen.scheme, seen.raw_host.decode("ascii"), seen.port, path, query)


def _urlsplit(url: str) -> Reading:
    seen = urlsplit(url)
    return reading(seen.scheme, seen.hostname, seen.port, seen.path, seen.query)


def _mitmproxy(url: str) -> Reading:
    scheme, host, port, target = mitmproxy_url.parse(url.encode("ascii"))
    path, _, query = target.decode("ascii").partition("?")
    return reading(scheme.decode(), host.decode(), port, path, query)


_PARSERS: Mapping[str, Callable[[str], Reading]] = {
    "WHATWG": _ada,
    "yarl": _yarl,
    "urllib3": _urllib3,
    "httpx": _httpx,
    "urllib.parse": _urlsplit,
    "mitmproxy": _mitmproxy,
}
_REFUSALS = (ValueError, KeyError, urllib3.exceptions.LocationParseError, httpx.InvalidURL)


def read_everywhere(url: str) -> dict[str, Reading | None]:
    """Every parser's reading of a URL; None where it refuses."""
    found: dict[str, Reading | None] = {}
    for name, parse in _PARSERS.items():
        try:
            found[name] = parse(url)
        except _REFUSALS:
            found[name] = None
    return found
