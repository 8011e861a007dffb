"""Refresh tokens against a server that rotates strictly, over a real store: used by one at a time, never lost in silence."""

from __future__ import annotations

import asyncio
from itertools import count

import pytest
from aiohttp import web

from exeat.clock import SystemClock
from exeat.credentials.held import HeldSecrets
from exeat.credentials.keys import KeyRing
from exeat.credentials.oauth.assertions import Assertions
from exeat.credentials.oauth.client import Client
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.oauth.family import KeptFamilies
from exeat.credentials.oauth.refreshing import Refreshing
from exeat.credentials.safe import Safe
from exeat.credentials.sealing import Sealer, SealingKey
from exeat.errors import RefusalError, StartError, UnavailableError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.oauth_client import OAuthClient
from exeat.model.secret import Secret
from exeat.store.opening import open_store
from exeat.store.secrets import StoredSecrets
from unit.credentials.oauth_fake import FakeServer


class StrictServer(FakeServer):
    """Rotates; who shows an old token ends the family (RFC 9700 §4.14.2). ``busiest`` is how many asked at the same time."""

    def __init__(self):
        super().__init__()
        self.numbers, self.newest, self.busy, self.busiest = count(1), "", 0, 0
        self.error = ""
        self.says = self.answer

    def answer(self, form):
        if self.error:
            return {"error": self.error}
        if form["refresh_token"] != self.newest:
            self.newest = ""
            return {"error": "invalid_grant"}
        number = next(self.numbers)
        self.newest = f"next-{number}"
        return {"access_token": f"access-{number:016}", "refresh_token": self.newest, "scope": form["scope"]}

    async def _token(self, request):
        self.busy += 1
        self.busiest = max(self.busiest, self.busy)
        try:
            answer = await super()._token(request)
        finally:
            self.busy -= 1
        status = 400 if b'"error"' in answer.body else 200
        return web.Response(body=answer.body, status=status, content_type="application/json")


@pytest.fixture
async def server():
    made = StrictServer()
    made.newest = "first"
    await made.start()
    yield made
    await made.close()


class Source:
    """Where the first refresh token is."""

    def __init__(self):
        self.value = "first"

    def load(self, reference):
        if not self.value:
            raise StartError("it is empty")
        return Secret(self.value)


@pytest.fixture
def source():
    return Source()


class Audit(list):
    """What was recorded."""


@pytest.fixture
def audit():
    return Audit()


@pytest.fixture
async def replica(server, source, tmp_path, audit):
    """Make refreshers, each with a store of its own on one database."""
    clock, stores, endpoints = SystemClock(), [], []

    def make(url="sqlite:///exeat.db"):
        store = open_store(url, tmp_path)
        keyring = KeyRing.load_or_create(tmp_path / "keys", "token", "ES256", 86400.0, 3600.0, clock)
        ends = Endpoints(client_context(()), clock)
        stores.append(store)
        endpoints.append(ends)
        details = OAuthClient(
            server.url("/token"), "server", "exeat", "env:S", grant="refresh_token", refresh_token="env:FIRST"
        )
        return Refreshing(
            {"mail": IssuerSpec("oauth_client", 60.0, "", details, Grade.A)},
            Client(Assertions(keyring, "https://exeat.test", clock), ends, HeldSecrets({"env:S": Secret("s")})),
            source.load,
            KeptFamilies(Safe(Sealer([SealingKey.derive(b"k" * 32)]), StoredSecrets(store.runner), clock)),
            store.leases,
            audit,
            f"replica {len(stores)}",
            b"k" * 32,
            clock,
        )

    yield make
    for each in endpoints:
        await each.close()
    for each in stores:
        await each.close()


def used(server):
    return [form["refresh_token"] for form in server.forms]


async def test_each_use_stores_what_follows_and_hands_out_the_rest(replica, server):
    """Whoever asked never sees a refresh token; another process goes on with the newest."""
    answer = await replica().refresh("mail", "mail:read")
    assert answer == {"access_token": "access-0000000000000001", "scope": "mail:read"}
    assert await replica().refresh("mail", "mail:send")
    assert used(server) == ["first", "next-1"]
    assert server.forms[1]["scope"] == "mail:send"


