"""Who calls: this machine's own clients, each with a token of its own.

The Host header must be the listener's (a rebound DNS name isn't), no Origin may be present beside a token (no page calls
with one), and secrets are compared in constant time. Must not know: what the calls do, what a caller may do.
"""

from __future__ import annotations

import hashlib
import hmac
from typing import final

from aiohttp import web

from exeat.admin.call import ADMIN, NOBODY, Caller
from exeat.admin.problems import BrowserRefusedError, MisdirectedError
from exeat.admin.tokens import Tokens
from exeat.counting import Counts
from exeat.errors import NotAuthenticatedError
from exeat.model.destination import host_port
from exeat.model.secret import Secret


@final
class Guard:
    """Checks every call before its handler. ``refused_logins`` counts wrong or missing tokens."""

    def __init__(self, token: Secret, tokens: Tokens, hosts: frozenset[str]) -> None:
        self._digest = hashlib.sha256(token.reveal().encode()).digest()
        self._tokens = tokens
        self._hosts = hosts
        self.refused_logins = 0

    async def check(self, request: web.Request, *, is_open: bool) -> Caller:
        """Return who calls; with ``is_open`` that may be nobody.

        Raise MisdirectedError, BrowserRefusedError or NotAuthenticatedError unless the call may go on; UnavailableError
        when the store that has the token can't be asked.
        """
        hosts = request.headers.getall("Host", [])
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts | _own(request):
            raise MisdirectedError("the Host header doesn't name this listener", "Call the address in [admin] listen.")
        if "Origin" in request.headers:
            raise BrowserRefusedError("calls from browser pages are refused", "Use the exeat command line.")
        if is_open:
            return NOBODY
        caller = await self._by_token(request.headers.getall("Authorization", []))
        if caller is None:
            self.refused_logins += 1
            raise NotAuthenticatedError("no valid admin token was shown", "Send the content of admin.token_file.")
        return caller

    def read(self) -> Counts:
        """What was counted, by metric."""
        return {"exeat_admin_refused_logins_total": {(): self.refused_logins}}

    async def _by_token(self, shown: list[str]) -> Caller | None:
        if len(shown) != 1:
            return None
        scheme, _, token = shown[0].partition(" ")
        if scheme.lower() != "bearer":
            return None
        if self._is_ours(token):
            return ADMIN
        return await self._tokens.caller(token)

    def _is_ours(self, token: str) -> bool:
        # Digests have one length whatever was sent, so neither length nor content shows in the time taken.
        digest = hashlib.sha256(token.encode("utf-8", "surrogateescape")).digest()
        return hmac.compare_digest(digest, self._digest)


def _own(request: web.Request) -> frozenset[str]:
    name = request.transport.get_extra_info("sockname") if request.transport is not None else None
    if not name:
        return frozenset()
    host, port = name[0], name[1]
    return frozenset({host_port(host, port), f"localhost:{port}", f"127.0.0.1:{port}"})
