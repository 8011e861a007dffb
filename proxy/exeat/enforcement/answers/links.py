"""Presigned links in an answer's fields: whoever has one needs no credential, so its signature is kept in custody.

Links are looked for where clients follow them: Location, Content-Location, Link, Refresh. Must not know: any engine, who
follows them.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlsplit

from exeat.decision.hosts import canonical_host
from exeat.model.request import CanonicalRequest
from exeat.services.query import decoded

CARRIERS = frozenset({b"location", b"content-location", b"link", b"refresh"})
"""The fields that hold links."""
_SIGNATURES = frozenset({"x-amz-signature", "x-goog-signature", "x-oss-signature", "q-signature"})
"""Query parameters that sign a link by their name alone: AWS, Google Cloud, Alibaba, Tencent."""
_BESIDE = {
    "signature": frozenset({"awsaccesskeyid", "googleaccessid", "ossaccesskeyid", "key-pair-id"}),
    "sig": frozenset({"sv", "se", "sp"}),
    "jwt": frozenset({"sig"}),
}
"""Those that sign one beside another parameter: AWS v2, Google v2, OSS, CloudFront; Azure, and GitHub's downloads from it."""
SIGNING = _SIGNATURES | _BESIDE.keys()
"""Every parameter that may sign a link."""
_IN_LINK = re.compile(r"<([^<>]*)>")
_IN_REFRESH = re.compile(r"""url\s*=\s*["']?([^"'\s]+)""", re.IGNORECASE)
_WHOLE = re.compile(r"(.+)", re.DOTALL)
_PLACES = {b"link": _IN_LINK, b"refresh": _IN_REFRESH}

Keep = Callable[[str, str, str, bool], str]
"""(parameter, value as written, host, secure) → what stands there instead."""


def with_kept(name: bytes, value: bytes, request: CanonicalRequest, parameters: frozenset[str], keep: Keep) -> bytes:
    """Return a field's value with every signature in it replaced by what ``keep`` gives; the same bytes when there is none.

    ``parameters`` are further ones that sign links, in lower case.
    """
    if b"?" not in value:
        return value
    text = value.decode("utf-8", "surrogateescape")

    def replaced(match: re.Match[str]) -> str:
        before, after = match[0][: match.start(1) - match.start()], match[0][match.end(1) - match.start() :]
        return before + _signed(match[1], request, parameters, keep) + after

    changed = _PLACES.get(name, _WHOLE).sub(replaced, text)
    return value if changed == text else changed.encode("utf-8", "surrogateescape")


def _signed(url: str, request: CanonicalRequest, parameters: frozenset[str], keep: Keep) -> str:
    head, mark, rest = url.partition("?")
    query, hash_, fragment = rest.partition("#")
    pairs = [pair.partition("=") for pair in query.split("&")]
    names = {decoded(key).lower() for key, _, _ in pairs}
    host, secure = _target(head, request)
    parts = []
    for key, equals, content in pairs:
        plain = decoded(key).lower()
        signs = plain in _SIGNATURES or plain in parameters or not names.isdisjoint(_BESIDE.get(plain, ()))
        parts.append(
            f"{key}={keep(decoded(key), content, host, secure)}" if signs and content else key + equals + content
        )
    return head + mark + "&".join(parts) + hash_ + fragment


def _target(head: str, request: CanonicalRequest) -> tuple[str, bool]:
    """Host and whether over TLS; a host that can't be told is none, to which nothing is ever put back."""
    try:
        parts = urlsplit(head.strip())
        host = canonical_host(parts.hostname) if parts.hostname else ("" if parts.netloc else request.host)
    except ValueError:
        return "", True
    return host, (parts.scheme or request.scheme).lower() == "https"
