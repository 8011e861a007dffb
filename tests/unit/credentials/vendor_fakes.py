"""Endpoints of vendors as their documentation describes them: each parameter is checked, one too many or too few is refused.

These are contracts written down, no servers of a vendor: what they show is that requests are as published and that answers as
published are understood.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import jwt
import orjson
from aiohttp import web
from aiohttp.test_utils import TestServer

Check = str | Callable[[str], bool]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
BEARER = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
TYPE = "urn:ietf:params:oauth:token-type:"


@dataclass
class Contract:
    """One call: the parameters it must have, all of them and no other, and what is answered."""

    parameters: Mapping[str, Check]
    answer: Mapping[str, Any]
    authorization: Check | None = None
    status: int = 200
    seen: list[Mapping[str, Any]] = field(default_factory=list)


class Vendor:
    """``contracts`` by path; a list is a sequence of calls to one path."""

    def __init__(self) -> None:
        self.contracts: dict[str, list[Contract]] = {}
        self.faults: list[str] = []
        app = web.Application()
        app.router.add_post("/{path:.*}", self._serve)
        self._server = TestServer(app)

    async def start(self) -> None:
        await self._server.start_server()

    async def close(self) -> None:
        await self._server.close()

    def url(self, path: str = "") -> str:
        return str(self._server.make_url("/")).rstrip("/") + path

    def expects(self, path: str, *contracts: Contract) -> None:
        self.contracts[path] = list(contracts)

    async def _serve(self, request: web.Request) -> web.Response:
        waiting = self.contracts.get(request.path)
        if not waiting:
            return self._refuse(f"nothing is at {request.path}")
        contract = waiting.pop(0)
        json = request.content_type == "application/json"
        sent = orjson.loads(await request.read()) if json else dict(await request.post())
        contract.seen.append(sent)
        if sent.keys() != contract.parameters.keys():
            return self._refuse(f"{request.path}: {sorted(sent.keys() ^ contract.parameters.keys())}")
        for name, wanted in contract.parameters.items():
            if not (wanted(sent[name]) if callable(wanted) else sent[name] == wanted):
                return self._refuse(f"{request.path}: {name}={sent[name]!r}")
        shown, wanted = request.headers.get("Authorization"), contract.authorization
        if not (wanted(shown or "") if callable(wanted) else shown == wanted):
            return self._refuse(f"{request.path}: Authorization={shown!r}")
        return web.json_response(contract.answer, status=contract.status)

    def _refuse(self, fault: str) -> web.Response:
        self.faults.append(fault)
        return web.json_response({"error": "invalid_request"}, status=400)


def signed(keyring: Any, algorithm: str = "ES256", **claims: Any) -> Callable[[str], bool]:
    """Whether a parameter is a JWT of ours with these claims, verified by the published key."""

    def check(value: str) -> bool:
        key = keyring.public(jwt.get_unverified_header(value)["kid"])
        options = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
        said = jwt.decode(value, key.key, [algorithm], options=options)
        return {name: said.get(name) for name in claims} == claims

    return check
