"""A GitHub of our own, its HTTP part: app routes, a dozen REST routes, and git over HTTPS, each behind its permission.

Two doors: ``url`` in the clear on loopback, where the issuer asks for tokens, and TLS on ``tls_port`` as ``api.github.com``
and ``github.com``, where agents come through the proxy. What a token doesn't open is 404 (the repository) or 403 (the
permission, named in ``X-Accepted-GitHub-Permissions``), as GitHub says it.
"""

from __future__ import annotations

import base64
import http.server
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import orjson

from rig.certs import Authority
from servers.github_app.grants import GitHubError, Grants, Installation, Token

REPO = r"/repos/(?P<owner>[^/]+)/(?P<repo>[^/]+)"
HOSTS = ("api.github.com", "github.com", "uploads.github.com")


@dataclass(frozen=True)
class Seen:
    """One request of an agent: what it was, and the token it showed."""

    method: str
    path: str
    token: str
    status: int


def _repository(url: str, at: dict[str, str]) -> dict[str, Any]:
    name = f"{at['owner']}/{at['repo']}"
    return {"id": 1, "name": at["repo"], "full_name": name, "private": True, "url": url, "default_branch": "main"}


def _issue(url: str, number: int, title: str) -> dict[str, Any]:
    return {"id": number, "number": number, "title": title, "state": "open", "url": f"{url}/issues/{number}"}


ROUTES: list[tuple[str, str, str, str, Callable[[str, dict[str, str], dict[str, Any]], Any]]] = [
    ("GET", REPO, "metadata", "read", lambda url, at, _: _repository(url, at)),
    ("DELETE", REPO, "administration", "write", lambda *_: None),
    ("GET", REPO + r"/issues", "issues", "read", lambda url, _, __: [_issue(url, 1, "first")]),
    ("POST", REPO + r"/issues", "issues", "write", lambda url, _, body: _issue(url, 2, body.get("title", ""))),
    ("GET", REPO + r"/issues/(?P<n>\d+)", "issues", "read", lambda url, at, _: _issue(url, int(at["n"]), "first")),
    ("GET", REPO + r"/pulls", "pull_requests", "read", lambda *_: []),
    ("POST", REPO + r"/pulls", "pull_requests", "write", lambda *_: {"number": 3}),
    ("PUT", REPO + r"/pulls/\d+/merge", "contents", "write", lambda *_: {"merged": True}),
    ("GET", REPO + r"/contents/(?P<path>.+)", "contents", "read", lambda *_: {"type": "file", "content": "aGk="}),
    ("PUT", REPO + r"/contents/(?P<path>.+)", "contents", "write", lambda *_: {"content": None}),
    ("GET", REPO + r"/actions/secrets", "secrets", "read", lambda *_: {"total_count": 0, "secrets": []}),
    ("POST", REPO + r"/statuses/\w+", "statuses", "write", lambda *_: {"state": "success"}),
    ("GET", r"/orgs/(?P<owner>[^/]+)/members", "members", "read", lambda *_: []),
]
"""Method, path, permission, level, answer."""


