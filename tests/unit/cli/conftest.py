"""A configured folder, a stub of the admin API, and the command line called as a function."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import orjson
import pytest

from exeat.cli.main import main

OPENED = {
    "mission": "m_01ABC",
    "agent": "spiffe://exeat.internal/env/prod/agent/invoice-bot",
    "expires_at": "2099-01-01T00:00:00Z",
    "pass": "PASS-SENTINEL",
    "proxy_url": "http://mission:PASS-SENTINEL@127.0.0.1:8080",
    "ca_file": "/state/ca.pem",
    "placeholders": {"example": "exeat-ph-example"},
    "env": {
        "HTTPS_PROXY": "http://mission:PASS-SENTINEL@127.0.0.1:8080",
        "SSL_CERT_FILE": "/state/ca-bundle.pem",
        "NODE_EXTRA_CA_CERTS": "/state/ca.pem",
        "EXAMPLE_KEY": "exeat-ph-example",
        "EXEAT_MISSION": "m_01ABC",
    },
}
TOKEN = "TOKEN-SENTINEL"


class Stub:
    """Answers what it was told to and remembers what it was asked."""

    def __init__(self):
        self.answers = {
            ("POST", "/v1/missions"): (201, OPENED),
            ("POST", "/v1/missions/m_01ABC/close"): (200, {"state": "closed"}),
        }
        self.asked = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            def answer(self):
                length = int(self.headers.get("Content-Length", 0))
                body = orjson.loads(self.rfile.read(length)) if length else None
                stub.asked.append((self.command, self.path, body, self.headers.get("Authorization")))
                status, data = stub.answers.get(
                    (self.command, self.path), (404, {"detail": "no such thing", "hint": "look"})
                )
                content = data if isinstance(data, bytes) else json.dumps(data).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = answer  # noqa: N815

            def log_message(self, *_):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.port = self.server.server_address[1]
        self.thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self.thread.start()

    def stop(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join(5)


@pytest.fixture
def stub():
    stub = Stub()
    yield stub
    stub.stop()


@pytest.fixture
def folder(tmp_path, monkeypatch) -> Path:
    """A working folder with a small configuration and no proxy running."""
    monkeypatch.chdir(tmp_path)
    for variable in ("EXEAT_CONFIG", "NO_COLOR", "FORCE_COLOR", "EXEAT_DEBUG"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "exeat.toml").write_text(
        '[admin]\nlisten = "http://127.0.0.1:1"\n'
        '[[destination]]\nhost = "api.example.test"\nowner = "x"\nreason = "x"\nexpires = 2099-01-01\n'
        '[[agent]]\nname = "invoice-bot"\nenvironment = "prod"\n'
        '[[service]]\nname = "example"\nhosts = ["api.example.test"]\nshared = { source = "env:EXAMPLE_KEY" }\n'
        'credential = { in = "header", scheme = "Bearer" }\n'
        '[[service.operation]]\nmatch = "POST /v1/refunds"\naction = "refunds/create"\ngroup = "write"\n'
        '[[mission_template]]\nname = "refunds"\ndestinations = ["api.example.test:443"]\noperations = ["example:write"]\n'
    )
    return tmp_path


@pytest.fixture
def site(folder, stub) -> Path:
    """The same folder with the stub as its running proxy."""
    file = folder / "exeat.toml"
    file.write_text(file.read_text().replace("127.0.0.1:1", f"127.0.0.1:{stub.port}"))
    token = folder / "admin.token"
    token.write_text(TOKEN + "\n")
    token.chmod(0o600)
    return folder


@pytest.fixture
def exeat(capfd):
    """Run a command line: (exit code, stdout, stderr)."""

    def run(*arguments):
        capfd.readouterr()
        code = main([str(argument) for argument in arguments])
        out, err = capfd.readouterr()
        return code, out, err

    return run
