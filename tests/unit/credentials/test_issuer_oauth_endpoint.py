"""The endpoint of an authorization server: bounded, verified, never followed elsewhere, left alone when it asks."""

from __future__ import annotations

import asyncio
import gzip
import ssl
from pathlib import Path

import pytest
import trustme

from exeat.credentials.oauth import endpoint
from exeat.credentials.oauth.endpoint import Endpoints, client_context
from exeat.credentials.pauses import LONGEST, Pauses
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason
from unit.credentials.oauth_fake import GOOD, FakeServer


@pytest.fixture
async def server():
    made = FakeServer()
    await made.start()
    yield made
    await made.close()


@pytest.fixture
async def endpoints(clock):
    made = Endpoints(client_context(()), clock)
    yield made
    await made.close()


async def fails(endpoints, url, headers=None):
    with pytest.raises(RefusalError) as refused:
        await endpoints.post(url, {"a": "1"}, headers or {})
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE
    return refused.value.detail


async def test_a_form_is_sent_and_an_object_comes_back(server, endpoints):
    """Fields are encoded once."""
    answer = await endpoints.post(server.url("/token"), {"scope": "a b", "x": "ü&="}, {"Authorization": "Basic x"})
    assert (answer.status, answer.fields) == (200, GOOD)
    assert server.forms == [{"scope": "a b", "x": "ü&="}]
    assert server.authorizations == ["Basic x"]
    assert GOOD["access_token"] not in repr(answer)


@pytest.mark.parametrize(
    ("says", "error"),
    [({"error": "invalid_scope", "error_description": "secret"}, "invalid_scope"), ({"error": 1}, "no error code"),
     ({"error": "x" * 65}, "no error code"), ({"error": "a\nb"}, "no error code"), (b"<html>", "no error code"),
     (b"", "no error code"), (b'{"error":"a","error":"b"}', "no error code")],
)  # fmt: skip
async def test_an_error_gives_its_code_and_nothing_else(server, endpoints, says, error):
    """A description may quote what was sent."""
    server.says, server.status = says, 400
    answer = await endpoints.post(server.url("/token"), {}, {})
    assert (answer.status, answer.error) == (400, error)


@pytest.mark.parametrize("says", [b"<html>", b"[]", b'{"a":1,"a":2}', b"{", b"\x1f\x8b\x08\x00"])
async def test_an_unreadable_answer_is_unavailable(server, endpoints, says):
    """200 with anything but one clear object; the body is in no text."""
    server.says = says
    assert "can't be read" in await fails(endpoints, server.url("/token"))


async def test_a_long_answer_is_not_read_to_its_end(server, endpoints):
    """64 KiB is more than any token needs."""
    server.says = b'{"a":"' + b"x" * 70_000 + b'"}'
    assert "more than" in await fails(endpoints, server.url("/token"))


async def test_a_packed_answer_is_not_unpacked(server, endpoints):
    """None was offered, and a small one may become huge."""
    server.headers = {"Content-Encoding": "gzip"}
    server.says = gzip.compress(b'{"access_token":"x"}')
    assert "can't be read" in await fails(endpoints, server.url("/token"))


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_a_redirect_is_not_followed(server, endpoints, status):
    """What authenticates us goes nowhere else."""
    server.status, server.headers = status, {"Location": server.url("/revoke")}
    answer = await endpoints.post(server.url("/token"), {}, {})
    assert answer.status == status
    assert server.revoked == []


async def test_cookies_are_not_kept(server, endpoints):
    """Nothing of one exchange is in the next."""
    server.headers = {"Set-Cookie": "sid=1; Path=/"}
    for _ in range(2):
        await endpoints.post(server.url("/token"), {}, {})
    assert server.cookies == [{}, {}]


@pytest.mark.parametrize("status", [429, 503])
async def test_a_server_that_asks_for_it_is_left_alone(server, endpoints, clock, status):
    """Until Retry-After is over nothing is sent; then it is asked again."""
    server.status, server.headers = status, {"Retry-After": "7"}
    assert "7 s" in await fails(endpoints, server.url("/token"))
    server.status = 200
    clock.now += 6.9
    assert "left alone" in await fails(endpoints, server.url("/token"))
    assert len(server.forms) == 1
    clock.now += 0.2
    assert (await endpoints.post(server.url("/token"), {}, {})).status == 200


async def test_one_pause_is_no_other_servers(server, endpoints):
    """A pause is that URL's alone."""
    server.status = 503
    await fails(endpoints, server.url("/token"))
    assert (await endpoints.post(server.url("/revoke"), {}, {})).status == 200


