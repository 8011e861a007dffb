"""Which form a caller reads.

What the protocol demands comes first, then what the client is, then what its service says, then what it accepts. Each
rule stands for clients that were seen to show nothing otherwise. Must not know: how a form is written.
"""

from __future__ import annotations

from enum import StrEnum

from exeat.enforcement.formats.asked import Asked


class Form(StrEnum):
    """One way to write a refusal."""

    PROBLEM = "problem"
    """RFC 9457 problem details."""
    JSON = "json"
    """The same members as plain ``application/json``: octokit and others look at the media type before they read."""
    TEXT = "text"
    """Two lines: git prints them after ``remote:``, a WebSocket client in its handshake error."""
    NPM = "npm"
    """Problem members with ``error`` as a string, which npm prints."""
    S3 = "s3"
    """S3's ``<Error>``."""
    AWS_QUERY = "aws-query"
    """``<ErrorResponse>`` of AWS's query protocol."""
    AWS_JSON = "aws-json"
    """``__type`` and ``message``."""
    GRPC = "grpc"
    """A status without a message body."""
    GRAPHQL = "graphql"
    """Problem members and ``errors``, which GraphQL clients read whatever the status."""
    JSONRPC = "jsonrpc"
    """A JSON-RPC 2.0 error."""


_PACKAGERS = ("npm/", "pnpm/", "yarn/")
_GRAPHQL = "application/graphql-response+json"
_GIT_TYPES = "application/x-git-"
_SETTINGS = {"json": Form.JSON, "npm": Form.NPM}
"""The others are looked at before; ``problem`` leaves it to what the client accepts."""


def choose(asked: Asked) -> Form:
    """Return the form for a caller; problem details where nothing speaks for another."""
    if "websocket" in asked.upgrade:
        return Form.TEXT
    if _is_grpc(asked):
        return Form.GRPC
    if asked.user_agent.startswith("git/") or _GIT_TYPES in asked.content_type or _GIT_TYPES in asked.accept:
        return Form.TEXT
    if asked.user_agent.startswith(_PACKAGERS):
        return Form.NPM
    if asked.amz or asked.setting == "s3":
        return _aws(asked)
    if asked.mcp or asked.setting == "jsonrpc" or _is_mcp(asked):
        return Form.JSONRPC
    if _GRAPHQL in asked.accept:
        return Form.GRAPHQL
    json = _wants_plain_json(asked.accept)
    if asked.setting == "git" and not json:  # git-lfs asks such a host for JSON
        return Form.TEXT
    return _SETTINGS.get(asked.setting) or (Form.JSON if json else Form.PROBLEM)


def _is_mcp(asked: Asked) -> bool:
    """An MCP client's first message, before it knows a session: it has to accept both (streamable HTTP transport)."""
    accepts_both = "application/json" in asked.accept and "text/event-stream" in asked.accept
    return accepts_both and asked.method == "POST" and asked.content_type == "application/json"


def _is_grpc(asked: Asked) -> bool:
    """A POST of ``application/grpc``, ``+proto`` and the like, or gRPC-Web: only such a caller knows a refusal under 200."""
    kind = asked.content_type
    named = kind.startswith("application/grpc") and kind[16:17] in ("", "+", "-")
    return asked.method == "POST" and (named or (asked.setting == "grpc" and not kind))


def _aws(asked: Asked) -> Form:
    if asked.s3 or asked.setting == "s3":
        return Form.S3
    return Form.AWS_QUERY if asked.content_type == "application/x-www-form-urlencoded" else Form.AWS_JSON


def _wants_plain_json(accept: str) -> bool:
    """Whether JSON is asked for by name, and problem details aren't."""
    kinds = [kind.partition(";")[0].strip() for kind in accept.split(",")]
    if "application/problem+json" in kinds:
        return False
    return any(
        kind == "application/json" or (kind.startswith("application/") and kind.endswith("+json")) for kind in kinds
    )
