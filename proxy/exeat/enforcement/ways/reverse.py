"""Base URLs: for platforms where only the URL of a service can be set.

``http://LISTENER/github/…`` or ``http://github.DOMAIN/…`` means the service ``github`` at its first host, ``/uploads.github.com/…``
any other host a service names exactly. What is judged is the request to the service, as if it had come by a tunnel; links,
redirects and cookies of the answer are mapped back. Bodies are not. Must not know: policies, identities, any engine.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import final

from exeat.decision.hosts import canonical_host, is_address, parse_authority
from exeat.enforcement.references import CARRIERS, with_references
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.request import Headers, Tunnel, WireRequest
from exeat.model.service import Service
from exeat.services.hosts import is_exact

_PREFIX = re.compile(rb"/([A-Za-z0-9._-]{1,253})((?:[/?].*)?)", re.DOTALL)
_URL = re.compile(r"(https?:)?//([A-Za-z0-9.-]+)(?::([0-9]{1,5}))?(?=[/?#]|$)", re.IGNORECASE | re.ASCII)
_PATH_ATTRIBUTE = re.compile(rb"(;\s*path=)(/[^;]*)", re.IGNORECASE)
_OWN_ATTRIBUTES = re.compile(rb";\s*(?:domain=[^;]*|secure(?=\s*(?:;|$)))", re.IGNORECASE)
_DOMAIN_ATTRIBUTE = re.compile(rb";\s*domain=[^;]*", re.IGNORECASE)
_HTTPS = 443


@dataclass(frozen=True, slots=True)
class Base:
    """The base URL one request came by. ``url`` is its scheme and authority as the agent wrote them, ``prefix`` what stood
    before the path.
    """

    url: str
    prefix: str
    host: str
    port: int


@final
class BaseUrls:
    """The services of one listener by prefix and by name. ``names`` are host names of the listener itself."""

    def __init__(self, services: Iterable[Service], names: Iterable[str], domain: str, *, tls: bool) -> None:
        self._by_prefix: dict[str, tuple[str, int]] = {}
        self._by_host: dict[tuple[str, int], str] = {}
        for service in services:
            if _HTTPS not in service.ports and service.plain_http:
                continue  # spoken in clear only: an explicit proxy's business
            port = _HTTPS if _HTTPS in service.ports else service.ports[0]
            exact = [host for host in service.hosts if is_exact(host)]
            for host in exact:
                self._by_prefix.setdefault(host, (host, port))
                self._by_host[host, port] = host
            if exact:
                self._by_prefix[service.name] = (exact[0], port)
                self._by_host[exact[0], port] = service.name
        self._names = frozenset({"localhost", *names})
        self._domain = domain
        self._tls = tls

    def urls(self, authority: str) -> Mapping[str, str]:
        """The base URL of each service under one authority (``127.0.0.1:9000``)."""
        scheme = "https" if self._tls else "http"
        return {name: f"{scheme}://{authority}/{name}" for name in self._by_host.values()}

    def forward(self, wire: WireRequest) -> tuple[WireRequest, Base] | Deny:
        """Return the request to the service that a request to this listener means, and the base it came by.

        Refused: a Host that is neither ours nor an address (DNS rebinding), a page of another site that asks (its user
        didn't), a service nobody knows. Never raises.
        """
        try:
            return self._forward(wire)
        except ValueError as error:
            return Deny(Reason.REQUEST_MALFORMED, detail=str(error))

    def _forward(self, wire: WireRequest) -> tuple[WireRequest, Base] | Deny:
        hosts = [value for name, value in wire.headers if name.lower() == b"host"]
        http2 = bool(wire.authority)
        if len(hosts) > 1 or bool(hosts) == http2:
            raise ValueError("not exactly one authority")
        authority = wire.authority if http2 else hosts[0].decode("ascii")
        host, _ = parse_authority(authority, 1)
        if any(
            name.lower() == b"sec-fetch-site" and value not in (b"same-origin", b"none") for name, value in wire.headers
        ):
            return Deny(Reason.REQUEST_MALFORMED, detail="a page of another site asks")
        own_url = f"{'https' if self._tls else 'http'}://{authority}"
        target, prefix, path = self._by_name(host), "", wire.target
        if target is None:
            if not is_address(host) and host not in self._names:
                return Deny(Reason.AUTHORITY_MISMATCH, detail="the Host field doesn't name this listener")
            found = _PREFIX.fullmatch(wire.target)
            target = None if found is None else self._by_prefix.get(found[1].decode("ascii").lower())
            if found is None or target is None:
                return Deny(Reason.DESTINATION_NOT_ALLOWED, detail="no service has this base URL")
            prefix, path = f"/{found[1].decode('ascii')}", found[2] if found[2].startswith(b"/") else b"/" + found[2]
        base = Base(own_url, prefix, *target)
        return replace(
            wire,
            target=path,
            authority=_authority(base).decode() if http2 else "",
            headers=tuple(_forwarded(wire.headers, base)),
            tunnel=Tunnel(base.host, base.port, base.host),
        ), base

    def _by_name(self, host: str) -> tuple[str, int] | None:
        label, dot, rest = host.partition(".")
        return self._by_prefix.get(label) if dot and self._domain and rest == self._domain else None

    def back(self, fields: Headers, base: Base) -> Headers:
        """Map what an answer names back to the base URLs of this listener; RFC 9110 §10.2.2, RFC 8288 §3, RFC 6265 §4.1.

        ``Strict-Transport-Security`` goes: it would be about our own host.
        """
        kept: list[tuple[bytes, bytes]] = []
        for name, value in fields:
            lower = name.lower()
            if lower in CARRIERS:
                kept.append((name, with_references(lower, value, lambda each: self._reference(each, base))))
            elif lower == b"set-cookie":
                kept.append((name, self._cookie(value, base)))
            elif lower != b"strict-transport-security":
                kept.append((name, value))
        return tuple(kept)

    def _reference(self, reference: str, base: Base) -> str:
        """One URI reference (RFC 3986 §4.1); a relative one but for an absolute path is right as it is."""
        if reference.startswith("/") and not reference.startswith("//"):
            return base.prefix + reference
        match = _URL.match(reference)
        if match is None:
            return reference
        try:
            host = canonical_host(match[2])
        except ValueError:
            return reference
        port = int(match[3]) if match[3] else (80 if (match[1] or "").lower() == "http:" else _HTTPS)
        rest = reference[match.end() :]
        if (host, port) == (base.host, base.port):
            return base.url + base.prefix + rest
        name = self._by_host.get((host, port))
        return reference if name is None or not base.prefix else f"{base.url}/{name}{rest}"

    def _cookie(self, value: bytes, base: Base) -> bytes:
        value = (_DOMAIN_ATTRIBUTE if self._tls else _OWN_ATTRIBUTES).sub(b"", value)
        return _PATH_ATTRIBUTE.sub(lambda match: match[1] + base.prefix.encode() + match[2], value)


def _authority(base: Base) -> bytes:
    return (base.host if base.port == _HTTPS else f"{base.host}:{base.port}").encode()


def _forwarded(headers: Headers, base: Base) -> Iterable[tuple[bytes, bytes]]:
    """The agent's fields as its client would have written them for the service itself."""
    own, there = (base.url + base.prefix).encode(), b"https://" + _authority(base)
    for name, value in headers:
        lower = name.lower()
        if lower == b"host":
            yield name, _authority(base)
        elif lower == b"origin" and value == base.url.encode():
            yield name, there
        elif lower == b"referer" and value.startswith(own):
            yield name, there + value[len(own) :]
        else:
            yield name, value
