"""AWS's protocols whose call lies in the body: the query protocol, and JSON with a target.

Selects are the action of a form or query (``AssumeRole``), or the whole target (``DynamoDB_20120810.PutItem``); captures point
into the parameters, dotted keys taken apart (``InstanceId.1`` is ``/InstanceId/1``). Servers of both protocols choose by
field, type and query, each in an order of its own: a request that says two of them is refused. Cites: Smithy specifications
"AWS query", "AWS EC2 query", "AWS JSON 1.0" and "1.1". Must not know: operations, signatures.
"""

from __future__ import annotations

import re
from typing import Any

from exeat.model.request import CanonicalRequest
from exeat.services.fields import only_field
from exeat.services.readers.media import check_form, check_type
from exeat.services.readers.pairs import read_pairs
from exeat.services.readers.reading import Asked, UnreadableError, one_asked
from exeat.services.readers.strict_json import envelope, read_json

_TARGET = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z0-9_]+)+")
_ACTION = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_KEY = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(?:\.[A-Za-z0-9_-]+)*")
_INDEX = re.compile(r"0|[1-9][0-9]{0,5}")
_JSON = ("application/x-amz-json-1.0", "application/x-amz-json-1.1")
_SIGNED = frozenset(
    {"X-Amz-Algorithm", "X-Amz-Credential", "X-Amz-Date", "X-Amz-Expires", "X-Amz-Security-Token", "X-Amz-Signature",
     "X-Amz-SignedHeaders"}
)  # fmt: skip
"""Keys of a presigned query, which are no parameters."""
_DEEPEST = 10


def read_aws(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read one call of either protocol; raise UnreadableError."""
    target = only_field(request, "x-amz-target")
    if target is not None:
        return (_read_target(request, target, body),)
    if request.method == "GET":
        if request.has_body:
            raise UnreadableError("a body where the query says what is asked")
        pairs = {key: value for key, value in read_pairs(request.query).items() if key not in _SIGNED}
    else:
        _no_query(request)
        check_form(request)
        try:
            pairs = read_pairs(body.decode("ascii"))
        except UnicodeDecodeError:
            raise UnreadableError("the form is not urlencoded") from None
    action = pairs.get("Action", "")
    if not _ACTION.fullmatch(action) or not pairs.get("Version"):
        raise UnreadableError("a form without Action and Version")
    return (one_asked(action, nested(pairs)),)


def _read_target(request: CanonicalRequest, target: str, body: bytes) -> Asked:
    _no_query(request)
    if request.method != "POST" or not _TARGET.fullmatch(target):
        raise UnreadableError("the target is malformed")
    check_type(request, *_JSON)
    return one_asked(target, envelope(read_json(body)))


def _no_query(request: CanonicalRequest) -> None:
    if request.query:
        raise UnreadableError("the query and the body both say what is asked")


def nested(pairs: dict[str, str]) -> dict[str, Any]:
    """Return parameters with their dotted keys taken apart; raise UnreadableError where two keys could mean one parameter."""
    found: dict[str, Any] = {}
    for key, value in pairs.items():
        parts = key.split(".")
        if not _KEY.fullmatch(key) or len(parts) > _DEEPEST:
            raise UnreadableError("a parameter's name is malformed")
        at = found
        for part in parts[:-1]:
            _check_part(part)
            at = at.setdefault(part, {})
            if not isinstance(at, dict):
                raise UnreadableError("a parameter is a value and a list")
        _check_part(parts[-1])
        if parts[-1] in at:
            raise UnreadableError("a parameter is a value and a list")
        at[parts[-1]] = value
    _check_twins(found)
    return found


def _check_part(part: str) -> None:
    if part[:1].isdigit() and not _INDEX.fullmatch(part):
        raise UnreadableError("a number of a list that can be written in two ways")


def _check_twins(level: dict[str, Any]) -> None:
    envelope(level)
    for value in level.values():
        if isinstance(value, dict):
            _check_twins(value)
