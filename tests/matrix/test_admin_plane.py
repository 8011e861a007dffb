"""The admin plane as a target: through the proxy, without its token, from a page, with ids that are programs. Rows M01 to M05."""

from __future__ import annotations

import json
import socket

import pytest

from rig.matrix import seen
from rig.wire import Wire, basic, refused

OPEN = {"template": "refunds", "agents": ["invoice-bot"]}


@pytest.fixture(scope="module")
def config(config, world):
    world.install(config)
    return config


def missions(exeat):
    """What there is, to compare."""
    return exeat.admin("GET", "/v1/missions?limit=100").ok()


def raw_admin(exeat, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Bytes to the admin port; the status and all that came back."""
    with socket.create_connection(("127.0.0.1", exeat.admin_port), 5) as sock:
        sock.sendall(head.encode("latin-1") + body)
        sock.shutdown(socket.SHUT_WR)
        answer = b""
        while data := sock.recv(65536):
            answer += data
    return int(answer.split()[1]) if answer else 0, answer


@pytest.mark.row("M01")
@pytest.mark.parametrize(
    "host",
    [
        "127.0.0.1",
        "localhost",
        "[::1]",
        "0.0.0.0",
        "[::]",
        "127.8.9.1",
        "[::ffff:127.0.0.1]",
        "2130706433",
        "127.1",
        "0x7f.1",
        "LOCALHOST",
        "localhost.",
        "x.localhost",
    ],
)
def test_the_admin_port_through_the_proxy(exeat, mission, nowhere, host):
    target = f"{host}:{exeat.admin_port}"
    with Wire(exeat) as wire:
        answer = wire.connect(target, mission["pass"])
        assert answer.status in {400, 403}
        nowhere(answer)
    for path in ("/healthz", "/v1/missions"):
        with Wire(exeat) as wire:
            lines = (f"Proxy-Authorization: {basic(mission['pass'])}", f"X-Admin: {exeat.token()}")
            nowhere(wire.request("GET", f"http://{target}{path}", *lines, host=target))


@pytest.mark.row("M02")
@pytest.mark.parametrize("shown", [
    None, "", "Bearer", "Bearer ", "Bearer  ", "Bearer admin", "Bearer null", "Bearer undefined", "Bearer changeme", "Basic YWRtaW46YWRtaW4=", "Basic Og==", "Token {token}",
    "{token}", "Bearer {token}x", "Bearer {short}", "bearer {upper}", "Bearer {token} {token}", "Bearer, {token}", "Bearer *", "Bearer %", 'Bearer "{token}"', "Bearer {token}\x00",
])  # fmt: skip
def test_the_admin_api_without_its_token(exeat, shown):
    token = exeat.token()
    text = None if shown is None else shown.format(token=token, short=token[:-1], upper=token.swapcase())
    for head in ("GET /v1/missions", "GET /v1/audit", "POST /v1/missions", "GET /metrics", "GET /v1/status"):
        fields = "" if text is None else f"Authorization: {text}\r\n"
        status, answer = raw_admin(
            exeat, f"{head} HTTP/1.1\r\nHost: 127.0.0.1:{exeat.admin_port}\r\n{fields}Connection: close\r\n\r\n"
        )
        assert status in {400, 401}, answer
        assert token.encode() not in answer or "\x00" in fields  # what can't be parsed is quoted to whoever sent it
        seen(str(status))


@pytest.mark.row("M02", "M11")
def test_no_two_installations_share_a_secret(exeat, make_exeat, origin):
    """Nothing is shipped: token, authority and keys are made at the first start, at random."""
    other = make_exeat(origin).start()
    assert other.token() != exeat.token()
    assert len(other.token()) >= 32
    for file in (exeat.folder / "state").rglob("*"):
        twin = other.folder / file.relative_to(exeat.folder)
        if file.is_file() and twin.is_file() and file.suffix in {".pem", ".key"} and "bundle" not in file.name:
            assert file.read_bytes() != twin.read_bytes(), file.name
    token = exeat.token()
    assert other.admin("GET", "/v1/missions", token=token).status == 401
    mine = exeat.open()
    with Wire(other) as wire:
        refused(wire.connect("api.example.test:443", mine["pass"]), "identity_invalid", status=407)
    other.stop()


@pytest.mark.row("M02")
@pytest.mark.parametrize("content", ["", "changeme\n", "a b" * 20])
def test_a_weak_token_stops_the_start(make_exeat, origin, content):
    exeat = make_exeat(origin)
    file = exeat.folder / "admin.token"
    file.write_text(content)
    file.chmod(0o600)
    assert exeat.spawn().wait(60) == 2, exeat.log_text()
    assert "admin.token" in exeat.log_text()
    assert not content.strip() or content not in exeat.log_text()
    seen("exit 2")


@pytest.mark.row("M03")
@pytest.mark.parametrize("fields", [
    {"Origin": "https://evil.test"}, {"Origin": "null"}, {"Origin": ""}, {"Origin": "http://127.0.0.1"}, {"Origin": "http://localhost:{port}"},
    {"Origin": "https://evil.test", "Content-Type": "text/plain"}, {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
    {"Content-Type": "multipart/form-data; boundary=x"}, {"Content-Type": ""}, {"Content-Type": "text/plain; application/json"},
])  # fmt: skip
def test_a_page_in_a_browser_opens_no_mission(exeat, fields):
    """Even with the token, which no page has."""
    before = missions(exeat)
    headers = {name: value.format(port=exeat.admin_port) for name, value in fields.items()}
    answer = exeat.admin("POST", "/v1/missions", json.dumps(OPEN).encode(), headers=headers)
    assert answer.status in {400, 403, 415, 422}, answer
    assert "access-control-allow-origin" not in answer.headers
    assert missions(exeat) == before
    seen(str(answer.status))


@pytest.mark.row("M03")
def test_a_page_gets_no_leave_beforehand(exeat):
    """The question a browser asks before it sends what isn't simple."""
    asked = {
        "Origin": "https://evil.test",
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "authorization",
    }
    answer = exeat.admin("OPTIONS", "/v1/missions", headers=asked)
    assert answer.status == 403
    assert not [name for name in answer.headers if name.startswith("access-control-")]
    seen("403")


@pytest.mark.row("M04")
@pytest.mark.parametrize("host", ["evil.test", "evil.test:{port}", "localhost.evil.test:{port}", "127.0.0.1.evil.test:{port}", "127.0.0.1:1", "127.0.0.1", "[::1]:{port}", "0.0.0.0:{port}",
                                  "127.1:{port}", "localhost:{port}.evil.test", "evil.test@localhost:{port}", "localhost:{port}, evil.test", "", " "])  # fmt: skip
def test_the_admin_api_under_a_strange_name(exeat, host):
    """A page whose own host name has been pointed at this machine is of that origin, and says so."""
    name = host.format(port=exeat.admin_port)
    for path in ("/v1/missions", "/healthz", f"http://{name or 'evil.test'}/healthz"):
        head = (
            f"GET {path} HTTP/1.1\r\nHost: {name}\r\nAuthorization: Bearer {exeat.token()}\r\nConnection: close\r\n\r\n"
        )
        status, answer = raw_admin(exeat, head)
        assert status in {400, 403, 421}, answer
        assert b"missions" not in answer.partition(b"\r\n\r\n")[2].replace(b"/v1/missions", b"")
        seen(str(status))
    two = f"GET /healthz HTTP/1.1\r\nHost: 127.0.0.1:{exeat.admin_port}\r\nHost: evil.test\r\nConnection: close\r\n\r\n"
    assert raw_admin(exeat, two)[0] in {400, 421}


# --- M05 -----------------------------------------------------------------------------------------------------------

INJECTIONS = [
    "' OR 1=1 --", "'; DROP TABLE missions; --", '" OR ""="', "1) UNION SELECT 1,2,3 --", "%", "_", "m_%", "*", "{{7*7}}", "${7*7}", "#{7*7}", "<%= 7 %>", "%n%n", "%s%s%s", "{0.__class__}",
    "../../etc/passwd", "..%2f..%2fetc%2fpasswd", "%00", "\\..\\", "file:///etc/passwd", "$ne", '{"$gt": ""}', "[$ne]=1", "__proto__", "constructor", "`id`", "$(id)", "| id", "\r\nX: y", "a" * 5000,
]  # fmt: skip


@pytest.mark.row("M05")
@pytest.mark.parametrize("text", INJECTIONS, ids=lambda text: ascii(text)[:30])
def test_an_id_that_is_a_program(exeat, mission, text):
    """In paths, in parameters, in the fields of a body."""
    before = missions(exeat)
    path = "".join(f"%{byte:02X}" for byte in text.encode())
    for method, target, body in (
        ("GET", f"/v1/missions/{path}", None), ("POST", f"/v1/missions/{path}/revoke", {}), ("GET", f"/v1/decisions/{path}", None), ("GET", f"/v1/missions?before={path}", None),
        ("GET", f"/v1/missions?limit={path}", None), ("GET", f"/v1/audit?mission={path}", None), ("GET", f"/v1/audit?kind={path}", None),
        ("POST", "/v1/missions", {"template": text, "agents": ["invoice-bot"]}), ("POST", "/v1/missions", {"template": "refunds", "agents": [text]}),
        ("POST", "/v1/missions", OPEN | {"operations": [text]}), ("POST", "/v1/missions", OPEN | {"destinations": [text]}), ("POST", "/v1/missions", OPEN | {"ttl": text}),
        ("POST", "/v1/missions", {text: 1} | OPEN), ("POST", f"/v1/missions/{mission['mission']}/extend", {"ttl": text}),
    ):  # fmt: skip
        answer = exeat.admin(method, target, body)
        assert 400 <= answer.status < 500 or (answer.status == 200 and "/v1/audit" in target), (target, answer)
        assert answer.status != 200 or not any(
            record.get("decision_id") for record in answer.body.get("records", [])
        ), "a filter that lets everything through"
        assert "49" not in str(answer.body.get("detail", "")) if isinstance(answer.body, dict) else True
        seen(str(answer.status))
    assert missions(exeat) == before
    assert exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] == "open"
