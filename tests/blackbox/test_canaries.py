"""A secret in every place one can be, every path driven, every output searched: none of them turns up where it may not."""

from __future__ import annotations

import asyncio
import base64
import http.server
import json
import os
import sqlite3
import threading
from contextlib import suppress
from urllib.parse import quote

import pytest

from exeat.config.loading import load
from exeat.credentials.custody import Custody, Kept
from exeat.enforcement.answers.forms import Needles
from exeat.model.secret import Secret
from exeat.wiring.build import build
from rig.canaries import forms, in_state, search
from rig.config import SHARED_KEY, operation, service
from rig.echoing import EchoingOrigin
from rig.wire import Wire, ask, basic, tunnel
from rig.wire_h2 import H2Wire

KEYS = {
    "shared": SHARED_KEY,
    "shared in a file": "file_canary_Zq81/+Vx77==kd93Lm",
    "shared from a command": "exec_canary_5d0b2f9a7c61",
    "client secret": "client_canary_9b1c4e7d+/a2==f8",
    "exchanged token": "xt_canary_Tk55.a-b_c~7711002233",
    "foreign header": "foreign_canary_h_4f6a8b0c2d",
    "foreign query": "foreign_canary_q_11223344aa",
    "foreign cookie": "foreign_canary_c_99aabbcc00",
    "foreign body": "foreign_canary_b_5566778899",
    "cookie": "cookie_canary_0a1b2c3d4e5f6a7b",
    "link": "4c1nkcanary0f0e0d0c0b0a09080706050403020100ffeeddccbbaa9988776655",
    "unfinished": "unfinished_canary_77aa66bb55",
}
FAULT = "RIG_CANARY_FAULT"


class Server(http.server.BaseHTTPRequestHandler):
    """An authorization server that quotes what it is sent whenever it refuses."""

    mode = "ok"

    def do_POST(self):
        sent = self.rfile.read(int(self.headers["content-length"]))
        quoted = sent.decode() + str(self.headers)
        if type(self).mode == "ok":
            body, status = {"access_token": KEYS["exchanged token"], "token_type": "Bearer", "expires_in": 60,
                            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}, 200  # fmt: skip
        elif type(self).mode == "wide":
            body, status = {"access_token": KEYS["exchanged token"], "token_type": "Bearer", "expires_in": 60, "scope": quoted,
                            "issued_token_type": "urn:ietf:params:oauth:token-type:access_token"}, 200  # fmt: skip
        else:
            body, status = {"error": "invalid_client", "error_description": quoted}, 400
        data = json.dumps(body).encode() if type(self).mode != "garbage" else b"{" + quoted.encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture(scope="module")
def token_server():
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Server)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join(5)


@pytest.fixture(scope="module")
def origin(authority):
    with EchoingOrigin(authority, "*.example.test") as running:
        yield running


@pytest.fixture(scope="module")
def config(config, token_server, tmp_path_factory):
    vault = tmp_path_factory.mktemp("vault") / "key"
    vault.write_text(KEYS["shared in a file"])
    vault.chmod(0o600)
    echo = operation("GET,POST /as/{how}", "as", "read")
    config.service("example")["operation"] += [
        echo,
        operation("POST /graphql", "graphql/read", "read", reader="graphql", select="query:*"),
    ]
    config.environ["CLIENT_SECRET"] = KEYS["client secret"]
    exchange = {"kind": "oauth_exchange", "token_url": f"http://127.0.0.1:{token_server.server_port}/token", "client_id": "exeat",
                "audience": "https://exchanged.example.test", "client_secret": "env:CLIENT_SECRET", "ttl": "60s"}  # fmt: skip
    stored = {"kind": "stored_key"}
    for name, more in {
        "filed": {"shared": {"source": f"file:{vault}"}, "issuer": stored},
        "printed": {"shared": {"source": f"exec:echo {KEYS['shared from a command']}"}, "issuer": stored},
        "exchanged": {"issuer": exchange},
    }.items():
        config.allow(f"{name}.example.test")
        config.tables["service"].append(service(name, f"{name}.example.test", echo, **more))
        config.template["operations"].append(f"{name}:read")
    config.environ |= {"PYTHONASYNCIODEBUG": "1"}
    return config


