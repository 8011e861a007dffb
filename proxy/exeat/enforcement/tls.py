"""TLS on both sides: leaves towards agents, verified names towards origins.

pyOpenSSL because mitmproxy's layers drive it. Must not know: policies, agents, mitmproxy itself.
"""

from __future__ import annotations

import ipaddress
from collections import Counter
from pathlib import Path
from typing import Any, final

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from OpenSSL import SSL

from exeat.enforcement.ca import LEAF_LIFE, CertificateAuthority, LeafCache, system_roots
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from exeat.ports import Clock

_H2, _H1 = b"h2", b"http/1.1"
_REMEMBERED = 1024
_MINUTE = 60.0
# Refuse partial wildcards such as f*.example.com (RFC 6125 §6.4.3) and names found only in the subject.
_HOST_FLAGS = 0x4 | 0x20  # X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT


def _hardened(method: int) -> SSL.Context:
    context = SSL.Context(method)
    context.set_min_proto_version(SSL.TLS1_2_VERSION)
    # No tickets, no cache: a resumed TLS session would carry one session's state into another's (promise 8).
    context.set_options(SSL.OP_NO_TICKET | SSL.OP_NO_COMPRESSION | SSL.OP_NO_RENEGOTIATION)
    context.set_session_cache_mode(SSL.SESS_CACHE_OFF)
    return context


def _choose_protocol(_connection: SSL.Connection, offered: list[bytes]) -> Any:
    for protocol in (_H2, _H1):
        if protocol in offered:
            return protocol
    return SSL.NO_OVERLAPPING_PROTOCOLS


@final
class AgentSide:
    """Leaves for identified agents, one context a name set; at most ``capacity`` kept, ``new_leaves`` a minute for one agent."""

    def __init__(self, authority: CertificateAuthority, clock: Clock, capacity: int, new_leaves: int) -> None:
        self._authority = authority
        self._clock = clock
        self._contexts: LeafCache[SSL.Context] = LeafCache(capacity, LEAF_LIFE.total_seconds() / 2)
        self._new_leaves = new_leaves
        self._made: Counter[str] = Counter()
        self._since = clock.monotonic()

    def accept(self, names: tuple[str, ...], agent: str) -> SSL.Connection:
        """A server-side TLS connection whose certificate is for ``names``.

        Raise RefusalError(BUDGET_EXHAUSTED) when ``agent`` has had too many made in this minute.
        """
        now = self._clock.monotonic()
        context = self._contexts.get(names, now)
        if context is None:
            self._count(agent, now)
            context = _hardened(SSL.TLS_SERVER_METHOD)
            context.use_certificate(self._authority.sign(names))
            context.use_privatekey(self._authority.leaf_key)
            context.set_alpn_select_callback(_choose_protocol)
            self._contexts.put(names, context, now)
        connection = SSL.Connection(context, None)
        connection.set_accept_state()
        return connection

    def _count(self, agent: str, now: float) -> None:
        if now - self._since >= _MINUTE:
            self._since = now
            self._made.clear()
        self._made[agent] += 1
        if self._made[agent] > self._new_leaves:
            raise RefusalError(Reason.BUDGET_EXHAUSTED, "too many new certificates in a minute")


@final
class OriginSide:
    """Connections to origins, verified against the system's roots and the configured ones."""

    def __init__(self, extra_roots: Path | None) -> None:
        self._extra_roots = extra_roots
        self._contexts = {protocols: self._context(extra_roots, protocols) for protocols in ((_H1,), (_H2, _H1))}
        self._only_http2: set[tuple[str, int]] = set()

    @staticmethod
    def _context(extra_roots: Path | None, protocols: tuple[bytes, ...]) -> SSL.Context:
        context = _hardened(SSL.TLS_CLIENT_METHOD)
        context.set_verify(SSL.VERIFY_PEER)
        context.load_verify_locations(str(system_roots()))
        if extra_roots is not None:
            try:
                context.load_verify_locations(str(extra_roots))
            except SSL.Error:
                raise StartError(
                    f"{extra_roots} holds no usable certificates", "set upstream.ca_file to a PEM file"
                ) from None
        context.set_alpn_protos(list(protocols))
        return context

    def speaks_only_http2(self, host: str, port: int) -> None:
        """Remember an origin that refused every protocol but HTTP/2 in its handshake."""
        if len(self._only_http2) >= _REMEMBERED:
            self._only_http2.clear()
        self._only_http2.add((host, port))

    def with_certificate(self, certificate: Secret, key: Secret) -> SSL.Context:
        """What a connection needs to show a client certificate (RFC 8446 §4.4.2): PEM, with those that lead to its authority.

        Takes some 15 ms, so call it in a thread; nothing of it is kept. Raise RefusalError(TOKEN_UNAVAILABLE) when they can't
        be read or don't belong together.
        """
        context = self._context(self._extra_roots, (_H1,))
        try:
            leaf, *others = x509.load_pem_x509_certificates(certificate.reveal().encode("ascii"))
            context.use_certificate(leaf)
            for other in others:
                context.add_extra_chain_cert(other)
            private: Any = serialization.load_pem_private_key(key.reveal().encode("ascii"), password=None)
            context.use_privatekey(private)
            context.check_privatekey()
        except (ValueError, TypeError, UnsupportedAlgorithm, SSL.Error):  # not chained: it may quote the key
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "the client certificate and its key can't be used") from None
        return context

    def connect(self, host: str, port: int, *, http2: bool, context: SSL.Context | None = None) -> SSL.Connection:
        """A client-side TLS connection that completes only with a certificate for ``host`` (RFC 9525).

        It offers what the agent speaks, so that nothing has to be translated, unless the origin is known to speak only
        HTTP/2. ``context`` is one of :meth:`with_certificate`, for this connection alone.
        """
        protocols = (_H2, _H1) if http2 or (host, port) in self._only_http2 else (_H1,)
        if context is None:
            context = self._contexts[protocols]
        else:
            context.set_alpn_protos(list(protocols))
        connection = SSL.Connection(context, None)
        library: Any = SSL._lib  # noqa: SLF001 pyOpenSSL has no public call for host checks
        parameters = library.SSL_get0_param(connection._ssl)  # noqa: SLF001
        library.X509_VERIFY_PARAM_set_hostflags(parameters, _HOST_FLAGS)
        try:
            packed = ipaddress.ip_address(host).packed
        except ValueError:
            name = host.encode("ascii")
            connection.set_tlsext_host_name(name)
            if library.X509_VERIFY_PARAM_set1_host(parameters, name, len(name)) != 1:
                raise ValueError("the host name can't be verified") from None
        else:
            if library.X509_VERIFY_PARAM_set1_ip(parameters, packed, len(packed)) != 1:
                raise ValueError("the address can't be verified")
        connection.set_connect_state()
        return connection
