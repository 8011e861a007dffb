"""Two providers of language models as their SDKs know them, on one port: plain answers and server-sent events.

It answers from the model that was asked, or from another one while ``instead`` says so, as a router would.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

from aiohttp import web

from rig.certs import Authority
from rig.web_site import WebSite

OPENAI, ANTHROPIC = "api.openai.com", "api.anthropic.com"
KEYS = {"openai": "sk-real-openai-0f1e2d3c4b5a", "anthropic": "sk-ant-real-9a8b7c6d5e4f"}
WORDS = ("All ", "is ", "well")


class LlmOrigin(WebSite):
    """``models`` are those that were asked for; ``port`` speaks TLS."""

    def __init__(self, authority: Authority) -> None:
        super().__init__(authority.server(OPENAI, ANTHROPIC, alpn=("http/1.1",)))
        self.models: list[str] = []
        self.instead = ""

    def application(self) -> web.Application:
        """Both vendors' calls."""
        app = web.Application()
        app.router.add_post("/v1/chat/completions", self._chat)
        app.router.add_post("/v1/messages", self._message)
        return app

    async def _asked(self, request: web.Request, shown: str | None, key: str) -> dict[str, Any]:
        if shown != key:
            raise web.HTTPUnauthorized(text=json.dumps({"error": {"message": "no such key"}}))
        asked: dict[str, Any] = await request.json()
        self.models.append(asked["model"])
        return asked

    async def _chat(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request, request.headers.get("authorization"), f"Bearer {KEYS['openai']}")
        head = {"id": "chatcmpl-7", "created": 7, "model": self.instead or asked["model"]}
        if not asked.get("stream"):
            message = {"role": "assistant", "content": "".join(WORDS)}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return web.json_response({**head, "object": "chat.completion", "choices": [choice]})
        chunks = [
            {**head, "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": word}}]}
            for word in WORDS
        ]
        return await _events(request, [("", chunk) for chunk in chunks], last=b"data: [DONE]\n\n")

    async def _message(self, request: web.Request) -> web.StreamResponse:
        asked = await self._asked(request, request.headers.get("x-api-key"), KEYS["anthropic"])
        message: dict[str, Any] = {
            "id": "msg_7", "type": "message", "role": "assistant", "model": self.instead or asked["model"], "content": [],
            "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 1, "output_tokens": 1},
        }  # fmt: skip
        if not asked.get("stream"):
            content = [{"type": "text", "text": "".join(WORDS)}]
            return web.json_response({**message, "content": content, "stop_reason": "end_turn"})
        events: list[tuple[str, dict[str, Any]]] = [
            ("message_start", {"message": message}),
            ("content_block_start", {"index": 0, "content_block": {"type": "text", "text": ""}}),
            *(("content_block_delta", {"index": 0, "delta": {"type": "text_delta", "text": word}}) for word in WORDS),
            ("content_block_stop", {"index": 0}),
            ("message_delta", {"delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": 3}}),
            ("message_stop", {}),
        ]
        return await _events(request, [(name, {"type": name, **event}) for name, event in events])


async def _events(request: web.Request, events: list[tuple[str, Any]], last: bytes = b"") -> web.StreamResponse:
    response = web.StreamResponse(headers={"content-type": "text/event-stream"})
    await response.prepare(request)
    for name, event in events:
        line = f"event: {name}\n" if name else ""
        await response.write(f"{line}data: {json.dumps(event)}\n\n".encode())
        await asyncio.sleep(0.01)
    await response.write(last)
    return response