HOSTS = ("api.example.test", "filed.example.test", "printed.example.test", "exchanged.example.test", "cdn.example.test")


def drive(exeat, mission, origin):
    """Every path that comes to mind; return what the agent was answered with."""
    got = []
    bearer = f"Authorization: Bearer {KEYS['foreign header']}"
    for host in HOSTS:
        for path in (
            "/as/fields",
            "/as/gzip",
            "/as/seen",
            "/as/chunks?at=9",
            "/as/unknown?coding=compress",
            "/as/cut",
            "/nowhere",
        ):
            got.append(ask(exeat, mission, "GET", path, host=host))
        raw = quote("HTTP/1.1 TOKEN\r\n\r\n", safe="")
        got.append(ask(exeat, mission, "GET", f"/as/raw?bytes={raw}&close=1", host=host))
        got.append(ask(exeat, mission, "GET", "/as/seen", bearer, host=host))
        got.append(ask(exeat, mission, "GET", f"/as/seen?access_token={KEYS['foreign query']}", host=host))
        got.append(
            ask(exeat, mission, "GET", "/as/seen", "X-Api-Key: a", f"Cookie: a={KEYS['foreign cookie']}", host=host)
        )
    for mode in ("error", "garbage", "wide", "ok"):
        Server.mode = mode
        got += [ask(exeat, exeat.open(), "GET", "/as/seen", host="exchanged.example.test")]
    got += _handed_out(exeat, mission)
    body = json.dumps({"query": f'mutation {{ a(token: "{KEYS["foreign body"]}") {{ id }} }}'}).encode()
    for kind in ("application/json", "text/plain", "application/json; charset=utf-16"):
        got.append(ask(exeat, mission, "POST", "/graphql", f"Content-Type: {kind}", bearer, body=body))
        got.append(ask(exeat, mission, "POST", "/graphql", f"Content-Type: {kind}", body=body[:-7]))
    got += _malformed(exeat, mission)
    with H2Wire(exeat, mission) as wire:
        got.append(wire.request("GET", "/as/fields", ("authorization", f"Bearer {KEYS['foreign header']}")))
        got.append(wire.request("GET", "/as/fields", ("Bad Name", KEYS["foreign header"])))
    return got


def _handed_out(exeat, mission):
    """Cookies and links."""
    line = quote(f"sid={KEYS['cookie']}; Path=/; HttpOnly", safe="")
    first = ask(exeat, mission, "GET", f"/as/login?set={line}")
    held = first.header("set-cookie").partition(";")[0]
    url = quote(f"https://cdn.example.test/as/seen?X-Amz-Signature={KEYS['link']}", safe="")
    link = ask(exeat, mission, "GET", f"/as/link?field=location&value={url}")
    path = link.header("location").removeprefix("https://cdn.example.test")
    other = exeat.open(agent="report-bot")
    return [
        first, link, ask(exeat, mission, "GET", "/as/seen", f"Cookie: {held}"),
        ask(exeat, mission, "GET", path, host="cdn.example.test"), ask(exeat, other, "GET", "/as/seen", f"Cookie: {held}"),
        ask(exeat, other, "GET", path, host="cdn.example.test"),
    ]  # fmt: skip


