"""Presigned links in an answer's fields: whoever has one needs no credential, so its signature is kept in custody.

Must not know: any engine, where fields hold links, who follows them.
"""

from __future__ import annotations

from collections.abc import Callable
from urllib.parse import urlsplit

from exeat.decision.hosts import canonical_host
from exeat.enforcement.references import with_references
from exeat.model.request import CanonicalRequest
from exeat.services.query import decoded

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
Keep = Callable[[str, str, str, bool], str]
"""(parameter, value as written, host, secure) → what stands there instead."""


def with_kept(name: bytes, value: bytes, request: CanonicalRequest, parameters: frozenset[str], keep: Keep) -> bytes:
    """Return a field's value with every signature in it replaced by what ``keep`` gives; the same bytes when there is none.

    ``parameters`` are further ones that sign links, in lower case.
    """
    if b"?" not in value:
        return value
    return with_references(name, value, lambda url: _signed(url, request, parameters, keep))


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
