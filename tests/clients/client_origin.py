"""Our origin with the answers that real SDKs expect: GitHub-ish, Slack-ish, OpenAI-ish, Anthropic-ish, Stripe-ish, S3-ish, PyPI-ish."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import json
import zipfile
from typing import Any

from rig.behaviours import Reply, behave
from rig.origin import Origin
from rig.seen import SeenRequest

SIZE = 8 * 1024 * 1024
PAUSE = 0.06
"""Seconds between two pieces of a streamed answer."""
WHEEL = "exeat_probe-1.0-py3-none-any.whl"


def payload() -> bytes:
    """What is uploaded: bytes that no proxy may take for text, lines or an end."""
    return (bytes(range(256)) * 4096)[: 1024 * 1024] * (SIZE // (1024 * 1024))


def _wheel() -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        info = "exeat_probe-1.0.dist-info"
        metadata = "Metadata-Version: 2.1\nName: exeat-probe\nVersion: 1.0\n"
        wheel = "Wheel-Version: 1.0\nGenerator: rig\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        files = {"exeat_probe.py": "ANSWER = 42\n", f"{info}/METADATA": metadata, f"{info}/WHEEL": wheel}
        rows = []
        for name, text in files.items():
            archive.writestr(name, text)
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()
            rows.append(f"{name},sha256={digest},{len(text)}")
        archive.writestr(f"{info}/RECORD", "\n".join([*rows, f"{info}/RECORD,,", ""]))
    return made.getvalue()


_WHEEL = _wheel()
_USER = {"login": "agent", "id": 1, "type": "User"}
_REPOSITORY = {"id": 7, "name": "site", "full_name": "acme/site", "private": True, "owner": _USER}
_ISSUE = {"id": 9, "number": 9, "title": "from the matrix", "state": "open", "user": _USER}
_SLACK = {"ok": True, "team": "T1", "user": "agent", "user_id": "U1", "team_id": "T1"}
_CHAT = {"id": "chatcmpl-1", "created": 1, "model": "probe"}
_MESSAGE = {
    "id": "msg_1", "type": "message", "role": "assistant", "model": "probe", "content": [], "stop_reason": None,
    "stop_sequence": None, "usage": {"input_tokens": 3, "output_tokens": 1},
}  # fmt: skip
_REFUND = {"id": "re_1", "object": "refund", "amount": 100, "currency": "eur"}

Answer = tuple[int, str, bytes]


def _json(value: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value).encode()


def _chat(seen: SeenRequest) -> Answer | list[bytes]:
    if not json.loads(seen.body).get("stream"):  # noqa: TID251 a test origin
        choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello there"}}
        usage = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}
        return _json({**_CHAT, "object": "chat.completion", "choices": [choice], "usage": usage})
    parts = [({"role": "assistant", "content": "Hello"}, None), *(({"content": " again"}, None) for _ in range(4))]
    chunks = [
        {**_CHAT, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": delta, "finish_reason": end}]}
        for delta, end in (*parts, ({}, "stop"))
    ]
    return [*(b"data: " + json.dumps(chunk).encode() + b"\n\n" for chunk in chunks), b"data: [DONE]\n\n"]


def _messages(seen: SeenRequest) -> Answer | list[bytes]:
    if not json.loads(seen.body).get("stream"):  # noqa: TID251
        text = [{"type": "text", "text": "Hello there"}]
        return _json({**_MESSAGE, "content": text, "stop_reason": "end_turn"})
    deltas = [
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}}
        for text in ("Hello", " there", " and", " again", "!")
    ]
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": _MESSAGE},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *deltas,
        {"type": "content_block_stop", "index": 0},
        {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
         "usage": {"output_tokens": 2}},
        {"type": "message_stop"},
    ]  # fmt: skip
    return [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events]


def _file(seen: SeenRequest) -> Answer:
    return _json(
        {"id": "file-1", "object": "file", "bytes": seen.length, "created_at": 1, "filename": "upload.bin",
         "purpose": "batch", "type": "file", "mime_type": "application/octet-stream", "size_bytes": seen.length,
         "downloadable": False}
    )  # fmt: skip


def _bearer_api(seen: SeenRequest) -> Answer | list[bytes] | None:
    match (seen.method, seen.path):
        case ("POST", "/slack/auth.test"):
            return _json(_SLACK)
        case ("POST", "/slack/files.getUploadURLExternal"):
            return _json({"ok": True, "file_id": "F1", "upload_url": "https://api.example.test/upload"})
        case ("POST", "/slack/files.completeUploadExternal"):
            return _json({"ok": True, "files": [{"id": "F1"}]})
        case ("POST", "/v1/chat/completions"):
            return _chat(seen)
        case ("POST", "/v1/messages"):
            return _messages(seen)
        case ("POST", "/v1/files"):
            return _file(seen)
        case ("GET", "/v1/models"):
            return _json({"object": "list", "data": []})
        case ("GET", "/v1/refunds/re_1"):
            return _json(_REFUND)
        case ("GET", "/v1/refunds"):
            return _json({"object": "list", "ok": True, "data": [_REFUND], "has_more": False, "url": "/v1/refunds"})
    return None


def _repos(seen: SeenRequest) -> Answer:
    match (seen.method, seen.path):
        case ("GET", "/repos/acme/site"):
            return _json(_REPOSITORY)
        case ("POST", "/repos/acme/site/issues"):
            return _json(_ISSUE, 201)
        case ("POST", "/repos/acme/site/releases/1/assets"):
            return _json({"id": 1, "name": "upload.bin", "size": seen.length, "state": "uploaded"}, 201)
        case ("GET", "/repos/acme/site/releases/1"):
            upload = "https://repos.example.test/repos/acme/site/releases/1/assets{?name,label}"
            return _json({"id": 1, "tag_name": "v1", "upload_url": upload, "url": "/repos/acme/site/releases/1"})
    return _json({"message": "Not Found"}, 404)


def _s3(seen: SeenRequest) -> Answer | list[bytes]:
    if seen.method == "PUT":
        return 200, "application/xml", b""
    if seen.path == "/bucket/stream":
        return [b"piece" * 1000] * 6
    return 200, "application/octet-stream", b"an object"


def _pypi(seen: SeenRequest) -> Answer:
    if seen.path == "/simple/exeat-probe/":
        digest = hashlib.sha256(_WHEEL).hexdigest()
        page = f'<!DOCTYPE html><html><body><a href="/packages/{WHEEL}#sha256={digest}">{WHEEL}</a></body></html>'
        return 200, "text/html", page.encode()
    if seen.path == f"/packages/{WHEEL}":
        return 200, "application/octet-stream", _WHEEL
    return 404, "text/plain", b"no such project"


class ServiceOrigin(Origin):
    """Answers by host, then as the SDKs expect, then as the rig's origin does; only ``api`` checks bearer tokens."""

    async def answer(self, seen: SeenRequest, reply: Reply) -> None:
        host = (seen.authority or (seen.header("host") or [""])[0]).partition(".")[0]
        moved = "moved" in seen.path
        if host in ("s3", "pypi", "repos"):
            if moved:
                await self._redirect(reply)
                return
            await self._give(reply, {"s3": _s3, "pypi": _pypi, "repos": _repos}[host](seen))
            return
        if self.tokens is not None:
            claims, why = await asyncio.to_thread(self.tokens.check, seen.header("authorization"))
            seen.claims = claims
            if claims is None:
                await self._give(reply, _json({"ok": False, "error": {"message": why}}, 401))
                return
        if moved:
            await self._redirect(reply)
        elif (known := _bearer_api(seen)) is not None:
            await self._give(reply, known)
        else:
            await behave(seen, reply)

    @staticmethod
    async def _redirect(reply: Reply) -> None:
        await reply.start(307, [("location", "https://evil.example.test/taken"), ("content-type", "text/plain")], 5)
        await reply.write(b"moved")
        await reply.finish()

    @staticmethod
    async def _give(reply: Reply, known: Answer | list[bytes]) -> None:
        if isinstance(known, list):
            await reply.start(200, [("content-type", "text/event-stream"), ("cache-control", "no-store")])
            for piece in known:
                await reply.write(piece)
                await asyncio.sleep(PAUSE)
        else:
            status, kind, body = known
            await reply.start(status, [("content-type", kind), ("etag", '"1"')], len(body))
            await reply.write(body)
        await reply.finish()