def _malformed(exeat, mission):
    """Heads that end nowhere, or aren't heads."""
    secret, answers = KEYS["unfinished"], []
    heads = [
        f"GET /{secret} HTP/1.1\r\nAuthorization: Bearer {secret}\r\n\r\n",
        f"get /{secret} HTTP/1.1\r\n\r\n",
        f"GET http://api.example.test/ HTTP/1.1\r\nAuthorization: Bearer {secret}\r\n",
        f"GET http://api.example.test/ HTTP/1.1\r\nA: {secret}\nB: {secret}\r\n\r\n",
        f"GET http://user:{secret}@api.example.test/ HTTP/1.1\r\nHost: api.example.test\r\n\r\n",
        f"GET http://api.example.test/ HTTP/1.1\r\nProxy-Authorization: Basic {secret}\r\n\r\n",
        f"GET http://api.example.test/ HTTP/1.1\r\nProxy-Authorization: Bearer {secret}\r\n\r\n",
        f"GET http://api.example.test/ HTTP/1.1\r\nProxy-Authorization: {basic(secret)}\r\n\r\n",
        f"CONNECT {secret}@api.example.test:443 HTTP/1.1\r\nProxy-Authorization: {basic(mission['pass'])}\r\n\r\n",
        f"CONNECT api.example.test:{secret} HTTP/1.1\r\nProxy-Authorization: {basic(mission['pass'])}\r\n\r\n",
        "GET /" + secret * 5000 + " HTTP/1.1\r\n\r\n",
        "GET / HTTP/1.1\r\n" + f"A: {secret}\r\n" * 2000 + "\r\n",
        secret,
        "\x16\x03\x01" + secret,
    ]
    for head in heads:
        with Wire(exeat) as wire:
            wire.sock.settimeout(0.3)
            wire.send(head)
            with suppress(OSError):
                answers.append(wire.sock.recv(65536))
    with Wire(exeat) as wire:  # a tunnel with something else than TLS in it
        wire.connect("api.example.test:443", mission["pass"])
        wire.sock.settimeout(0.5)
        with suppress(OSError):
            answers.append(wire.send(secret * 100).sock.recv(65536))
    with tunnel(exeat, mission) as wire:
        wire.sock.settimeout(0.5)
        wire.send(
            f"GET /as/seen?x=1 HTTP/1.1\r\nHost: api.example.test\r\nAuthorization: Bearer {secret}\r\nContent-Length: +5\r\n\r\n"
        )
        with suppress(OSError):
            answers.append(wire.sock.recv(65536))
    return answers


def told(exeat, mission):
    """What the admin API and the command line say, by name."""
    outputs = {}
    calls = ["/healthz", "/v1/status", "/v1/services", "/v1/missions", f"/v1/missions/{mission['mission']}", "/v1/audit",
             "/.well-known/jwks.json", "/metrics", "/nowhere", "/v1/decisions/none", "/v1/audit?limit=x"]  # fmt: skip
    for path in calls:
        answer = exeat.admin("GET", path)
        outputs[f"admin {path}"] = repr((answer.headers, answer.body)).encode() + json.dumps(answer.body).encode()
    for path, body in (
        ("/v1/missions", {"template": "unheard-of", "agents": ["nobody"]}),
        ("/v1/missions", b"{"),
    ):
        answer = exeat.admin("POST", path, body)
        outputs[f"admin POST {path} {len(str(body))}"] = repr((answer.headers, answer.body)).encode()
    answer = exeat.admin("GET", "/v1/status", token=KEYS["unfinished"])
    outputs["admin unauthenticated"] = repr((answer.headers, answer.body)).encode()
    denied = [record["decision_id"] for record in exeat.audit_records("decision", decision="deny")]
    verbs = [["mission", "list"], ["mission", "show", mission["mission"]], ["service", "list"], ["service", "show", "printed"], ["service", "show", "exchanged"],
             ["audit", "query"], ["audit", "tail"], ["audit", "verify"], ["config", "check"], ["doctor"], ["why", "last"],
             ["policy", "check"], ["ca", "env"], *(["why", one] for one in denied[:4])]  # fmt: skip
    for verb in verbs:
        for form in ([], ["--json"]):
            done = exeat.cli(*verb, *form, **exeat.config.environ)
            outputs[" ".join(["cli", *verb, *form])] = (done.stdout + done.stderr).encode()
    return outputs


