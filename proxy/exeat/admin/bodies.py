"""Request bodies, read strictly: one JSON object, no duplicate keys, no unknown fields.

Must not know: what is done with them.
"""

from __future__ import annotations

import asyncio
import difflib
import json
import re
import unicodedata
from datetime import UTC, date, datetime
from typing import Annotated, Any, Literal

import orjson
from aiohttp import web
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from exeat.admin.problems import BodyTooLargeError, MalformedError, UnsupportedMediaTypeError
from exeat.config.tables.mission import BudgetTable
from exeat.config.values import Duration, Model
from exeat.missions.errors import FieldError, InvalidFieldsError

BODY_LIMIT = 64 * 1024
"""Bytes; a mission with hundreds of destinations stays below."""
APPROVAL_ID = r"a_[0-7][0-9A-HJKMNP-TV-Z]{25}"
_SLOW = 10.0
"""Seconds a body may take to arrive."""
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_JOINERS = frozenset("\u200c\u200d")
"""Invisible, but part of how Persian and emoji are written."""


def _plain(text: str) -> str:
    """Refuse what could forge a line in a log or turn text around on a screen."""
    for character in text:
        category = unicodedata.category(character)
        if (category[0] == "C" or category in ("Zl", "Zp")) and character not in _JOINERS:
            raise ValueError("write one line without control characters")
    return text


def _moment(text: str) -> str:
    try:
        zoned = datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        zoned = False
    if not zoned:
        raise ValueError("write a time with its zone, as in '2027-06-30T12:00:00Z'")
    return text


def _day_or_moment(text: str) -> str:
    try:
        return str(date.fromisoformat(text)) if _DAY.fullmatch(text) else _moment(text)
    except ValueError:
        raise ValueError("write a day, as in '2027-06-30', or a time with its zone") from None


Line = Annotated[str, Field(max_length=1000), AfterValidator(_plain)]
Short = Annotated[str, Field(max_length=260), AfterValidator(_plain)]


class Body(BaseModel):
    """A JSON object: unknown fields and wrong types are refused."""

    model_config = ConfigDict(extra="forbid", strict=True)


class OpenBody(Body):
    """``POST /v1/missions``."""

    template: Short = ""
    agents: Annotated[list[Short], Field(max_length=64)] = []
    environment: Short = ""
    destinations: Annotated[list[Short], Field(max_length=256)] = []
    operations: Annotated[list[Short], Field(max_length=256)] = []
    ttl: Duration | None = None
    purpose: Line = ""
    owner: Short = ""
    ticket: Short = ""
    read_only: bool = False
    labels: Annotated[dict[Short, Short], Field(max_length=32)] = {}
    models: Annotated[list[Model], Field(max_length=32)] = []
    idle: Duration | None = None
    budget: BudgetTable = BudgetTable()
    parent: Short = ""


class ReasonBody(Body):
    """``POST /v1/missions/{id}/close`` and its like."""

    reason: Line = ""


class ExtendBody(ReasonBody):
    """``POST /v1/missions/{id}/extend``: ``ttl`` from now, or ``until`` in RFC 3339."""

    ttl: Duration | None = None
    until: Annotated[Short, AfterValidator(_moment)] | None = None

    @property
    def until_seconds(self) -> float | None:
        """``until`` in seconds since the epoch."""
        return None if self.until is None else datetime.fromisoformat(self.until).timestamp()


class ApproveBody(ReasonBody):
    """``POST /v1/approvals/{id}/approve``: the very request ``once`` or some ``times``, or all such ones of the ``mission``."""

    scope: Literal["once", "times", "mission"] = "once"
    times: Annotated[int, Field(ge=1, le=1000)] = 1
    ttl: Duration | None = None


class HookBody(ApproveBody):
    """``POST /hooks/approvals``: what a member of the group that signs it says."""

    approval: Annotated[str, Field(pattern=f"^{APPROVAL_ID}$")]
    decision: Literal["approve", "deny"]
    approver: Annotated[Short, Field(min_length=1)]


