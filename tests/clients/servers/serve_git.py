"""git smart HTTP: git's own http-backend as CGI behind TLS, with the LFS batch API; Basic auth as ``agent``, any password.

Objects are had with the token of the batch answer and nothing else, as at GitHub and GitLab.

Repositories: ``acme.git`` (one commit, an LFS object), ``frozen.git`` (nobody may push), ``moved.git`` (redirects away).
"""

from __future__ import annotations

import base64
import hashlib
import http.server
import json
import os
import ssl
import subprocess
import threading
from pathlib import Path
from typing import Any

from journal import Journal

LFS = b"a large file, or so the pointer says\n"
LFS_TOKEN = "lfs-object-token-3c1f88e0d4"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    root: Path
    journal: Journal

    def log_message(self, *_: Any) -> None:
        pass

    def body(self) -> bytes:
        if self.headers.get("expect", "").lower() == "100-continue" and not self._continued:
            self.send_response_only(100)
            self.end_headers()
        if self.headers.get("transfer-encoding") != "chunked":
            return self.rfile.read(int(self.headers.get("content-length") or 0))
        pieces = []
        while size := int(self.rfile.readline(), 16):
            pieces.append(self.rfile.read(size))
            self.rfile.readline()
        self.rfile.readline()
        return b"".join(pieces)

    _continued = False

    def handle_expect_100(self) -> bool:
        self._continued = True
        return super().handle_expect_100()

    def answer(self, code: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(code)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def take(self) -> None:
        data = self.body()
        path, _, query = self.path.partition("?")
        self.journal.note(self.command, self.path, self.client_address[1], self.headers.items(), len(data))
        shown = self.headers.get("authorization", "")
        if path.startswith("/lfs/"):
            self.lfs(path.rpartition("/")[2], data, shown)
            return
        user = base64.b64decode(shown.removeprefix("Basic ") or b"").partition(b":")[0]
        if user != b"agent":
            self.answer(401, WWW_Authenticate='Basic realm="git"')
        elif path.startswith("/moved.git/"):
            self.answer(307, Location=f"https://evil.example.test{self.path}")
        elif path.endswith("/info/lfs/objects/batch"):
            self.batch(json.loads(data))
        elif "/info/lfs/" in path:
            self.answer(404)
        else:
            self.backend(path, query, data)

    do_GET = do_POST = do_PUT = take  # noqa: N815 the names that http.server calls

    def lfs(self, oid: str, data: bytes, shown: str) -> None:
        file = self.root / f"lfs-{oid}"
        if shown != f"Bearer {LFS_TOKEN}":
            self.answer(403)
        elif self.command == "PUT":
            good = hashlib.sha256(data).hexdigest() == oid
            if good:
                file.write_bytes(data)
            self.answer(200 if good else 422)
        elif file.exists():
            self.answer(200, file.read_bytes())
        else:
            self.answer(404)

    def batch(self, asked: dict[str, Any]) -> None:
        objects = []
        for item in asked["objects"]:
            there = (self.root / f"lfs-{item['oid']}").exists()
            link = {"href": f"https://{self.headers['host']}/lfs/{item['oid']}", "expires_in": 300}
            link["header"] = {"Authorization": f"Bearer {LFS_TOKEN}"}
            if there == (asked["operation"] == "download"):
                objects.append({**item, "actions": {asked["operation"]: link}})
            else:
                objects.append(item if there else {**item, "error": {"code": 404, "message": "missing"}})
        answer = json.dumps({"transfer": "basic", "objects": objects}).encode()
        self.answer(200, answer, Content_Type="application/vnd.git-lfs+json")

    def backend(self, path: str, query: str, data: bytes) -> None:
        environ = {
            "GIT_PROJECT_ROOT": str(self.root), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command,
            "PATH_INFO": path, "QUERY_STRING": query, "REMOTE_USER": "agent", "PATH": os.environ["PATH"],
            "CONTENT_TYPE": self.headers.get("content-type", ""), "CONTENT_LENGTH": str(len(data)),
            "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""), "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=data, env=environ, capture_output=True)
        head, _, out = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        code = int(headers.pop("Status", "200").split()[0])
        self.answer(code, out, **{name.replace("-", "_"): value for name, value in headers.items()})


class Server(http.server.ThreadingHTTPServer):
    """TLS in each connection's own thread, so that a client that never says hello stops nobody."""

    daemon_threads = True

    def __init__(self, context: ssl.SSLContext, handler: type[Handler]) -> None:
        super().__init__(("127.0.0.1", 0), handler)
        self._context = context

    def finish_request(self, request: Any, client_address: Any) -> None:
        request.settimeout(30)
        super().finish_request(self._context.wrap_socket(request, server_side=True), client_address)

    def handle_error(self, *_: Any) -> None:
        pass  # a client that goes away is no news


def _git(*arguments: str, cwd: Path) -> None:
    subprocess.run(["git", *arguments], cwd=cwd, check=True, capture_output=True)


def make_repositories(root: Path) -> None:
    root.mkdir()
    work = root / "work"
    _git("init", "-q", "-b", "main", str(work), cwd=root)
    oid = hashlib.sha256(LFS).hexdigest()
    (root / f"lfs-{oid}").write_bytes(LFS)
    (work / "README").write_text("for agents\n")
    (work / ".gitattributes").write_text("*.bin filter=lfs diff=lfs merge=lfs -text\n")
    pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{oid}\nsize {len(LFS)}\n"
    (work / "large.bin").write_text(pointer)
    plain = ["-c", "filter.lfs.clean=cat", "-c", "filter.lfs.process=", "-c", "filter.lfs.required=false"]
    _git(*plain, "add", ".", cwd=work)
    _git(*plain, "-c", "user.name=rig", "-c", "user.email=rig@example.test", "commit", "-q", "-m", "first", cwd=work)
    for name in ("acme", "frozen", "moved"):
        _git("clone", "-q", "--bare", str(work), f"{name}.git", cwd=root)
        _git("config", "http.receivepack", "true", cwd=root / f"{name}.git")


def start(context: ssl.SSLContext, root: Path, journal: Journal) -> int:
    make_repositories(root)
    handler = type("Bound", (Handler,), {"root": root, "journal": journal})
    server = Server(context, handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    port: int = server.server_address[1]
    return port