@pytest.mark.guard("refresh-in-turn")
async def test_many_at_once_take_turns(replica, server):
    """In one process."""
    server.delay, one = 0.02, replica()
    await asyncio.gather(*(one.refresh("mail", "mail:read") for _ in range(10)))
    assert server.busiest == 1
    assert len(set(used(server))) == 10


@pytest.mark.guard("refresh-lease")
async def test_replicas_take_turns(replica, server, postgres):
    """Two of them on one PostgreSQL."""
    url = postgres.database()
    server.delay, both = 0.02, (replica(url), replica(url))
    await asyncio.gather(*(both[number % 2].refresh("mail", "mail:read") for number in range(12)))
    assert server.busiest == 1
    assert len(set(used(server))) == 12


async def test_whoever_goes_away_doesnt_take_the_answer_along(replica, server):
    """The mint is given up after its time; what the server has answered is stored all the same."""
    one, server.delay = replica(), 0.2
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await one.refresh("mail", "mail:read")
    await one.close()
    server.delay = 0
    assert await replica().refresh("mail", "mail:read")
    assert used(server) == ["first", "next-1"]


@pytest.mark.guard("refresh-mark")
async def test_an_answer_that_was_never_stored_is_told(replica, server, monkeypatch, caplog, audit):
    """As after a crash: the server is asked once more, ends the family, and is left alone until somebody authorizes again."""
    one = replica()
    monkeypatch.setattr(one, "_follow", _crash)
    with pytest.raises(RuntimeError):
        await one.refresh("mail", "mail:read")
    two = replica()
    for _ in range(2):
        with pytest.raises(RefusalError, match=r"the answer to its use at 20.* was never stored.*authorize again"):
            await two.refresh("mail", "mail:read")
    assert used(server) == ["first", "first"]
    assert "was never stored" in caplog.text
    assert [(record["kind"], record["event"], record["service"]) for record in audit] == [
        ("alert", "refresh_token_lost", "mail")
    ]


async def _crash(*_):
    raise RuntimeError


async def test_an_end_at_the_server_is_called_that(replica, server, source):
    """No answer was outstanding, so it isn't our doing. A new authorization is found without a restart, an old one isn't taken."""
    one = replica()
    await one.refresh("mail", "mail:read")
    server.newest = "revoked"
    with pytest.raises(RefusalError, match="it was revoked, has expired, or somebody else used it"):
        await one.refresh("mail", "mail:read")
    server.newest = source.value = "second"
    assert await one.refresh("mail", "mail:read")
    source.value = "first"
    assert await replica().refresh("mail", "mail:read")
    assert used(server)[2:] == ["second", "next-2"]


async def test_a_refusal_of_something_else_uses_nothing_up(replica, server):
    """The scope isn't granted, say: the same refresh token serves the next request."""
    one = replica()
    server.error = "invalid_scope"
    with pytest.raises(RefusalError, match=r"refused: invalid_scope \(400\)"):
        await one.refresh("mail", "mail:all")
    server.error = ""
    assert await one.refresh("mail", "mail:read")
    assert used(server) == ["first", "first"]


@pytest.mark.guard("refresh-unsaved")
async def test_a_store_that_fails_after_the_answer_loses_nothing(replica, server, monkeypatch):
    """What follows stays in memory and is stored before the next use; the access token isn't handed out meanwhile."""
    one, calls = replica(), count(1)
    write = one._kept.write

    async def failing(*arguments):
        if 3 <= next(calls) <= 6:  # one for the family, one for the mark, then what followed
            raise UnavailableError("disk full")
        return await write(*arguments)

    monkeypatch.setattr(one._kept, "write", failing)
    with pytest.raises(RefusalError, match="can't be kept: disk full"):
        await one.refresh("mail", "mail:read")
    assert await one.refresh("mail", "mail:read")
    assert used(server) == ["first", "next-1"]


def test_a_missing_first_token_is_found_at_the_start(replica, source):
    """Not at the first request."""
    source.value = ""
    with pytest.raises(StartError):
        replica().check()


async def test_no_other_service_has_one(replica):
    """A worker can't ask for what isn't refreshed."""
    with pytest.raises(RefusalError, match="no refresh token belongs to"):
        await replica().refresh("other", "mail:read")
