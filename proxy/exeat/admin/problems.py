"""Errors as RFC 9457 ``application/problem+json``.

Must not know: which call failed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import orjson
from aiohttp import web

from exeat.errors import AdminError, ExeatError, NotAuthenticatedError, UnavailableError
from exeat.missions.errors import CeilingExceededError, FieldError, InvalidFieldsError

_JSON = "application/json"
_PROBLEM = "application/problem+json"


class MisdirectedError(AdminError):
    """The Host header names somebody else: a rebound name, or a wrong proxy (RFC 9110 §15.5.20)."""

    code: ClassVar[str] = "misdirected"
    status: ClassVar[int] = 421


class BrowserRefusedError(AdminError):
    """A page in a browser sent this; no page is meant to."""

    code: ClassVar[str] = "origin_refused"
    status: ClassVar[int] = 403


class ForbiddenError(AdminError):
    """The caller's role doesn't allow this."""

    code: ClassVar[str] = "role_insufficient"
    status: ClassVar[int] = 403
    exit_code: ClassVar[int] = 5


class MalformedError(AdminError):
    """The body isn't one JSON object."""

    code: ClassVar[str] = "malformed"
    status: ClassVar[int] = 400
    exit_code: ClassVar[int] = 2


class UnsupportedMediaTypeError(AdminError):
    """The body isn't ``application/json``."""

    code: ClassVar[str] = "unsupported_media_type"
    status: ClassVar[int] = 415


class BodyTooLargeError(AdminError):
    """The body is larger than any request needs."""

    code: ClassVar[str] = "body_too_large"
    status: ClassVar[int] = 413


class ReplayMismatchError(AdminError):
    """An Idempotency-Key came with another body than before."""

    code: ClassVar[str] = "idempotency_key_reused"
    status: ClassVar[int] = 409


class NotReadyError(UnavailableError):
    """Requests can't be served now."""

    code: ClassVar[str] = "not_ready"


def answer(value: Any, status: int = 200) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=orjson.dumps(value), status=status, content_type=_JSON)


def problem(error: Exception) -> web.Response:
    """Return what a caller is told about an error; of one that isn't ours only that something failed."""
    status, code = status_and_code(error)
    if isinstance(error, ExeatError):
        body = _body(status, code, str(error), error.hint, _errors(error))
    elif isinstance(error, web.HTTPException):
        body = _body(status, code, error.reason, "See GET /v1/status for a call that exists.")
    else:
        body = _body(status, code, "Something failed inside.", "The log has the cause.")
    headers: Mapping[str, str] = {}
    if isinstance(error, NotAuthenticatedError):
        headers = {"WWW-Authenticate": 'Bearer realm="exeat"'}  # RFC 6750 §3
    elif isinstance(error, web.HTTPMethodNotAllowed):
        headers = {"Allow": error.headers["Allow"]}
    return web.Response(body=orjson.dumps(body), status=status, content_type=_PROBLEM, headers=headers)


def status_and_code(error: Exception) -> tuple[int, str]:
    """Return the HTTP status and the stable code of an error."""
    if isinstance(error, ExeatError):
        return error.status, error.code
    if isinstance(error, web.HTTPException):
        return error.status, {404: "not_found", 405: "method_not_allowed", 413: "body_too_large"}.get(
            error.status, "refused"
        )
    return 500, "internal_error"


def _errors(error: ExeatError) -> Sequence[FieldError]:
    return error.errors if isinstance(error, InvalidFieldsError | CeilingExceededError) else ()


def _body(status: int, code: str, detail: str, hint: str, errors: Sequence[FieldError] = ()) -> dict[str, Any]:
    return {
        "type": f"/problems/{code}",
        "title": code.replace("_", " ").capitalize(),
        "status": status,
        "detail": detail,
        "code": code,
        "hint": hint,
        "errors": [{"field": error.field, "message": error.message} for error in errors],
    }