def kept(exeat):
    """Every file of the installation that isn't itself where a secret is kept, and every row of the store."""
    outputs = {"log": exeat.log.read_bytes()}
    keys = in_state(exeat.folder / "state")
    for file in exeat.folder.rglob("*"):
        name = str(file.relative_to(exeat.folder))
        if (
            file.is_file()
            and name.removeprefix("state/") not in keys
            and name not in ("admin.token", "exeat.toml", "serve.log")
        ):
            outputs[name] = file.read_bytes()
    with sqlite3.connect(exeat.folder / "exeat.db") as base:
        outputs["store"] = "\n".join(base.iterdump()).encode()
    base.close()
    return outputs


@pytest.mark.row("M08", "H09", "H10", "H11", "H12")
def test_no_secret_turns_up_where_it_may_not(exeat, mission, origin, decoy):
    answers = drive(exeat, mission, origin)
    minted = {seen.one("authorization").split()[1] for seen in origin.requests if seen.header("authorization")}
    secrets = {name: value.encode() for name, value in KEYS.items()} | in_state(exeat.folder / "state")
    secrets |= {f"minted {number}": token.encode() for number, token in enumerate(sorted(minted))}
    secrets |= {"admin token": exeat.token().encode(), "pass": mission["pass"].encode()}
    assert len(minted) >= 4, "every kind of issuer has minted"
    assert {"ca.key", "short-pass.key", "fingerprint.key", "audit-seal.key", "audit-sign.key", "pairwise.key"} <= set(
        secrets
    )
    outputs = {f"answer {number}": repr(answer).encode() for number, answer in enumerate(answers)}
    outputs |= {f"body {number}": getattr(answer, "body", b"") for number, answer in enumerate(answers)}
    outputs |= told(exeat, mission) | kept(exeat) | {"decoy": decoy.raw()}
    # What the agent itself put where an origin reads it comes back to that agent only.
    mine = {name for name in KEYS if name.startswith("foreign")}
    allowed = {(name, where) for name in mine for where in outputs if where.startswith(("answer", "body"))}
    assert search(secrets, outputs, allowed) == []
    _at_their_own_origin(secrets, origin)


def _at_their_own_origin(secrets, origin):
    """Each request carries its own host's secret and no other's."""
    owner = {
        "shared in a file": "filed", "shared from a command": "printed", "exchanged token": "exchanged",
        "cookie": "api", "link": "cdn",
    }  # fmt: skip
    for seen in origin.requests:
        host = (seen.authority or seen.one("host")).partition(".")[0]
        everything = repr((seen.target, seen.headers)).encode()
        for name, secret in secrets.items():
            if name.startswith(("minted", "foreign")) or owner.get(name) == host or "/as/login?set=" in seen.target:
                continue
            if name == "link" and "/as/link" in seen.target:
                continue
            assert not any(form in everything for form in forms(secret)), f"{name} at {host}: {seen.target}"