@pytest.mark.parametrize(
    ("asked", "seconds"),
    [(None, 1), ("", 1), ("0", 1), ("5", 5), ("60", 60), ("99999999999999999999", LONGEST), ("-5", 1), ("soon", 1),
     ("1.5", 1), ("Sun, 17 Mar 2030 17:46:50 GMT", 10), ("Sun, 17 Mar 2030 17:46:50 -0000", 10), ("²", 1),
     ("Sun, 06 Nov 1994 08:49:37 GMT", 1), ("Sun, 06 Nov 2095 08:49:37 GMT", LONGEST), ("Sun, 99 Foo 2030", 1)],
)  # fmt: skip
def test_retry_after_in_both_forms_within_bounds(clock, asked, seconds):
    """A server can neither be asked too soon nor silence us for long."""
    assert clock.now == 1_900_000_000  # Sunday, 17 March 2030, 17:46:40
    pauses = Pauses(clock)
    assert pauses.begin("u", asked) == seconds
    assert pauses.left("u") == seconds
    clock.now += seconds
    assert pauses.left("u") == 0


async def test_a_late_server_is_given_up_and_left_alone(server, endpoints, clock, monkeypatch):
    """The time-out is ours, and the next caller doesn't wait for another."""
    monkeypatch.setattr(endpoint, "_LONGEST", 0.2)
    server.delay = 5
    assert "in time" in await fails(endpoints, server.url("/token"))
    assert "left alone" in await fails(endpoints, server.url("/token"))
    server.delay = 0
    clock.now += 1.1
    assert (await endpoints.post(server.url("/token"), {}, {})).status == 200


async def test_a_server_that_is_not_there_is_unavailable(endpoints):
    """Nothing listens."""
    assert "can't be reached" in await fails(endpoints, "http://127.0.0.1:1/token")


@pytest.mark.parametrize(
    "raw", [b"", b"garbage\r\n\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{}", b"HTTP/1.1 200 OK\r\nContent-"]
)
async def test_broken_http_is_unavailable(endpoints, raw):
    """Cut, mangled or empty."""

    async def answer(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(raw)
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        port = listening.sockets[0].getsockname()[1]
        assert "can't be reached" in await fails(endpoints, f"http://127.0.0.1:{port}/token")


async def test_a_kept_connection_that_just_ended_is_no_failure(endpoints):
    """Servers close idle connections whenever they like; the exchange is asked once more, and only once."""
    opened = []

    async def answer(reader, writer):
        opened.append(writer)
        while len(opened) != 3:  # the third connection is never answered
            head = await reader.readuntil(b"\r\n\r\n")
            if len(opened) == 1 and b"second" in head:
                break
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}")
            if len(opened) == 2:
                break
        writer.close()

    listening = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with listening:
        url = f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}/"
        for name in ("first", "second"):
            assert (await endpoints.post(url, {}, {"X-Name": name})).status == 200
        assert len(opened) == 2


def tls(tmp_path: Path, *names: str) -> tuple[ssl.SSLContext, Path]:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*names).configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    return context, tmp_path / "ca.pem"


@pytest.mark.parametrize(
    ("names", "trusted", "reached"),
    [(("127.0.0.1",), True, True), (("127.0.0.1",), False, False), (("other.example.test",), True, False)],
)
async def test_the_certificate_is_verified(tmp_path, clock, names, trusted, reached):
    """The configured CA and the right name, or no byte is sent."""
    context, ca_file = tls(tmp_path, *names)
    server = FakeServer()
    await server.start(ssl=context)
    endpoints = Endpoints(client_context([ca_file] if trusted else []), clock)
    try:
        url = server.url("/token").replace("http://", "https://")
        if reached:
            assert (await endpoints.post(url, {}, {})).status == 200
        else:
            assert "can't be reached" in await fails(endpoints, url)
            assert server.forms == []
    finally:
        await endpoints.close()
        await server.close()


def test_a_ca_file_without_certificates_is_refused_at_start(tmp_path):
    """The error names the file."""
    (tmp_path / "ca.pem").write_text("nothing")
    for file in (tmp_path / "ca.pem", tmp_path / "absent.pem"):
        with pytest.raises(StartError, match=file.name):
            client_context([file])


async def test_the_environments_proxy_is_not_used(server, endpoints, monkeypatch):
    """Tokens don't travel by what HTTPS_PROXY says."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert (await endpoints.post(server.url("/token"), {}, {})).status == 200


async def test_closing_twice_or_unused_is_fine(clock):
    """And nothing is left open."""
    unused = Endpoints(client_context(()), clock)
    await unused.close()
    await unused.close()
