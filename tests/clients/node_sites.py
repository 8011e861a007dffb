"""The services that the Node, JVM and browser clients call, under the SDKs' own host names; all of them are one local origin.

SDKs are used as they are: nobody tells them another address. ``describe`` puts the hosts, operations and shared keys into a
configuration; ``SdkOrigin`` answers in each service's shape.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from base64 import b64encode
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from rig.behaviours import Reply
from rig.certs import Authority
from rig.config import Config, Table, operation, service
from rig.origin import Origin
from rig.seen import SeenRequest

KEYS = {
    "OPENAI_API_KEY": "sk-canary-openai-5a1d7c93b2",
    "ANTHROPIC_API_KEY": "sk-ant-canary-0e6b4f28d1",
    "GITHUB_TOKEN": "ghp_canary4cd1e0a97b6f",
    "SLACK_BOT_TOKEN": "xoxb-canary-83a6d05c1f",
    "STRIPE_API_KEY": "sk_test_canary_b7720e94ac",
    "NPM_TOKEN": "npm_canary_6f1e52d8a0",
}
"""The shared keys: none of them may reach an origin, a log or the audit."""

ELSEWHERE = "https://evil.example.test/collect"
REGISTRY = "registry.example.test"


def _chunk(text: str) -> dict[str, Any]:
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": None}
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "gpt-5", "choices": [choice]}


def _anthropic_events() -> list[tuple[str, dict[str, Any]]]:
    message = {"id": "m1", "type": "message", "role": "assistant", "content": [], "model": "claude-x", "stop_reason": None,
               "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    texts: list[tuple[str, dict[str, Any]]] = [
        ("content_block_delta", {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": f"piece {n} "}})
        for n in range(5)
    ]  # fmt: skip
    return [
        ("message_start", {"type": "message_start", "message": message}),
        *texts,
        ("message_stop", {"type": "message_stop"}),
    ]


class SdkOrigin(Origin):
    """Answers as the services do; a path that says ``moved`` redirects to a host that no mission has."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(
            authority, "*.example.test", "api.openai.com", "api.anthropic.com", "api.github.com", "uploads.github.com",
            "slack.com", "api.stripe.com", "files.stripe.com",
        )  # fmt: skip

    async def answer(self, seen: SeenRequest, reply: Reply) -> None:
        """One request, by the host and the path it names."""
        host = seen.authority or seen.one("host")
        if "moved" in seen.path:
            await _send(reply, 302, b"{}", ("location", ELSEWHERE))
        elif host == REGISTRY:
            await _registry(seen, reply)
        elif host == "api.example.test" or host.startswith("cdn"):
            await super().answer(seen, reply)
        elif b'"stream":true' in seen.body:
            await _stream(host, reply)
        else:
            await _send(reply, 200, orjson.dumps(_json(host, seen)))


def _json(host: str, seen: SeenRequest) -> dict[str, Any]:
    """The smallest answer each SDK takes for a success."""
    if host == "api.openai.com" and seen.path.endswith("/completions"):
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "permitted"}}
        return {"id": "c1", "object": "chat.completion", "created": 1, "model": "gpt-5", "choices": [choice]}
    if host == "api.anthropic.com" and seen.path == "/v1/messages":
        return {"id": "m1", "type": "message", "role": "assistant", "content": [{"type": "text", "text": "permitted"}],
                "model": "claude-x", "stop_reason": "end_turn", "usage": {"input_tokens": 1, "output_tokens": 1}}  # fmt: skip
    name = seen.path.rpartition("/")[2]
    return {
        "ok": True,
        "ts": "permitted",
        "id": name,
        "object": "thing",
        "full_name": f"acme/{name}",
        "size": seen.length,
    }


async def _send(
    reply: Reply, status: int, body: bytes, *headers: tuple[str, str], kind: str = "application/json"
) -> None:
    await reply.start(status, [("content-type", kind), *headers], len(body))
    await reply.write(body)
    await reply.finish()


async def _stream(host: str, reply: Reply) -> None:
    """Five pieces over a third of a second, in the service's own event format."""
    import asyncio

    await reply.start(200, [("content-type", "text/event-stream")])
    if host == "api.anthropic.com":
        events = [f"event: {name}\ndata: {orjson.dumps(data).decode()}\n\n" for name, data in _anthropic_events()]
    else:
        events = [f"data: {orjson.dumps(_chunk(f'piece {n} ')).decode()}\n\n" for n in range(6)] + ["data: [DONE]\n\n"]
    for event in events:
        await reply.write(event.encode())
        await asyncio.sleep(0.06)
    await reply.finish()


