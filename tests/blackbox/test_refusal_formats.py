"""Refusals on the wire and in the words of real clients: each shows our text and the decision's id, or at least our code."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from urllib.parse import unquote

import orjson
import pytest

from rig.config import free_port, operation, service
from rig.proxy import clean_environment
from rig.wire import ask, tunnel
from rig.wire_h2 import H2Wire

EVIL = "evil.example.test"
DECISION = re.compile(r"d_[0-9a-f]{32}")
GIT = shutil.which("git")
WGET = shutil.which("wget")
CURL = shutil.which("curl")
NPM = shutil.which("npm")


def configure(config, origin):
    config.allow("dead.example.test", local=free_port())
    config.allow("rpc.example.test")
    config.allow("s3.example.test")
    config.tables["service"] += [
        service("rpc", "rpc.example.test", operation("GET /x", "x", "read"), refusal="jsonrpc"),
        service("store", "s3.example.test", operation("GET /x", "x", "read"), refusal="s3"),
        service(
            "tools",
            "tools.example.test",
            operation("POST /mcp", "search", "read", reader="mcp", select="tools/call:search"),
            operation("POST /mcp", "wipe", "delete", reader="mcp", select="tools/call:wipe"),
        ),
    ]
    config.allow("tools.example.test")
    config.template["operations"] += ["rpc:read", "store:read", "tools:read"]


FORMS = [
    ("api.example.test", [], "application/problem+json", b'"code":"operation_unknown"'),
    ("api.example.test", ["Accept: application/json"], "application/json", b'"message":"This operation'),
    (
        "api.example.test",
        ["User-Agent: git/2.39.5"],
        "text/plain; charset=utf-8",
        b"Exeat refused this: This operation",
    ),
    ("api.example.test", ["User-Agent: npm/10.9.0 node/v22"], "application/json", b'"error":"This operation'),
    ("api.example.test", ["X-Amz-Content-Sha256: x"], "application/xml", b"<Code>AccessDenied</Code>"),
    ("api.example.test", ["X-Amz-Target: A.B"], "application/x-amz-json-1.1", b'"__type":"AccessDeniedException"'),
    ("s3.example.test", [], "application/xml", b"<Code>AccessDenied</Code>"),
    ("rpc.example.test", [], "application/json", b'"jsonrpc":"2.0"'),
    (EVIL, ["Accept: application/json"], "application/json", b'"code":"destination_not_allowed"'),
]


@pytest.mark.parametrize(("host", "headers", "kind", "text"), FORMS)
def test_each_caller_gets_its_form_over_http1(exeat, mission, host, headers, kind, text):
    answer = ask(exeat, mission, "GET", "/nowhere", *headers, host=host)
    assert (answer.status, answer.header("content-type")) == (403, kind)
    assert text in answer.body
    decision = answer.header("exeat-decision-id")
    assert decision.encode() in answer.body
    (record,) = exeat.audit_records("decision", decision_id=decision)
    assert record["decision"] == "deny"


@pytest.mark.parametrize(("host", "headers", "kind", "text"), FORMS)
def test_each_caller_gets_its_form_over_http2(exeat, mission, host, headers, kind, text):
    fields = [tuple(line.lower().split(": ", 1)) for line in headers]
    with H2Wire(exeat, mission, host) as h2:
        answer = h2.request("GET", "/nowhere", *fields)
    assert (answer.status, answer.header("content-type")) == (403, kind)
    assert text in answer.body
    assert answer.header("exeat-decision-id").encode() in answer.body


def test_grpc_gets_a_status_in_headers_alone_and_the_connection_lives(exeat, mission, origin):
    with H2Wire(exeat, mission) as h2:
        answer = h2.request("POST", "/pkg.Service/Method", ("content-type", "application/grpc"), ("te", "trailers"))
        assert (answer.status, answer.body, answer.complete) == (200, b"", True)
        assert answer.header("grpc-status") == "7"
        assert answer.header("exeat-decision-id") in unquote(answer.header("grpc-message"))
        assert answer.header("content-length") == ""
        assert h2.request("GET", "/v1/refunds").status == 200
    assert len(origin.requests) == 1


def test_a_websocket_handshake_is_refused_in_plain_words(exeat, mission, origin):
    handshake = [
        "Upgrade: websocket",
        "Connection: Upgrade",
        "Sec-WebSocket-Version: 13",
        "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==",
    ]
    answer = ask(exeat, mission, "GET", "/socket", *handshake)  # fmt: skip
    assert answer.status == 403
    assert answer.header("content-type").startswith("text/plain")
    assert answer.header("exeat-decision-id").encode() in answer.body
    assert origin.requests == []


@pytest.mark.parametrize(
    "headers", [[], ["User-Agent: git/2.39.5"], ["X-Amz-Content-Sha256: x"], ["Content-Type: application/grpc-web"]]
)
def test_a_refused_head_leaves_the_connection_in_step(exeat, mission, origin, headers):
    with tunnel(exeat, mission) as wire:
        answer = wire.request("HEAD", "/nowhere", *headers, host="api.example.test")
        assert answer.body == b""
        assert DECISION.fullmatch(answer.header("exeat-decision-id"))
        assert wire.request("GET", "/v1/refunds", host="api.example.test").status == 200
    with H2Wire(exeat, mission) as h2:
        answer = h2.request("HEAD", "/nowhere")
        assert (answer.status, answer.body) == (403, b"")
        assert h2.request("GET", "/v1/refunds").status == 200


def test_the_reason_phrase_names_code_and_decision(exeat, mission):
    with tunnel(exeat, mission) as wire:
        wire.send("GET /nowhere HTTP/1.1\r\nHost: api.example.test\r\n\r\n")
        line = wire.sock.recv(65536).split(b"\r\n")[0]
    assert re.fullmatch(rb"HTTP/1\.1 403 Refused by Exeat: operation_unknown d_[0-9a-f]{32}", line)


@pytest.mark.parametrize(
    ("header", "status", "kind"),
    [
        ("User-Agent: git/2.39", 502, "text/plain; charset=utf-8"),
        ("X-Amz-Content-Sha256: x", 502, "application/xml"),
        ("Content-Type: application/grpc", 502, "application/problem+json"),
        ("Accept: */*", 502, "application/problem+json"),
    ],
)
def test_what_fails_after_a_permit_is_told_in_the_same_form(exeat, mission, header, status, kind):
    answer = ask(exeat, mission, "GET", "/x", header, host="dead.example.test")
    assert (answer.status, answer.header("content-type")) == (status, kind)
    (record,) = exeat.audit_records("outcome", decision_id=answer.header("exeat-decision-id"))
    assert record["code"] == "upstream_unreachable"
    told = exeat.cli("why", answer.header("exeat-decision-id")).stdout
    assert told.startswith("PERMIT")
    assert "could not be reached" in told


def _tool(number, name):
    return orjson.dumps(
        {"jsonrpc": "2.0", "id": number, "method": "tools/call", "params": {"name": name, "arguments": {}}}
    )


@pytest.mark.parametrize("http2", [False, True])
def test_an_mcp_call_that_was_read_is_answered_as_a_json_rpc_error_with_its_id(exeat, mission, origin, http2):
    body = _tool(41, "wipe")
    fields = [("content-type", "application/json"), ("accept", "application/json, text/event-stream")]
    if http2:
        with H2Wire(exeat, mission, "tools.example.test") as h2:
            number = h2.open("POST", "/mcp", *fields, end=False)
            h2.data(number, body)
            answer = h2.finish(number)
    else:
        lines = [f"{name}: {value}" for name, value in fields]
        answer = ask(exeat, mission, "POST", "/mcp", *lines, host="tools.example.test", body=body)
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    error = answer.json()["error"]
    assert answer.json()["id"] == 41
    assert error["data"]["code"] == "policy_denied"
    assert answer.header("exeat-decision-id") in error["message"]
    assert origin.requests == []


def test_a_missing_pass_stays_one_form_for_all(exeat):
    from rig.wire import Wire

    for agent in ("git/2.39", "npm/10", "x"):
        with Wire(exeat) as wire:
            answer = wire.connect("api.example.test:443", None, f"User-Agent: {agent}", "X-Amz-Date: x")
        assert (answer.status, answer.header("content-type")) == (407, "application/problem+json")


# --- real clients ---------------------------------------------------------------------------------------------


@pytest.fixture
def shown(exeat, mission, tmp_path):
    """What a command prints when it is refused, checked for the code and a decision that the audit knows."""

    def run(*command, code="operation_unknown", env=()):
        done = subprocess.run(
            command, env=clean_environment() | mission["env"] | dict(env), cwd=tmp_path, capture_output=True, text=True,
            timeout=60, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        text = done.stdout + done.stderr
        assert done.returncode != 0, text
        assert code in text, text
        assert any(exeat.audit_records("decision", decision_id=found) for found in DECISION.findall(text)), text
        return text

    return run


@pytest.mark.skipif(GIT is None, reason="no git")
@pytest.mark.parametrize("version", ["HTTP/1.1", "HTTP/2"])
def test_git_prints_the_refusal_as_remote(shown, version):
    text = shown(GIT, "-c", f"http.version={version}", "clone", "https://api.example.test/acme/site.git")
    assert "remote: Exeat refused this: This operation is not known at the service." in text


def test_pip_prints_the_reason_phrase(shown):
    shown(
        sys.executable, "-m", "pip", "--isolated", "--disable-pip-version-check", "install", "--target", "t",
        "https://api.example.test/pkg-1.0-py3-none-any.whl",
    )  # fmt: skip


@pytest.mark.skipif(WGET is None, reason="no wget")
def test_wget_prints_the_reason_phrase(shown):
    shown(WGET, "--tries=1", "https://api.example.test/file")


@pytest.mark.skipif(CURL is None, reason="no curl")
def test_curl_prints_the_body(shown):
    text = shown(CURL, "-sS", "--fail-with-body", "https://api.example.test/file")
    assert '"hint":"Use a listed operation' in text


@pytest.mark.skipif(NPM is None, reason="no npm")
def test_npm_prints_the_error_as_text(shown, tmp_path):
    home = {"HOME": str(tmp_path), "npm_config_cache": str(tmp_path / "cache"), "npm_config_fetch_retries": "0"}
    text = shown(
        NPM, "install", "--registry=https://api.example.test/", "--no-audit", "--no-fund", "left-pad",
        env={**home, "NODE_OPTIONS": "--no-warnings"},
    )  # fmt: skip
    assert "[object Object]" not in text


# --- exeat why ------------------------------------------------------------------------------------------------


def test_why_shows_the_policy_and_works_without_a_proxy(make_exeat, origin, decoy):
    exeat = make_exeat(origin, decoy)
    with exeat:
        mission = exeat.open()
        forbidden = ask(exeat, mission, "POST", "/v1/payouts", body=b"{}").header("exeat-decision-id")
        elsewhere = ask(exeat, mission, "GET", "/", host=EVIL).header("exeat-decision-id")
        told = exeat.cli("why", forbidden).stdout
        assert "site.cedar:1" in told
        assert 'forbid (principal, action == Action::"example:payouts/create", resource);' in told
        site = exeat.folder / "policies" / "site.cedar"
        site.write_text("// moved\n" + site.read_text())
        assert "changed since this decision" in exeat.cli("why", forbidden).stdout
        assert "[[destination]]" in exeat.cli("why", elsewhere).stdout
    stopped = exeat.cli("why", elsewhere)
    assert stopped.returncode == 0, stopped.stderr
    assert "destination_not_allowed" in stopped.stdout
    assert "read from the audit files" in stopped.stderr
    assert elsewhere in exeat.cli("why", "last").stdout
    assert exeat.cli("why", "d_404").returncode == 1