class TokenBody(Body):
    """``POST /v1/tokens``: ``expires`` from now."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$")]
    role: Literal["metrics", "viewer", "operator", "approver", "admin"]
    expires: Duration | None = None


class FetchBody(Body):
    """``POST /v1/login``: ``code`` as the browser shows it."""

    verifier: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{43,128}$")]
    code: Annotated[str, Field(min_length=1, max_length=32), AfterValidator(_plain)]


class Loose(Body):
    """A JSON object of a standard that lets others add members: those nobody here knows are left alone."""

    model_config = ConfigDict(extra="ignore")


Properties = Annotated[dict[Short, Any], Field(max_length=32)]
_Id = Annotated[str, Field(min_length=1, max_length=2048), AfterValidator(_plain)]


class SubjectBody(Loose):
    """Who: a ``session`` by its id ``<mission>/<agent>``, or an ``agent`` with the mission in its properties."""

    type: Literal["session", "agent"]
    id: _Id
    properties: Properties = {}


class ActionBody(Loose):
    """What: an operation such as ``github:issues/create``; with a resource of type ``url`` an HTTP method."""

    name: _Id
    properties: Properties = {}


class ResourceBody(Loose):
    """On what: a Cedar type and id, or type ``url`` and a URL."""

    type: _Id
    id: _Id
    properties: Properties = {}


class EvaluationBody(Loose):
    """``POST /access/v1/evaluation`` (AuthZEN 1.0 §6). ``context.host`` names one of a service's hosts."""

    subject: SubjectBody
    action: ActionBody
    resource: ResourceBody
    context: Properties = {}


class PartBody(Loose):
    """One of several questions: what it leaves out is as outside."""

    subject: SubjectBody | None = None
    action: ActionBody | None = None
    resource: ResourceBody | None = None
    context: Properties | None = None


class EvaluationOptions(Loose):
    """When to stop."""

    evaluations_semantic: Literal["execute_all", "deny_on_first_deny", "permit_on_first_permit"] = "execute_all"


class EvaluationsBody(PartBody):
    """``POST /access/v1/evaluations`` (AuthZEN 1.0 §7)."""

    evaluations: Annotated[list[PartBody], Field(max_length=100)] = []
    options: EvaluationOptions = EvaluationOptions()


class DestinationBody(Body):
    """``POST /v1/destinations``: ``expires`` is a day, which still counts whole, or a time in RFC 3339."""

    destination: Short
    owner: Short
    reason: Line
    ticket: Short = ""
    expires: Annotated[Short, AfterValidator(_day_or_moment)]

    @property
    def expires_seconds(self) -> float:
        """The first second at which it doesn't hold any more, since the epoch."""
        if _DAY.fullmatch(self.expires):
            return datetime.fromisoformat(self.expires).replace(tzinfo=UTC).timestamp() + 86400.0
        return datetime.fromisoformat(self.expires).timestamp()


async def read_bytes(request: web.Request) -> bytes:
    """Return a JSON body; raise UnsupportedMediaTypeError, BodyTooLargeError or MalformedError."""
    if "Content-Encoding" in request.headers:
        raise UnsupportedMediaTypeError("compressed bodies are refused", "Send it as it is.")
    if request.body_exists and (
        request.content_type != "application/json" or (request.charset or "utf-8").lower() != "utf-8"
    ):
        raise UnsupportedMediaTypeError("the body has to be application/json")
    try:
        async with asyncio.timeout(_SLOW):
            return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise BodyTooLargeError(f"a body has at most {BODY_LIMIT} bytes") from error
    except TimeoutError as error:
        raise MalformedError(f"the body didn't arrive within {_SLOW:g} seconds") from error


def parse[Model: Body](raw: bytes, model: type[Model]) -> Model:
    """Return the body as ``model``; an empty one is ``{}``.

    Raise MalformedError when it isn't one JSON object with unique keys, InvalidFieldsError naming every wrong field.
    """
    try:
        # orjson for what JSON is (UTF-8, no NaN, bounded depth); the standard reader for the keys it would fold.
        orjson.loads(raw or b"{}")
        data = json.JSONDecoder(object_pairs_hook=_unique).decode((raw or b"{}").decode())
    except (ValueError, RecursionError) as error:
        detail = str(error) if isinstance(error, _DuplicateKeyError) else "the body isn't valid JSON"
        raise MalformedError(detail) from error
    if not isinstance(data, dict):
        raise MalformedError("the body has to be one JSON object")
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise InvalidFieldsError([_field_error(item, model) for item in error.errors()]) from None


class _DuplicateKeyError(ValueError):
    pass


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise _DuplicateKeyError("the body names a key twice")
    return found


def _field_error(item: Any, model: type[Body]) -> FieldError:
    field = ""
    for part in item["loc"]:
        field += f"[{part}]" if isinstance(part, int) else f".{part}" if field else str(part)[:64]
    if item["type"] == "extra_forbidden":
        close = difflib.get_close_matches(field, model.model_fields, n=1)
        return FieldError(field, f"unknown field; did you mean {close[0]!r}?" if close else "unknown field")
    return FieldError(field, str(item["msg"]).removeprefix("Value error, "))
