"""A Vault server that answers 200 with something else than was asked, or fails half way: refused, and given back."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import orjson
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from exeat.credentials.issuers.vault import VaultIssuer
from exeat.credentials.issuing import IssuerParts
from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.holders import Holders
from exeat.errors import RefusalError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.vault import VaultIssue, VaultLogin
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from unit.credentials.requests_kit import REQUEST
from unit.standing_clock import StandingClock

AUTH = {"client_token": "s.login-canary-1", "policies": ["default", "agent-a"], "lease_duration": 60, "renewable": True,
        "token_type": "service"}  # fmt: skip
CREDS = {"lease_id": "database/creds/ro/abc", "lease_duration": 60, "renewable": True,
         "data": {"username": "v-ro-1", "password": "pw-canary-1"}}  # fmt: skip


class Liar:
    """A server whose every answer is what a test wants; ``asked`` are path, token and body of each call."""

    def __init__(self) -> None:
        self.says: dict[str, Any] = {"auth/jwt/login": {"auth": AUTH}, "database/creds/ro": CREDS}
        self.asked: list[tuple[str, str | None, Any]] = []
        self.held: set[str] = set()
        app = web.Application()
        app.router.add_route("*", "/v1/{path:.*}", self._answer)
        self.server = TestServer(app)

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        path, raw = request.match_info["path"], await request.read()
        self.asked.append((path, request.headers.get("X-Vault-Token"), orjson.loads(raw) if raw else None))
        if path in self.held:
            await asyncio.Event().wait()
        says = self.says.get(path, 204)
        if isinstance(says, web.StreamResponse):
            return says
        if isinstance(says, int):
            return web.Response(status=says)
        return web.Response(body=says if isinstance(says, bytes) else json.dumps(says).encode())

    def paths(self) -> list[str]:
        return [path for path, _, _ in self.asked]


@pytest.fixture
async def liar() -> AsyncIterator[Liar]:
    made = Liar()
    await made.server.start_server()
    yield made
    await made.server.close()


@pytest.fixture
async def issuer(liar: Liar, tmp_path: Path) -> AsyncIterator[VaultIssuer]:
    clock: Any = StandingClock()
    nothing: Any = None
    keys = KeyRing.load_or_create(tmp_path / "keys", "token", "ES256", 3600, 60, clock)
    parts = IssuerParts(
        clock=clock, keyring=keys, issuer_url="https://exeat.test", assertions=nothing, endpoints=nothing,
        tls=ssl.create_default_context(), secrets=lambda _: Secret("secret-id"), stored=lambda _: None, holders=Holders(), refresher=nothing,
        key=os.urandom(32),
    )  # fmt: skip
    made = VaultIssuer(parts)
    made.clock = clock
    yield made
    await made.close()


def spec(liar: Liar, grade: Grade = Grade.B, **more: Any) -> IssuerSpec:
    login = VaultLogin(str(liar.server.make_url("/")), "jwt", "jwt", "agent", frozenset({"agent-a"}), "bao")
    details = {"issue": "dynamic", "path": "database/creds/ro", "key": "password"} | more
    return IssuerSpec("vault", 60.0, "bao", VaultIssue(login, **details), grade)


async def given_back(liar: Liar) -> None:
    async with asyncio.timeout(10):
        while ("auth/token/revoke-self", "s.login-canary-1", {}) not in liar.asked:
            await asyncio.sleep(0.005)


async def refusal(issuer: VaultIssuer, of: IssuerSpec) -> RefusalError:
    with pytest.raises(RefusalError) as refused:
        await issuer.mint(REQUEST, of)
    assert "canary" not in str(refused.value)
    return refused.value


async def test_an_honest_one_is_believed(issuer, liar):
    token = await issuer.mint(REQUEST, spec(liar))
    assert (token.value.reveal(), token.parts["user"].reveal()) == ("pw-canary-1", "v-ro-1")
    assert token.expires_at == issuer.clock.now + 60
    assert "canary" not in repr(token)
    assert await issuer.revoke(token, spec(liar)) is True
    assert liar.paths()[-2:] == ["sys/leases/revoke", "auth/token/revoke-self"]


WIDER = {
    "policies": ({"policies": ["default", "agent-a", "root"]}, {}, Reason.TOKEN_TOO_WIDE),
    "silent-policies": ({"policies": None}, {}, Reason.TOKEN_TOO_WIDE),
    "long": ({"lease_duration": 3600}, {"lease_duration": 3600}, Reason.TOKEN_TOO_WIDE),
    "endless": ({"lease_duration": 0}, {}, Reason.TOKEN_TOO_WIDE),
    "batch": ({"token_type": "batch"}, {}, Reason.TOKEN_UNAVAILABLE),
    "no-lease": ({}, {"lease_id": ""}, Reason.TOKEN_UNAVAILABLE),
    "no-password": ({}, {"data": {"username": "v-ro-1"}}, Reason.TOKEN_UNAVAILABLE),
    "other-types": ({}, {"data": ["pw-canary-1"], "lease_duration": "60"}, Reason.TOKEN_UNAVAILABLE),
}


@pytest.mark.guard("vault-policies")
@pytest.mark.guard("vault-give-back")
@pytest.mark.parametrize("name", WIDER)
async def test_what_is_wider_or_cant_be_revoked_is_refused_and_given_back(issuer, liar, name):
    auth, creds, reason = WIDER[name]
    liar.says = {"auth/jwt/login": {"auth": AUTH | auth}, "database/creds/ro": CREDS | creds}
    assert (await refusal(issuer, spec(liar))).reason is reason
    if name not in ("silent-policies", "endless"):  # whose login can't even be read
        await given_back(liar)


async def test_a_lease_longer_than_its_login_ends_with_it(issuer, liar):
    liar.says["database/creds/ro"] = CREDS | {"lease_duration": 3600}
    assert (await issuer.mint(REQUEST, spec(liar))).expires_at == issuer.clock.now + 60


@pytest.mark.parametrize(
    "says",
    [
        b'{"auth": {"client_token": "s.canary", "client_token": "s.other-canary"}}',
        b"<html>canary</html>",
        b'{"canary": "' + b"x" * 300_000 + b'"}',
        b'[{"auth": "canary"}]',
        400, 403, 404, 429, 473, 500, 503, 204,
    ],
    ids=str,
)  # fmt: skip
async def test_an_answer_that_can_be_read_in_two_ways_is_none(issuer, liar, says):
    liar.says["auth/jwt/login"] = says
    assert (await refusal(issuer, spec(liar))).reason is Reason.TOKEN_UNAVAILABLE


async def test_a_redirect_is_not_followed(issuer, liar):
    elsewhere = {"Location": str(liar.server.make_url("/v1/elsewhere"))}
    liar.says["auth/jwt/login"] = web.Response(status=307, headers=elsewhere)
    assert "redirect" in (await refusal(issuer, spec(liar))).detail
    assert liar.paths() == ["auth/jwt/login"]


async def test_one_that_is_sealed_is_left_alone_for_a_while(issuer, liar):
    liar.says["auth/jwt/login"] = 503
    await refusal(issuer, spec(liar))
    assert "left alone" in (await refusal(issuer, spec(liar))).detail
    assert len(liar.asked) == 1


async def test_a_caller_that_gives_up_leaves_no_login_behind(issuer, liar):
    liar.held.add("database/creds/ro")
    minting = asyncio.create_task(issuer.mint(REQUEST, spec(liar)))
    async with asyncio.timeout(10):
        while "database/creds/ro" not in liar.paths():
            await asyncio.sleep(0.005)
    minting.cancel()
    await given_back(liar)


@pytest.mark.guard("vault-one-holder")
async def test_what_another_session_holds_is_refused(issuer, liar):
    """A server that gives two sessions one login would have one's end cut the other off."""
    await issuer.mint(REQUEST, spec(liar))
    with pytest.raises(RefusalError, match="another session"):
        await issuer.mint(replace(REQUEST, session="m_2/report-bot", mission="m_2"), spec(liar))


