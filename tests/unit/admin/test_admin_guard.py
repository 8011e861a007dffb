"""Who may call the admin API: this machine's own clients, with the token."""

from __future__ import annotations

import asyncio
import logging
import re
import socket
from typing import Any

import pytest

from exeat.admin.server import AdminServer
from exeat.errors import StartError

TOKEN = "CANARY-admin-token-0123456789abcdefghijklmnop"
PROTECTED = [
    ("GET", "/v1/missions"),
    ("POST", "/v1/missions"),
    ("GET", "/v1/missions/m_00000000000000000000000001"),
    ("POST", "/v1/missions/m_00000000000000000000000001/revoke"),
    ("GET", "/v1/decisions/last"),
    ("GET", "/v1/audit"),
    ("GET", "/v1/services"),
    ("GET", "/v1/status"),
    ("GET", "/nowhere"),
    ("POST", "/healthz"),
    ("GET", "/healthz/"),
    ("GET", "//healthz"),
]


async def raw(port: int, request: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request)
    try:
        async with asyncio.timeout(5):
            return await reader.read()
    finally:
        writer.close()
        await writer.wait_closed()


@pytest.mark.parametrize(("method", "path"), PROTECTED)
@pytest.mark.parametrize(
    "shown",
    [
        None,
        "",
        "Bearer",
        "Bearer ",
        "Bearer wrong",
        f"Bearer {TOKEN[:-1]}",
        f"Bearer {TOKEN}x",
        f"Bearer  {TOKEN}",
        f"Basic {TOKEN}",
        TOKEN,
    ],
)
async def test_without_the_token_every_call_is_refused(api: Any, method: str, path: str, shown: str | None) -> None:
    answer = await api.call(method, path, Authorization=shown)
    assert (answer.status, answer.body["code"]) == (401, "not_authenticated")
    assert answer.headers["WWW-Authenticate"] == 'Bearer realm="exeat"'
    assert api.world.effects == []


async def test_two_tokens_are_none(api: Any) -> None:
    both = f"Authorization: Bearer {TOKEN}\r\n" * 2
    answer = await raw(
        api.server.port,
        f"GET /v1/status HTTP/1.1\r\nHost: localhost:{api.server.port}\r\n{both}Connection: close\r\n\r\n".encode(),
    )
    assert answer.split()[1] in (b"400", b"401")


async def test_refused_logins_are_counted_and_never_logged(api: Any, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for shown in ("Bearer CANARY-guess", None):
        await api.call("POST", "/v1/missions", {"template": "refunds"}, Authorization=shown)
    answer = await api.call("GET", "/v1/status")
    assert answer.body == {"version": "0.1.0", "refused_logins": 2}
    assert "CANARY" not in caplog.text
    assert "CANARY" not in repr(api.world.records)


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/.well-known/jwks.json"])
async def test_health_and_keys_need_no_token(api: Any, path: str) -> None:
    assert (await api.call("GET", path, Authorization=None)).status == 200


async def test_health_says_when_requests_cannot_be_served(api: Any) -> None:
    api.world.fail = {"sick"}
    answer = await api.call("GET", "/readyz", Authorization=None)
    assert (answer.status, answer.body["code"], answer.body["detail"]) == (
        503,
        "not_ready",
        "requests are refused: audit",
    )
    assert (await api.call("GET", "/healthz", Authorization=None)).status == 200


@pytest.mark.parametrize(
    "host", ["evil.test", "evil.test:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil.test:{port}", ""]
)
@pytest.mark.parametrize("path", ["/v1/missions", "/healthz"])
async def test_a_rebound_name_is_misdirected(api: Any, host: str, path: str) -> None:
    answer = await api.call("GET", path, Host=host.format(port=api.server.port))
    assert answer.status in (400, 421)
    if isinstance(answer.body, dict):
        assert answer.body["code"] == "misdirected"


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}", "LOCALHOST:{port}"])
async def test_the_listeners_own_names_are_accepted(api: Any, host: str) -> None:
    assert (await api.call("GET", "/v1/missions", Host=host.format(port=api.server.port))).status == 200


@pytest.mark.parametrize("hosts", ["", "Host: localhost:{port}\r\nHost: localhost:{port}\r\n"])
async def test_no_host_or_two_are_refused(api: Any, hosts: str) -> None:
    sent = f"GET /healthz HTTP/1.1\r\n{hosts.format(port=api.server.port)}Connection: close\r\n\r\n"
    assert (await raw(api.server.port, sent.encode())).split()[1] in (b"400", b"421")


