"""The admin plane, the audit and the process itself as targets. Section M; limits and floods are elsewhere."""

from __future__ import annotations

import json
import os
import re
import socket
from pathlib import Path

import pytest

from rig.matrix import seen
from rig.proxy import Exeat
from rig.wire import Wire, ask, basic, denied, refused, tunnel

OPEN = {"template": "refunds", "agents": ["invoice-bot"]}


@pytest.fixture(scope="module")
def config(config, world, decoy, tmp_path_factory):
    """Everything in the environment of `serve` that would lead another program's traffic, or code, astray."""
    world.install(config)
    home = tmp_path_factory.mktemp("home")
    (home / ".mitmproxy").mkdir()
    touch = f"import pathlib; pathlib.Path({str(home / 'ran')!r}).touch()\n"
    (home / "addon.py").write_text(touch)
    (home / ".mitmproxy" / "config.yaml").write_text(
        f"scripts: [{home / 'addon.py'}]\nssl_insecure: true\nignore_hosts: ['.*']\n"
    )
    there = f"http://127.0.0.1:{decoy.plain_port}"
    config.environ |= {
        "HOME": str(home), "HTTPS_PROXY": there, "https_proxy": there, "HTTP_PROXY": there, "http_proxy": there, "ALL_PROXY": there, "all_proxy": there,
        "NO_PROXY": "", "MITMPROXY_OPTIONS": "ssl_insecure=true", "PYTHONSTARTUP": str(home / "addon.py"), "PYTHONHTTPSVERIFY": "0", "CURL_CA_BUNDLE": "",
        "NODE_TLS_REJECT_UNAUTHORIZED": "0", "REQUESTS_CA_BUNDLE": "",
    }  # fmt: skip
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


# --- M01, M02 ------------------------------------------------------------------------------------------------------


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


# --- M03, M04 ------------------------------------------------------------------------------------------------------


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


# --- M07 -----------------------------------------------------------------------------------------------------------

ODD = [
    "\r\nFORGED 200 OK",
    "\x1b[2J\x1b]0;owned\x07",
    "\u2028FORGED",
    "\u202eevil",
    "\x00",
    '","decision":"permit","x":"',
    "\x9b31m",
    "a" * (1 << 20),
]


@pytest.mark.row("M07")
@pytest.mark.parametrize("odd", ODD, ids=lambda text: ascii(text)[:24])
def test_what_an_agent_writes_makes_no_lines_of_its_own(exeat, mission, odd):
    """In the target, in a field, as the user of the pass, as a pass; read back from the log, the audit and the terminal."""
    text = odd.encode().decode("latin-1")
    escaped = "".join(f"%{byte:02X}" for byte in odd[:2000].encode())
    before = len(exeat.log_text())
    for head in (
        f"GET /v1/refunds/{text} HTTP/1.1\r\nHost: api.example.test\r\n\r\n", f"GET /v1/refunds/{escaped} HTTP/1.1\r\nHost: api.example.test\r\n\r\n",
        f"GET /v1/refunds HTTP/1.1\r\nHost: {text}\r\n\r\n", f"GET /v1/refunds HTTP/1.1\r\nHost: api.example.test\r\nUser-Agent: {text}\r\n\r\n", f"{text} / HTTP/1.1\r\n\r\n",
    ):  # fmt: skip
        with tunnel(exeat, mission) as wire:
            wire.send(head).response()
    for head in (f"CONNECT {text}:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {basic(mission['pass'])}\r\n\r\n", f"CONNECT api.example.test:443 HTTP/1.1\r\nProxy-Authorization: Bearer {text}\r\n\r\n",
                 f"CONNECT api.example.test:443 HTTP/1.1\r\nHost: x\r\nProxy-Authorization: {basic(text)}\r\n\r\n"):  # fmt: skip
        with Wire(exeat) as wire:
            denied(wire.send(head).response("CONNECT"))
    written = exeat.log_text()[before:]
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]|^FORGED", written, re.MULTILINE), written[-2000:]
    for file in (exeat.folder / "audit").rglob("*.jsonl"):
        for line in file.read_bytes().splitlines():
            record = json.loads(line)  # noqa: TID251
            assert len(line) < 20_000
            assert not re.search(rb"[\x00-\x1f\x7f]", line)
            assert record.get("decision") in {None, "permit", "deny"}
    told = exeat.cli("audit", "tail", "-n", "40").stdout
    assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u202e]|^FORGED", told, re.MULTILINE), ascii(told[-2000:])


# --- M11, M12, M17 -------------------------------------------------------------------------------------------------


KEYS = [
    "state/ca.key",
    "state/fingerprint.key",
    "state/audit-sign.key",
    "state/audit-seal.key",
    "state/pairwise.key",
    "admin.token",
    "exeat.db",
]
REACHED = [*[(name, "others") for name in KEYS], *[(KEYS[0], how) for how in ("group", "writable", "owner")]]


@pytest.mark.row("M11")
@pytest.mark.parametrize(("name", "how"), REACHED)
def test_a_key_that_somebody_else_can_reach_stops_the_start(stopped, name, how):
    if how == "owner" and os.geteuid() != 0:
        pytest.skip("needs root: another owner")
    file = stopped.folder / name
    if name == "state/ca.key":
        file = next(
            each
            for each in (stopped.folder / "state").rglob("*")
            if each.is_file() and b"PRIVATE KEY" in each.read_bytes() and "ca" in each.name
        )
    before = file.stat()
    try:
        if how == "owner":
            os.chown(file, 4321, 4321)
        else:
            file.chmod({"group": 0o640, "others": 0o604, "writable": 0o602}[how])
        process = stopped.spawn()
        try:
            assert process.wait(60) == 2, f"{file} was accepted"
        finally:
            process.kill()
        assert file.name in stopped.log_text()
    finally:
        os.chown(file, before.st_uid, before.st_gid)
        file.chmod(before.st_mode & 0o777)
    seen("exit 2")


