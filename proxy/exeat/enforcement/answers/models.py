"""Which model an answer says it is from: read in passing from the beginning of JSON and of server-sent events.

What is coded, larger, or says it elsewhere isn't seen. Must not know: which models may answer.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final

import orjson

from exeat.model.request import Headers

_READ = 64 * 1024
"""Bytes of an answer that are looked at."""
_KEYS = ("model", "modelVersion")
_WITHIN = ("message", "response")
"""Where events nest the message that names its model: Anthropic's ``message_start``, OpenAI's ``response.created``."""
_DATA = b"data:"


@final
class ModelReader:
    """Looks at one answer as it passes; ``told`` is called at most once, with the model it names."""

    __slots__ = ("_begun", "_events", "_left", "_told")

    def __init__(self, told: Callable[[str], None], *, events: bool) -> None:
        self._told: Callable[[str], None] | None = told
        self._begun = b""
        self._left = _READ
        self._events = events

    def look(self, chunk: bytes) -> None:
        """Look at what comes; an empty chunk ends the answer."""
        if self._told is None:
            return
        whole = not chunk
        self._begun += chunk[: self._left]
        self._left -= len(chunk)
        if self._events:
            lines = self._begun.split(b"\n")
            self._begun = b"" if whole else lines.pop()
            for line in lines:
                if line.startswith(_DATA) and self._tell(line[len(_DATA) :]):
                    return
        elif whole:
            self._tell(self._begun)
        if whole or self._left <= 0:
            self._told, self._begun = None, b""

    def _tell(self, text: bytes) -> bool:
        model = _model_in(text)
        if model and self._told is not None:
            told, self._told = self._told, None
            told(model)
        return bool(model)


def model_reader(fields: Headers, told: Callable[[str], None]) -> ModelReader | None:
    """What looks at an answer with these fields, in lower case; None for one that can't be read."""
    values = {name.lower(): value for name, value in fields}
    if values.get(b"content-encoding", b"identity").strip().lower() not in (b"identity", b""):
        return None
    kind = values.get(b"content-type", b"").partition(b";")[0].strip().lower()
    if kind == b"text/event-stream":
        return ModelReader(told, events=True)
    return ModelReader(told, events=False) if kind == b"application/json" else None


def _model_in(text: bytes) -> str:
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError:
        return ""
    return _named(value) or next((found for key in _WITHIN if (found := _named(_within(value, key)))), "")


def _named(value: Any) -> str:
    if not isinstance(value, dict):
        return ""
    return next((found for key in _KEYS if isinstance(found := value.get(key), str) and found), "")


def _within(value: Any, key: str) -> Any:
    return value.get(key) if isinstance(value, dict) else None
