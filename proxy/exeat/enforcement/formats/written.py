"""Each form as bytes, made from a problem's members.

Must not know: verdicts, how a form is chosen.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from xml.sax.saxutils import escape

import orjson

from exeat.enforcement.formats.asked import Asked
from exeat.enforcement.formats.choose import Form

Problem = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Written:
    """A body and what goes with it; ``status`` is the HTTP status under which callers of this form read it."""

    status: int
    content_type: bytes
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()


def write(form: Form, problem: Problem, asked: Asked) -> Written:
    """Write a problem in a form."""
    return _WRITERS[form](problem, asked)


def _problem(problem: Problem, _asked: Asked) -> Written:
    # uv and others that know RFC 9457 print ``detail`` and nothing else.
    named = f"{problem['detail']} (exeat {problem['code']}, decision {problem['decision_id']})"
    return Written(problem["status"], b"application/problem+json", orjson.dumps({**problem, "detail": named}))


def _json(problem: Problem, _asked: Asked) -> Written:
    return Written(problem["status"], b"application/json", orjson.dumps(problem))


def _graphql(problem: Problem, _asked: Asked) -> Written:
    """GraphQL over HTTP: with this media type a client reads ``errors`` under any status."""
    error = {
        "message": problem["message"],
        "extensions": {"code": problem["code"], "decision_id": problem["decision_id"]},
    }
    body = orjson.dumps({**problem, "errors": [error]})
    return Written(problem["status"], b"application/graphql-response+json", body)


def _npm(problem: Problem, _asked: Asked) -> Written:
    body = {**problem, "error": problem["message"]}
    return Written(problem["status"], b"application/json", orjson.dumps(body))


def _text(problem: Problem, _asked: Asked) -> Written:
    first = f"Exeat refused this: {_one_line(problem['detail']).rstrip('.')}. {problem['hint']}"
    text = f"{first}\n{problem['code']}, decision {problem['decision_id']}\n"
    return Written(problem["status"], b"text/plain; charset=utf-8", text.encode())


def _s3(problem: Problem, _asked: Asked) -> Written:
    """Amazon S3 API, "Error responses": one ``Error`` element with Code, Message and RequestId."""
    inner = _aws_error(problem)
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<Error>{inner}<RequestId>{problem["decision_id"]}</RequestId></Error>'
    )
    return Written(problem["status"], b"application/xml", xml.encode(), _aws_id(problem))


def _aws_query(problem: Problem, _asked: Asked) -> Written:
    """The query protocol's errors: Type, Code and Message inside ``ErrorResponse``."""
    xml = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ErrorResponse><Error><Type>Sender</Type>{_aws_error(problem)}</Error>'
        f"<RequestId>{problem['decision_id']}</RequestId></ErrorResponse>"
    )
    return Written(problem["status"], b"text/xml", xml.encode(), _aws_id(problem))


def _aws_json(problem: Problem, asked: Asked) -> Written:
    """AWS's JSON protocols; SDKs show the id in ``x-amzn-requestid`` as the request's (DynamoDB Developer Guide, "Low-level API")."""
    kind = _AWS_JSON_TYPES.get(problem["status"], "ServiceUnavailableException")
    content_type = b"application/x-amz-json-1.1" if asked.amz_target else b"application/json"
    body = orjson.dumps({"__type": kind, "message": problem["message"]})
    headers = ((b"x-amzn-requestid", problem["decision_id"].encode()), (b"x-amzn-errortype", kind.encode()))
    return Written(problem["status"], content_type, body, headers)


_AWS_CODES = {400: "InvalidRequest", 403: "AccessDenied", 429: "ThrottlingException"}
_AWS_JSON_TYPES = {400: "ValidationException", 403: "AccessDeniedException", 429: "ThrottlingException"}


def _aws_error(problem: Problem) -> str:
    code = _AWS_CODES.get(problem["status"], "ServiceUnavailable")
    return f"<Code>{code}</Code><Message>{escape(_one_line(problem['message']))}</Message>"


def _aws_id(problem: Problem) -> tuple[tuple[bytes, bytes], ...]:
    return ((b"x-amz-request-id", problem["decision_id"].encode()),)


def _grpc(problem: Problem, asked: Asked) -> Written:
    """A response of headers alone ("Trailers-Only" in the gRPC over HTTP/2 specification).

    Status 16 (UNAUTHENTICATED) is never used: clients would drop the credential they hold for the origin.
    """
    status = _GRPC_CODES.get(problem["status"]) or (_GRPC_UNAVAILABLE if problem["retryable"] else _GRPC_PRECONDITION)
    web = asked.content_type.startswith("application/grpc-web")
    content_type = (
        (b"application/grpc-web-text" if "-text" in asked.content_type else b"application/grpc-web") if web else b""
    )
    headers = ((b"grpc-status", b"%d" % status), (b"grpc-message", _grpc_escaped(problem["message"])))
    return Written(200, content_type + b"+proto" if web else b"application/grpc", b"", headers)


_GRPC_CODES = {400: 3, 403: 7, 407: 7, 429: 8}
"""INVALID_ARGUMENT, PERMISSION_DENIED, RESOURCE_EXHAUSTED."""
_GRPC_UNAVAILABLE = 14
_GRPC_PRECONDITION = 9
"""FAILED_PRECONDITION: don't retry before somebody has mended something."""


def _grpc_escaped(text: str) -> bytes:
    """Percent-encode as grpc-message demands: all but printable ASCII, and ``%``."""
    return b"".join(
        b"%c" % byte if 0x20 <= byte <= 0x7E and byte != 0x25 else b"%%%02X" % byte for byte in text.encode()
    )


def _jsonrpc(problem: Problem, asked: Asked) -> Written:
    """JSON-RPC 2.0 §5.1; the code lies in the range kept for implementations, the problem is the error's data."""
    error = {"code": -32001, "message": problem["message"], "data": problem}
    body = {"jsonrpc": "2.0", "id": asked.rpc_id, "error": error}
    status = 200 if asked.rpc_id is not None else problem["status"]
    return Written(status, b"application/json", orjson.dumps(body))


def _one_line(text: str) -> str:
    return " ".join(text.split())


_WRITERS: dict[Form, Callable[[Problem, Asked], Written]] = {
    Form.PROBLEM: _problem,
    Form.JSON: _json,
    Form.TEXT: _text,
    Form.NPM: _npm,
    Form.S3: _s3,
    Form.AWS_QUERY: _aws_query,
    Form.AWS_JSON: _aws_json,
    Form.GRPC: _grpc,
    Form.GRAPHQL: _graphql,
    Form.JSONRPC: _jsonrpc,
}
