"""Answers that hand out credentials: read whole, every credential replaced, written anew. What can't be read is refused.

Written anew because a client must not read more out of the answer than was read here (a member given twice, an odd
number). Must not know: any engine, where credentials are kept.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, final
from urllib.parse import parse_qsl, urlencode, urlsplit

import orjson

from exeat.decision.hosts import canonical_host
from exeat.enforcement.answers.forms import Needles
from exeat.enforcement.answers.links import Keep, with_kept
from exeat.enforcement.answers.scrub import AnswerError, BodyReader
from exeat.model.request import CanonicalRequest
from exeat.model.secret import Secret
from exeat.model.service import HandOut

LARGEST = 256 * 1024
"""Bytes of an answer. Tokens take a few thousand; of an LFS batch a hundred objects, git-lfs's most, take sixty."""
_ENDINGS = ("token", "secret", "password", "_key", "apikey", "accesskey", "privatekey", "secretkey")
_FORM = b"application/x-www-form-urlencoded"
_PLAIN_FIELDS = frozenset({"accept", "content-type", "transfer-encoding"})
"""Of the fields that an LFS action tells to send: those that client libraries look at. Whatever else there is may be secret."""
Give = Callable[[str, str, bool], str]
"""(credential, host that takes it, whether only over TLS) → what stands there instead."""


@final
class TokenBody:
    """A whole answer, read at its end by ``read`` and then searched by ``inner``."""

    __slots__ = ("_held", "_inner", "_read")

    def __init__(self, read: Callable[[bytes], bytes], inner: BodyReader) -> None:
        self._read, self._inner = read, inner
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return nothing until an empty chunk ends the body. Raise AnswerError for one that may not pass."""
        self._held += chunk
        if len(self._held) > LARGEST:
            raise AnswerError("an answer with credentials that is too large to be read")
        if chunk:
            return b""
        body = self._read(self._held) if self._held else b""
        return (self._inner.feed(body) if body else b"") + self._inner.feed(b"")


def reads(what: HandOut, media: bytes) -> bool:
    """Whether an answer of this media type is read at all: where nobody said what it is, only one that can be told."""
    return what.shape != "likely" or _is_json(media) or media == _FORM


@final
class TokenReader:
    """Reads the answers to one request. ``give`` keeps a credential, ``keep`` the signature of a link."""

    def __init__(
        self, what: HandOut, request: CanonicalRequest, media: bytes, status: int, give: Give, keep: Keep
    ) -> None:
        self._what, self._request, self._media, self._status = what, request, media, status
        self._give, self._keep = give, keep
        self._real: list[Secret] = []

    def read(self, body: bytes) -> bytes:
        """Return the answer as the agent gets it; raise AnswerError for one that can't be read."""
        try:
            given = self._form(body) if self._media == _FORM else self._json(body)
        except (ValueError, RecursionError):
            if self._what.shape == "likely" and b"token" not in body.lower():
                return body
            if self._status >= 400:
                return b""  # an error page; nothing a client needs is in it
            raise AnswerError("an answer with credentials that can't be read") from None
        if not self._real:
            if self._what.shape == "oauth" and self._status < 400 and not _is_error(body, self._media):
                raise AnswerError("no credential was found where one is handed out")
            return body
        if (needles := Needles(self._real)) and needles.mask(given) is not given:
            raise AnswerError("a credential in two places of an answer")
        return given

    def _form(self, body: bytes) -> bytes:
        pairs = parse_qsl(body.decode("ascii"), keep_blank_values=True, strict_parsing=True)
        return urlencode([(key, self._one(value) if self._is_secret(key) else value) for key, value in pairs]).encode()

    def _json(self, body: bytes) -> bytes:
        read = orjson.loads(body)
        if not isinstance(read, dict):
            raise ValueError  # noqa: TRY004 told as any other that can't be read
        return orjson.dumps(self._batch(read) if self._what.shape == "git_lfs" else self._walk(read))

    def _walk(self, value: Any) -> Any:
        if isinstance(value, dict):
            return {
                key: self._one(inner) if isinstance(inner, str) and self._is_secret(key) else self._walk(inner)
                for key, inner in value.items()
            }
        return [self._walk(inner) for inner in value] if isinstance(value, list) else value

    def _is_secret(self, key: str) -> bool:
        plain = key.lower().replace("-", "_")
        return plain.endswith(_ENDINGS) or plain in self._what.fields

    def _one(self, value: str) -> str:
        return self._keep_token(value, self._request.host, secure=self._request.scheme == "https")

    def _keep_token(self, value: str, host: str, *, secure: bool) -> str:
        if not value:
            return value
        if not (value.isascii() and value.isprintable() and " " not in value):
            raise AnswerError("a credential that could not be sent again")
        self._real.append(Secret(value))
        return self._give(value, host, secure)

    def _batch(self, answer: dict[str, Any]) -> dict[str, Any]:
        """Git LFS: ``objects[].actions.{download,upload,verify}`` with ``href`` and ``header`` (its docs/api/batch.md)."""
        for each in _dicts(answer.get("objects", [])):
            actions = each.get("actions") or {}
            for action in _dicts(list(actions.values()) if isinstance(actions, dict) else None):
                self._action(action)
        return answer

    def _action(self, action: dict[str, Any]) -> None:
        href, fields = action.get("href"), action.get("header") or {}
        if not isinstance(href, str) or not isinstance(fields, dict):
            raise ValueError  # noqa: TRY004
        parts = urlsplit(href)
        host = canonical_host(parts.hostname) if parts.hostname else self._request.host
        secure = (parts.scheme or self._request.scheme).lower() == "https"
        for name, value in fields.items():
            if not isinstance(value, str):
                raise ValueError  # noqa: TRY004
            if name.lower() not in _PLAIN_FIELDS:
                before, blank, last = value.rpartition(" ")
                fields[name] = before + blank + self._keep_token(last, host, secure=secure)
        whole = href.encode("utf-8")
        action["href"] = with_kept(b"location", whole, self._request, self._what.fields, self._keep).decode("utf-8")
        if action["href"] != href:
            self._real.append(Secret(href.partition("?")[2]))


def _dicts(found: Any) -> list[dict[str, Any]]:
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise ValueError
    return found


def _is_json(media: bytes) -> bool:
    return media == b"application/json" or media.endswith(b"+json")


def _is_error(body: bytes, media: bytes) -> bool:
    """Some servers tell of an error with 200: GitHub in ``error``, Slack in ``ok``."""
    if media == _FORM:
        return b"error=" in body
    read = orjson.loads(body)
    return "error" in read or read.get("ok") is False
