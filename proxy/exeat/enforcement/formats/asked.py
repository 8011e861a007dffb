"""What a request shows of its caller: what it can read, and what it is.

Made only when something is refused. Its texts are hostile: they choose a form and never join one. Must not know: why
anything was refused.
"""

from __future__ import annotations

from dataclasses import dataclass

import orjson

from exeat.model.request import CanonicalRequest, WireRequest

_LONGEST = 1024
"""Of a field value; what a client says about itself takes a tenth of it."""
_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._:-")


@dataclass(frozen=True, slots=True)
class Asked:
    """What matters of a request for the form of its refusal.

    ``setting`` is the service's own ``refusal``, ``""`` where it has none; field values are in lower case; ``amz`` says
    that AWS fields are there, ``s3`` that S3's are, ``mcp`` that MCP's are, ``rpc_id`` is the id of the JSON-RPC call, ``None`` where it isn't known.
    """

    method: str = ""
    version: str = ""
    accept: str = ""
    content_type: str = ""
    user_agent: str = ""
    upgrade: str = ""
    amz: bool = False
    amz_target: bool = False
    s3: bool = False
    mcp: bool = False
    setting: str = ""
    rpc_id: str | int | None = None

    @property
    def http2(self) -> bool:
        """Whether it came over HTTP/2, where a body may be missing without being announced."""
        return self.version.startswith("HTTP/2")


NOBODY = Asked()
"""A caller of whom nothing is known."""


def asked_by(request: WireRequest | CanonicalRequest | None, setting: str = "", body: bytes | None = None) -> Asked:
    """Read what a request shows of its caller; ``body`` is given where it was read anyway. Never raises."""
    if request is None:
        return Asked(setting=setting)
    fields: dict[bytes, str] = {}
    amz = mcp = False
    for name, value in request.headers:
        key = name.lower()
        amz = amz or key.startswith(b"x-amz-")
        mcp = mcp or key in _MCP
        if key in _WANTED and len(value) <= _LONGEST:
            text = value.decode("latin-1").lower()
            fields[key] = f"{fields[key]}, {text}" if key in fields else text
    return Asked(
        method=request.method,
        version=request.version,
        accept=fields.get(b"accept", ""),
        content_type=fields.get(b"content-type", "").partition(";")[0].strip(),
        user_agent=fields.get(b"user-agent", ""),
        upgrade=request.upgrade if isinstance(request, CanonicalRequest) else fields.get(b"upgrade", ""),
        amz=amz,
        amz_target=b"x-amz-target" in fields,
        s3=b"x-amz-content-sha256" in fields,
        mcp=mcp,
        setting=setting,
        rpc_id=None if body is None else _rpc_id(body),
    )


_MCP = frozenset({b"mcp-protocol-version", b"mcp-session-id"})
_WANTED = frozenset({b"accept", b"content-type", b"user-agent", b"upgrade", b"x-amz-target", b"x-amz-content-sha256"})


def _rpc_id(body: bytes) -> str | int | None:
    """The id of a single JSON-RPC call (JSON-RPC 2.0 §4), unless it is more than an id: it goes back to a model."""
    try:
        call = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    found = call.get("id") if isinstance(call, dict) else None
    if isinstance(found, str):
        return found if len(found) <= 64 and _ID_CHARACTERS.issuperset(found) else None
    return found if isinstance(found, int) and not isinstance(found, bool) else None