@pytest.mark.parametrize(
    "line",
    [
        f"Authorization: Bearer {TOKEN}\x00",
        f"Authorization : Bearer {TOKEN}",
        f"Bearer {TOKEN}",
        f"Authorization: Bearer {TOKEN}" + "x" * 9000,
    ],
)
async def test_a_malformed_request_puts_no_token_into_the_log(
    api: Any, caplog: pytest.LogCaptureFixture, line: str
) -> None:
    caplog.set_level(logging.DEBUG)
    sent = f"GET /v1/status HTTP/1.1\r\nHost: localhost:{api.server.port}\r\n{line}\r\n\r\n"
    answer = await raw(api.server.port, sent.encode())
    assert answer.split()[1][:1] == b"4"
    assert "CANARY" not in caplog.text


@pytest.mark.parametrize("origin", ["https://evil.test", "null", "http://127.0.0.1:8081"])
async def test_no_browser_page_may_call(api: Any, origin: str) -> None:
    for method, path in (("GET", "/v1/missions"), ("POST", "/v1/missions"), ("OPTIONS", "/v1/missions")):
        answer = await api.call(method, path, Origin=origin)
        assert (answer.status, answer.body["code"]) == (403, "origin_refused")
    assert api.world.effects == []


async def test_our_own_page_may_call_and_needs_a_token_like_everybody(api: Any) -> None:
    own = f"http://127.0.0.1:{api.server.port}"
    for site in ("same-origin", None):
        assert (await api.call("GET", "/v1/missions", Origin=own, Sec_Fetch_Site=site)).status == 200
        assert (await api.call("POST", "/v1/missions", {}, Origin=own, Sec_Fetch_Site=site)).status == 422
    assert (await api.call("GET", "/v1/missions", Origin=own, Authorization=None)).status == 401
    assert (await api.call("GET", "/", Authorization=None)).status == 200


@pytest.mark.guard("own-page-alone")
@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://localhost:{port}"}, {"Origin": "https://127.0.0.1:{port}"}, {"Origin": "http://127.0.0.1:{port}.evil.test"},
        {"Origin": "http://127.0.0.1:1"}, {"Origin": "http://127.0.0.1:{port}/"}, {"Origin": "http://127.0.0.1:{port}, null"},
        {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
        {"Origin": "http://127.0.0.1:{port}", "Sec-Fetch-Site": "cross-site"},
    ],
)  # fmt: skip
async def test_a_page_that_is_nearly_ours_may_not(api: Any, headers: dict[str, str]) -> None:
    shown = {name: value.replace("{port}", str(api.server.port)) for name, value in headers.items()}
    for method, path in (("GET", "/v1/missions"), ("POST", "/v1/missions")):
        answer = await api.call(method, path, None if method == "GET" else {}, **shown)
        assert (answer.status, answer.body["code"]) == (403, "origin_refused"), shown


@pytest.mark.parametrize("path", ["/v1/status", "/nowhere", "/healthz", "/v1/missions/x"])
async def test_no_answer_is_kept_framed_or_sniffed(api: Any, path: str) -> None:
    headers = (await api.call("GET", path)).headers
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"].startswith("default-src 'none'")
    assert headers["Server"] == "exeat"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "::", "example.test", ""])
async def test_plain_http_off_loopback_is_refused(api: Any, host: str) -> None:
    with pytest.raises(StartError, match="loopback"):
        await AdminServer(api.server._context, host, 0).start()


async def test_a_port_in_use_is_named(api: Any) -> None:
    with pytest.raises(StartError, match=f"port {api.server.port} on 127.0.0.1 is in use"):
        await AdminServer(api.server._context, "127.0.0.1", api.server.port).start()


async def test_a_stopped_server_lets_its_port_go(api: Any) -> None:
    await api.server.stop()
    await api.server.stop()
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", api.server.port))


async def test_every_call_there_is_minds_host_and_origin(api: Any) -> None:
    """Also the open ones, and those that other parts add."""
    for route in api.routes:
        path = re.sub(r"{\w+}", "x", route.path)
        body = {} if route.changes else None
        rebound = await api.call(route.method, path, body, Host="evil.test")
        assert (rebound.status, rebound.body["code"]) == (421, "misdirected"), path
        for shown in (f"Bearer {TOKEN}", None):
            page = await api.call(route.method, path, body, Origin="https://evil.test", Authorization=shown)
            assert (page.status, page.body["code"]) == (403, "origin_refused"), path
            assert "Access-Control-Allow-Origin" not in page.headers
    assert api.world.effects == []