# --- a registry with one package ---------------------------------------------------------------------------------------


def _tarball() -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w:gz") as archive:
        for name, text in (
            ("package/package.json", b'{"name": "tidy", "version": "1.0.0", "main": "index.js"}'),
            ("package/index.js", b"module.exports = 'permitted'\n"),
        ):
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    return target.getvalue()


TARBALL = _tarball()


async def _registry(seen: SeenRequest, reply: Reply) -> None:
    if seen.path.endswith(".tgz"):
        await _send(reply, 200, TARBALL, kind="application/octet-stream")
        return
    if seen.method == "PUT":
        await _send(reply, 201, orjson.dumps({"ok": True, "size": seen.length}))
        return
    name = seen.path.strip("/")
    if name == "large":  # not published yet
        await _send(reply, 404, b'{"error": "not found"}')
        return
    version = {
        "name": name, "version": "1.0.0",
        "dist": {"tarball": f"https://{REGISTRY}/{name}/-/{name}-1.0.0.tgz",
                 "integrity": "sha512-" + b64encode(hashlib.sha512(TARBALL).digest()).decode()},
    }  # fmt: skip
    packument = {"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}}
    await _send(reply, 200, orjson.dumps(packument))


# --- the configuration -------------------------------------------------------------------------------------------------


def _sdk(variable: str, name: str, hosts: tuple[str, ...], *operations: Table, **more: Any) -> Table:
    retire = (datetime.now(UTC) + timedelta(days=300)).date()
    shared = {"source": f"env:{variable}", "retire_by": retire}
    return service(name, hosts[0], *operations, shared=shared, hosts=[*hosts, f"expired-{name}.example.test"], **more)


def describe(config: Config, origin: Origin, expired: Origin) -> None:
    """Add the SDKs' services and what they may do; hosts named ``expired…`` have an origin whose certificate is out of date."""
    bearer = {"in": "header", "name": "Authorization", "scheme": "Bearer"}
    config.environ |= KEYS
    services = [
        _sdk("OPENAI_API_KEY", "openai-sdk", ("api.openai.com",),
             operation("POST /v1/chat/completions", "chat/create", "write"), operation("POST /v1/files", "files/create", "write"),
             operation("GET /v1/models/{model}", "models/get", "read"), operation("DELETE /v1/models/{model}", "models/delete", "delete")),
        _sdk("ANTHROPIC_API_KEY", "anthropic-sdk", ("api.anthropic.com",),
             operation("POST /v1/messages", "messages/create", "write"), operation("GET /v1/models/{model}", "models/get", "read"),
             operation("DELETE /v1/messages/batches/{batch}", "batches/delete", "delete"), credential=bearer),
        _sdk("GITHUB_TOKEN", "github-sdk", ("api.github.com", "uploads.github.com"),
             operation("GET /repos/{owner}/{repo}", "repos/get", "read"), operation("DELETE /repos/{owner}/{repo}", "repos/delete", "delete"),
             operation("POST /repos/{owner}/{repo}/releases/{release}/assets", "assets/upload", "write"),
             credential={"in": "header", "name": "Authorization", "scheme": "token"}),
        _sdk("SLACK_BOT_TOKEN", "slack-sdk", ("slack.com",),
             operation("POST /api/chat.postMessage", "chat/post", "write"), operation("POST /api/moved", "moved", "write"),
             operation("POST /api/chat.delete", "chat/delete", "delete"), credential=bearer),
        _sdk("STRIPE_API_KEY", "stripe-sdk", ("api.stripe.com", "files.stripe.com"),
             operation("GET /v1/customers/{customer}", "customers/get", "read"), operation("POST /v1/files", "files/create", "write"),
             operation("DELETE /v1/customers/{customer}", "customers/delete", "delete"), credential=bearer),
        _sdk("NPM_TOKEN", "registry", (REGISTRY,),
             operation("GET /{name}", "packages/get", "read"), operation("GET /{name}/-/{file}", "packages/download", "read"),
             operation("PUT /{name}", "packages/publish", "write"), operation("GET /private", "private/get", "admin"),
             credential=bearer),
    ]  # fmt: skip
    for table in services:
        config.tables["service"].append(table)
        config.template["operations"] += [f"{table['name']}:read", f"{table['name']}:write"]
        for host in table["hosts"]:
            config.allow(host, local=expired.port if host.startswith("expired") else None)
    config.allow("expired.example.test", local=expired.port)
    config.template["operations"].append("http:write")


__all__ = ["KEYS", "REGISTRY", "SdkOrigin", "describe"]