async def test_a_login_instead_of_a_narrower_token_is_refused(issuer, liar):
    liar.says["auth/token/create"] = {"auth": AUTH}
    narrowed = spec(liar, Grade.A, issue="token", path="", key="", scopes={REQUEST.scope: frozenset({"agent-a"})})
    assert "the login itself" in (await refusal(issuer, narrowed)).detail
    liar.says["auth/token/create"] = {
        "auth": AUTH | {"client_token": "s.child-of-it", "policies": ["agent-a", "default"]}
    }
    assert (await refusal(issuer, narrowed)).reason is Reason.TOKEN_TOO_WIDE


async def test_a_lease_is_renewed_for_as_long_as_the_server_says(issuer, liar):
    """The same secret lives on; a renewal that was cut short is worth nothing, and something new is issued."""
    first = await issuer.mint(REQUEST, spec(liar))
    issuer.clock.now += 45
    liar.says["auth/token/renew-self"] = {"auth": AUTH | {"lease_duration": 60}}
    liar.says["sys/leases/renew"] = {"lease_id": CREDS["lease_id"], "lease_duration": 58, "renewable": True}
    second = await issuer.mint(REQUEST, spec(liar))
    assert (second.id, second.expires_at) == (first.id, issuer.clock.now + 58)
    issuer.clock.now += 45
    liar.says["sys/leases/renew"] = {"lease_id": CREDS["lease_id"], "lease_duration": 5, "renewable": True}
    liar.says["auth/jwt/login"] = {"auth": AUTH | {"client_token": "s.login-canary-2"}}
    liar.says["database/creds/ro"] = CREDS | {
        "lease_id": "database/creds/ro/def",
        "data": {"username": "v-ro-2", "password": "pw-2"},
    }
    third = await issuer.mint(REQUEST, spec(liar))
    assert third.value.reveal() == "pw-2"


async def test_nothing_is_kept_of_what_was_revoked(issuer, liar):
    token = await issuer.mint(REQUEST, spec(liar))
    assert issuer._leased
    await issuer.revoke(token, spec(liar))
    assert not issuer._leased


async def test_our_word_names_agent_mission_and_action(issuer, liar):
    import jwt

    await issuer.mint(REQUEST, spec(liar))
    claims = jwt.decode(liar.asked[0][2]["jwt"], options={"verify_signature": False})
    assert {name: claims[name] for name in ("iss", "sub", "aud", "mission", "action", "scope")} == {
        "iss": "https://exeat.test", "sub": REQUEST.agent, "aud": "bao", "mission": "m_1", "action": REQUEST.action,
        "scope": "refunds/create",
    }  # fmt: skip
