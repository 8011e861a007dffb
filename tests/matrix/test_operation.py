"""What is written down, files, settings and the environment as targets. The rest of section M; limits and floods are elsewhere."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

import pytest

from rig.matrix import seen
from rig.proxy import Exeat
from rig.wire import Wire, ask, basic, denied, tunnel


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
