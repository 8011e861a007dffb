"""Who may call at all: this machine's own clients, with the admin token.

The Host header must be the listener's (a rebound DNS name isn't), no Origin may be present (no page calls us), and the
token is compared in constant time. Must not know: what the calls do.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import final

from aiohttp import web

from exeat.admin.problems import BrowserRefusedError, MisdirectedError
from exeat.errors import NotAuthenticatedError
from exeat.model.destination import host_port
from exeat.model.secret import Secret

OPEN_PATHS = frozenset({"/healthz", "/.well-known/jwks.json"})
"""What a supervisor and an origin read without a token; neither says anything about missions."""


@final
class Guard:
    """Checks every call before its handler. ``refused_logins`` counts wrong or missing tokens."""

    def __init__(self, token: Secret, hosts: frozenset[str]) -> None:
        self._digest = hashlib.sha256(token.reveal().encode()).digest()
        self._hosts = hosts
        self.refused_logins = 0

    def check(self, request: web.Request) -> None:
        """Raise MisdirectedError, BrowserRefusedError or NotAuthenticatedError unless the call may go on."""
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts | _own(request):
            raise MisdirectedError("the Host header doesn't name this listener", "Call the address in [admin] listen.")
        if "Origin" in request.headers:
            raise BrowserRefusedError("calls from browser pages are refused", "Use the exeat command line.")
        resource = request.match_info.route.resource
        is_open = resource is not None and resource.canonical in OPEN_PATHS
        if not is_open and not self._knows(request.headers.getall("Authorization", [])):
            self.refused_logins += 1
            raise NotAuthenticatedError("no valid admin token was shown", "Send the content of admin.token_file.")

    def _knows(self, shown: list[str]) -> bool:
        if len(shown) != 1:
            return False
        scheme, _, token = shown[0].partition(" ")
        if scheme.lower() != "bearer":
            return False
        # Digests have one length whatever was sent, so neither length nor content shows in the time taken.
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(digest, self._digest)


def _own(request: web.Request) -> frozenset[str]:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if not name:
        return frozenset()
    host, port = name[0], name[1]
    return frozenset({host_port(host, port), f"localhost:{port}", f"127.0.0.1:{port}"})