@pytest.mark.row("M08")
@pytest.mark.guard("log-cover")
def test_a_fault_that_quotes_a_secret_isnt_written_down(make_exeat, authority, tmp_path):
    """Libraries quote what they choke on: here the very step that puts the token into a request."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "sitecustomize.py").write_text(
        "import exeat.enforcement.gate as gate\n"
        "def broken(request, inject, token, *rest, **more):\n"
        "    try:\n"
        "        raise KeyError(token.value.reveal())\n"
        "    except KeyError as error:\n"
        "        raise ValueError(f'can\\'t encode {token.value.reveal()!r}') from error\n"
        "gate.outgoing = broken\n"
    )
    with EchoingOrigin(authority, "*.example.test") as origin:

        def change(config):
            config.service("example")["issuer"] = {"kind": "stored_key"}

        exeat = make_exeat(origin, change=change)
        path = [str(inside), *filter(None, [exeat.config.environ.get("PYTHONPATH")])]
        exeat.start(PYTHONPATH=os.pathsep.join([*path, os.environ.get("PYTHONPATH", "")]))
        answer = ask(exeat, exeat.open(), "GET", "/v1/refunds")
        assert answer.code == "internal_error"
        assert "ValueError" in exeat.log_text(), "the log says what happened"
        assert "sitecustomize.py" in exeat.log_text(), "and where"
        assert search({"shared": SHARED_KEY.encode()}, kept(exeat)) == []
        assert origin.requests == []


@pytest.mark.parametrize(
    "spell", [bytes, lambda key: b"x" + base64.b64encode(b"ab" + key), lambda key: key.hex().encode()]
)
def test_the_search_finds_what_is_there(spell):
    assert search({"it": SHARED_KEY.encode()}, {"there": b"before" + spell(SHARED_KEY.encode()) + b"after"}) == [
        "it in there"
    ]


def test_nothing_that_runs_shows_a_secret_when_printed(make_exeat, origin):
    """What a debugger, a log line or a crash report would print of any object."""
    exeat = make_exeat(origin)
    assembly = build(load(exeat.file, {}), {"EXAMPLE_KEY": SHARED_KEY}, listen=False)
    custody = Custody(b"k" * 32, lambda: 0.0, 4096)
    custody.keep("m_1/prod/bot", Kept("cookie", "sid", Secret(KEYS["cookie"]), "x.test"))
    secrets = {"shared": SHARED_KEY.encode(), "cookie": KEYS["cookie"].encode()} | in_state(exeat.folder / "state")
    shown, seen, waiting = [], set(), [assembly, custody, Needles((Secret(SHARED_KEY),)), Secret(SHARED_KEY)]
    while waiting:
        one = waiting.pop()
        if id(one) in seen or not type(one).__module__.startswith("exeat"):
            continue
        seen.add(id(one))
        shown.append(f"{one!r} {one!s}".encode())
        names = {
            *getattr(one, "__dict__", {}),
            *(name for kind in type(one).__mro__ for name in getattr(kind, "__slots__", ())),
        }
        inner = [getattr(one, name, None) for name in names]
        waiting += [part for each in inner for part in (each.values() if isinstance(each, dict) else [each])]
    assembly.common.audit.close()
    asyncio.run(assembly.plane.close())
    assert len(shown) > 30
    assert search(secrets, {str(number): text for number, text in enumerate(shown)}) == []


WRONG = {
    "a source that is the secret": lambda config: config.service("example").update(shared={"source": KEYS["shared"]}),
    "a client secret that is one": lambda config: config.service("example").update(
        issuer={"kind": "oauth_exchange", "token_url": "https://x.test/", "client_id": "x", "audience": "y",
                "client_secret": KEYS["shared"]}),
    "an unknown key": lambda config: config.service("example").update(secret=KEYS["shared"]),
    "a table": lambda config: config.service("example").update(shared=KEYS["shared"]),
    "a command that fails": lambda config: config.service("example").update(
        shared={"source": f"exec:sh -c 'echo {KEYS['shared']}; echo {KEYS['shared']} >&2; exit 3'"}),
    "a command that says too much": lambda config: config.service("example").update(
        shared={"source": f"exec:sh -c 'echo {KEYS['shared']}; echo {KEYS['shared']}'"}),
    "a URL with a password": lambda config: config.tables["store"].update(url=f"postgresql://u:{KEYS['shared']}@h/d"),
}  # fmt: skip


@pytest.mark.row("M08")
@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_configuration_is_told_without_its_values(make_exeat, origin, wrong):
    exeat = make_exeat(origin, change=WRONG[wrong])
    secrets, outputs = {"shared": KEYS["shared"].encode()}, {}
    for verb in (["config", "check"], ["serve"], ["doctor"], ["service", "list"]):
        for form in [[], ["--json"]][: 1 if verb == ["serve"] else 2]:
            done = exeat.cli(*verb, *form, **exeat.config.environ)
            outputs[" ".join([*verb, *form])] = (done.stdout + done.stderr).encode()
    assert b"error" in outputs["config check"] + outputs["serve"]
    assert search(secrets, outputs) == []