class GitHub:
    """Both doors, one state. ``slow`` delays every grant by seconds, ``down`` answers 503 to all that the issuer asks."""

    def __init__(self, authority: Authority, folder: Path) -> None:
        everything = {"metadata": "read", "administration": "write", "secrets": "write", "members": "read"}
        everything |= dict.fromkeys(("contents", "issues", "pull_requests", "statuses"), "write")
        self.grants = Grants(
            [
                Installation(7001, "acme", ("site", "secrets"), everything),
                Installation(7002, "other", ("site",), {"metadata": "read", "issues": "read"}),
            ]
        )
        self.folder = folder
        self.seen: list[Seen] = []
        self.asked: list[tuple[str, str, dict[str, Any]]] = []
        self.slow, self.down = 0.0, False
        self._doors = [http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler(door)) for door in (True, False)]
        self._doors[1].socket = authority.server(*HOSTS, alpn=("http/1.1",)).wrap_socket(
            self._doors[1].socket, server_side=True, do_handshake_on_connect=False
        )
        self.url = f"http://127.0.0.1:{self._doors[0].server_address[1]}"
        self.tls_port: int = self._doors[1].server_address[1]

    def _handler(self, issuing: bool) -> type[_Handler]:
        return type("Bound", (_Handler,), {"github": self, "issuing": issuing})

    def __enter__(self) -> Self:
        for door in self._doors:
            door.daemon_threads = True
            threading.Thread(target=door.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        for door in self._doors:
            door.shutdown()
            door.server_close()

    def clear(self) -> None:
        """As at the start; tokens stay known."""
        self.seen.clear()
        self.asked.clear()
        self.slow, self.down, self.grants.lie, self.grants.life = 0.0, False, "", 3600.0

    def issue(self, method: str, path: str, shown: str, asked: dict[str, Any]) -> tuple[int, Any]:
        """What an app asks about itself."""
        if path == "/installation/token" and method == "DELETE":
            self.grants.find(shown).revoked = True
            return 204, None
        self.grants.app(shown)
        self.asked.append((method, path, asked))
        if found := re.fullmatch(r"/app/installations/(\d+)/access_tokens", path):
            return 201, self.grants.mint(int(found[1]), asked)
        if found := re.fullmatch(r"/(?:users|orgs|repos)/([^/]+)(?:/([^/]+))?/installation", path):
            home = self.grants.installation_of(found[1], found[2] or "")
            return 200, {"id": home.id, "account": {"login": home.owner}}
        raise GitHubError(404, "Not Found")

    def use(self, method: str, path: str, token: Token, body: dict[str, Any]) -> tuple[int, Any]:
        """What an agent does with a token."""
        for wanted, pattern, permission, level, answer in ROUTES:
            found = re.fullmatch(pattern, path)
            if found is None or wanted != method:
                continue
            at = found.groupdict()
            if "repo" in at and not token.opens(at["owner"], at["repo"]):
                raise GitHubError(404, "Not Found")
            if "repo" not in at and at["owner"].lower() != token.installation.owner.lower():
                raise GitHubError(404, "Not Found")
            needs_permission(token, permission, level)
            url = "https://api.github.com" + "/".join(path.split("/")[:4])
            said = answer(url, at, body)
            return (201 if method == "POST" else 204 if said is None else 200), said
        raise GitHubError(404, "Not Found")


def needs_permission(token: Token, permission: str, level: str) -> None:
    """Raise as GitHub does when a token doesn't hold it."""
    if not token.allows(permission, level):
        headers = {"X-Accepted-GitHub-Permissions": f"{permission}={level}"}
        raise GitHubError(403, "Resource not accessible by integration", **headers)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 20
    github: GitHub
    issuing: bool

    def log_message(self, *_: Any) -> None:
        pass

    def take(self) -> None:
        data = self.rfile.read(int(self.headers.get("content-length") or 0))
        path, _, query = self.path.partition("?")
        try:
            if self.issuing:
                time.sleep(self.github.slow)
                if self.github.down:
                    raise GitHubError(503, "down", **{"Retry-After": "1"})
                status, said = self.github.issue(self.command, path, self.shown(), orjson.loads(data or b"{}"))
            elif self.headers.get("host", "").startswith("github.com"):
                return self.git(path, query, data)
            else:
                token = self.github.grants.find(self.shown())
                status, said = self.github.use(self.command, path, token, orjson.loads(data or b"{}"))
            headers = {"X-GitHub-Api-Version-Selected": "2022-11-28"}
        except GitHubError as error:
            status, said, headers = error.status, {"message": error.message}, error.headers
        text = b"" if said is None else orjson.dumps(said)
        return self.answer(status, text, {"Content-Type": "application/json; charset=utf-8", **headers})

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = take  # noqa: N815 the names that http.server calls

    def shown(self) -> str:
        """The token of any form that GitHub takes."""
        scheme, _, value = self.headers.get("authorization", "").partition(" ")
        if scheme.lower() == "basic":
            user, _, value = base64.b64decode(value).decode().partition(":")
            return value if user == "x-access-token" else ""
        return value if scheme.lower() in ("bearer", "token") else ""

    def answer(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        if not self.issuing:
            self.github.seen.append(Seen(self.command, self.path, self.shown(), status))
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def git(self, path: str, query: str, data: bytes) -> None:
        """Smart HTTP by git's own http-backend: fetching needs contents, pushing needs to write them."""
        found = re.fullmatch(r"/([^/]+)/([^/]+?)(?:\.git)?(/.*)", path)
        try:
            if found is None:
                raise GitHubError(404, "Not Found")
            token = self.github.grants.find(self.shown())
            if not token.opens(found[1], found[2]):
                raise GitHubError(404, "Not Found")
            pushing = "git-receive-pack" in path or "git-receive-pack" in query
            needs_permission(token, "contents", "write" if pushing else "read")
        except GitHubError as error:
            more = {"WWW-Authenticate": 'Basic realm="GitHub"'} if error.status == 401 else {}
            return self.answer(error.status, error.message.encode(), {"Content-Type": "text/plain", **more})
        environ = {
            "GIT_PROJECT_ROOT": str(self.github.folder), "GIT_HTTP_EXPORT_ALL": "1", "REQUEST_METHOD": self.command,
            "PATH_INFO": f"/{found[1]}/{found[2]}.git{found[3]}", "QUERY_STRING": query, "REMOTE_USER": "app",
            "PATH": os.environ["PATH"], "CONTENT_TYPE": self.headers.get("content-type", ""),
            "CONTENT_LENGTH": str(len(data)), "HTTP_CONTENT_ENCODING": self.headers.get("content-encoding", ""),
            "GIT_PROTOCOL": self.headers.get("git-protocol", ""), "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }  # fmt: skip
        done = subprocess.run(["git", "http-backend"], input=data, env=environ, capture_output=True, timeout=20)
        head, _, out = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().split("\r\n") if line)
        return self.answer(int(headers.pop("Status", "200").split()[0]), out, headers)


def make_repository(folder: Path, owner: str, name: str) -> None:
    """A bare repository with one commit, below ``folder``."""
    work, bare = folder / "work", folder / owner / f"{name}.git"
    bare.parent.mkdir(parents=True, exist_ok=True)
    who = ["-c", "user.name=rig", "-c", "user.email=rig@example.test"]
    for command in (
        ["init", "-q", "-b", "main", str(work)],
        ["-C", str(work), *who, "commit", "-q", "--allow-empty", "-m", "first"],
        ["clone", "-q", "--bare", str(work), str(bare)],
        ["-C", str(bare), "config", "http.receivepack", "true"],
    ):
        subprocess.run(["git", *command], check=True, capture_output=True, timeout=20)