@pytest.fixture(scope="module")
def stopped(tmp_path_factory, origin, authority):
    """An installation that has run once."""
    from rig.config import Config

    made = Exeat(tmp_path_factory.mktemp("stopped"), Config(origin, authority.file))
    made.start()
    made.stop()
    yield made
    made.kill()


@pytest.mark.row("M11")
def test_a_folder_of_keys_that_others_can_write_stops_the_start(stopped):
    folder = stopped.folder / "state"
    folder.chmod(0o777)
    process = stopped.spawn()
    try:
        assert process.wait(60) == 2
    finally:
        process.kill()
        folder.chmod(0o700)
    seen("exit 2")


@pytest.mark.row("M12", "W13")
@pytest.mark.parametrize(("table", "key", "value"), [
    ("proxy", "scripts", ["evil.py"]), ("proxy", "addons", ["evil.py"]), ("proxy", "script", "evil.py"), ("proxy", "mitmproxy", {"ignore_hosts": [".*"]}), ("proxy", "ignore_hosts", [".*"]),
    ("proxy", "allow_hosts", [".*"]), ("proxy", "tcp_hosts", [".*"]), ("proxy", "passthrough", ["*"]), ("proxy", "upstream_proxy", "http://127.0.0.1:1"), ("proxy", "mode", "upstream"),
    ("upstream", "insecure", True), ("upstream", "ssl_insecure", True), ("upstream", "verify", False), ("upstream", "proxy", "http://127.0.0.1:1"), ("admin", "token", "changeme"),
    ("policy", "python", "evil.py"), ("audit", "command", "sh"), ("plugins", "path", "."), ("include", "file", "other.toml"),
])  # fmt: skip
def test_a_setting_that_would_open_a_way_is_no_setting(make_exeat, origin, table, key, value):
    exeat = make_exeat(origin, change=lambda config: config.tables.setdefault(table, {}).update({key: value}))
    checked = exeat.cli("config", "check")
    assert checked.returncode == 2
    assert re.search(r"exeat\.toml:\d+", checked.stdout + checked.stderr)
    seen("exit 2")


@pytest.mark.row("M12")
def test_nothing_of_the_engine_below_is_read_from_a_home_folder(exeat, mission):
    """Its own configuration file would load scripts and switch verification off."""
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    home = Path(exeat.config.environ["HOME"])
    assert not (home / "ran").exists()
    assert sorted(file.name for file in (home / ".mitmproxy").iterdir()) == ["config.yaml"]


@pytest.mark.row("M12")
@pytest.mark.parametrize("name", ["EXEAT_PROXY__SCRIPTS", "EXEAT_UPSTREAM__INSECURE", "EXEAT_PROXY__IGNORE_HOSTS"])
def test_an_environment_variable_makes_no_setting_that_is_none(make_exeat, origin, name):
    exeat = make_exeat(origin)
    assert exeat.spawn(**{name: "x"}).wait(60) == 2
    assert name in exeat.log_text()
    seen("exit 2")


@pytest.mark.row("M17")
def test_proxy_settings_of_the_environment_are_not_honoured(exeat, mission, origin, decoy, world):
    """Every variable that another program reads points at the decoy: requests go straight to where they were permitted."""
    before = len(world.dials())
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        assert wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test").status == 200
    connects = [line for line in world.dials()[before:] if line.startswith("connect")]
    assert connects == [f"connect ('127.0.0.1', {origin.port})", f"connect ('127.0.0.1', {origin.plain_port})"]
    assert decoy.connections == []


# --- M16, M18 ------------------------------------------------------------------------------------------------------


@pytest.mark.row("M18")
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/healthz",
        "/metrics",
        "/debug/pprof",
        "/debug/vars",
        "/v1/missions",
        "/v1/status",
        "/.well-known/jwks.json",
        "/server-status",
        "/admin",
        "/ready",
        "/__exeat",
        "*",
    ],
)
def test_the_agents_port_has_no_pages(exeat, mission, nowhere, path):
    """With a pass or without, by path or by a whole URL."""
    here = f"127.0.0.1:{exeat.port}"
    for lines in ((), (f"Proxy-Authorization: {basic(mission['pass'])}",), (f"Authorization: Bearer {exeat.token()}",)):
        for target in (path, f"http://{here}{path}") if path.startswith("/") else (path,):
            with Wire(exeat) as wire:
                nowhere(wire.request("GET", target, *lines, host=here))


@pytest.mark.row("M18")
def test_open_pages_of_the_admin_port_hold_no_secret(exeat, mission):
    """Those that need no token, and the ones that do."""
    state = [file.read_bytes() for file in (exeat.folder / "state").rglob("*.key")]
    for path in ("/healthz", "/.well-known/jwks.json", "/v1/status", "/v1/services", "/metrics"):
        for token in (None, ""):
            answer = exeat.admin("GET", path, token=token)
            text = json.dumps(answer.body).encode()
            for secret in (exeat.token().encode(), mission["pass"].encode(), b"PRIVATE", b'"d":', *state):
                assert secret not in text, path
    assert exeat.admin("GET", "/v1/status", token=None).status == 401
