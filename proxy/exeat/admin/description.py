"""The OpenAPI 3.1 description, made of the routes themselves.

Must not know: any particular call.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Literal

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from exeat import __version__
from exeat.admin.answers import Problem
from exeat.admin.parameters import Parameter, Segment
from exeat.admin.problems import (
    BodyTooLargeError,
    BrowserRefusedError,
    ForbiddenError,
    MalformedError,
    MisdirectedError,
    ReplayMismatchError,
    UnsupportedMediaTypeError,
)
from exeat.admin.route import Route
from exeat.errors import ExeatError, InvalidRequestError, NotAuthenticatedError, UnavailableError

_ANY: tuple[type[ExeatError], ...] = (
    MisdirectedError, BrowserRefusedError, MalformedError, InvalidRequestError, UnavailableError,
)  # fmt: skip
"""What any call may be answered with; so may 500, of which nothing more is said."""
_AUTHENTICATED: tuple[type[ExeatError], ...] = (NotAuthenticatedError, ForbiddenError)
_CHANGING: tuple[type[ExeatError], ...] = (BodyTooLargeError, UnsupportedMediaTypeError, ReplayMismatchError)

_REFERENCE = "#/components/schemas/{model}"
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request is answered the same for ten minutes and done once.",
    "schema": {"type": "string", "pattern": "^[!-~]{1,255}$"},
}


def describe(routes: Sequence[Route]) -> dict[str, Any]:
    """Return the description of ``routes`` as JSON."""
    schemas, definitions = _schemas(routes)
    paths: dict[str, dict[str, Any]] = defaultdict(dict)
    for route in routes:
        paths[route.path][route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Exeat admin API",
            "version": __version__,
            "description": "Opens, changes, watches and ends missions. Errors are RFC 9457 problems with stable codes.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": dict(paths),
        "components": {
            "schemas": definitions,
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


_Mode = Literal["validation", "serialization"]
_Schemas = Mapping[Any, Any]
"""By model and mode."""


def _schemas(routes: Iterable[Route]) -> tuple[_Schemas, Mapping[str, Any]]:
    """References to every model in use, and what they refer to."""
    wanted: dict[tuple[type[BaseModel], _Mode], None] = {(Problem, "validation"): None}
    for route in routes:
        for model in (route.body, route.answer):
            if model is not None:
                wanted[model, "validation"] = None
    schemas, document = models_json_schema(list(wanted), ref_template=_REFERENCE)
    return schemas, document.get("$defs", {})


def _operation(route: Route, schemas: _Schemas) -> dict[str, Any]:
    inputs: list[tuple[str, bool, Segment | Parameter]] = [("path", True, each) for each in route.segments]
    inputs += [("query", False, each) for each in route.query]
    parameters: list[Any] = [
        {
            "name": each.name,
            "in": place,
            "required": required,
            "description": each.summary,
            "schema": each.schema(),
        }
        for place, required, each in inputs
    ]
    operation: dict[str, Any] = {
        "operationId": _name(route),
        "summary": route.summary,
        "x-permission": route.permission,
        "security": [] if route.permission is None else [{"token": []}],
        "responses": {str(route.status): _answer(route, schemas)} | _problems(route, schemas),
    }
    if route.body is not None:
        schema = schemas[route.body, "validation"]
        operation["requestBody"] = {"content": {"application/json": {"schema": schema}}}
    if route.changes and not route.asks:
        parameters.append(_KEY)
    return operation | ({"parameters": parameters} if parameters else {})


def _answer(route: Route, schemas: _Schemas) -> dict[str, Any]:
    schema = {} if route.answer is None else {"schema": schemas[route.answer, "validation"]}
    return {"description": route.summary, "content": {route.media: schema}}


def _problems(route: Route, schemas: _Schemas) -> dict[str, Any]:
    errors = {*_ANY, *route.problems}
    if route.permission is not None:
        errors |= {*_AUTHENTICATED}
    if route.changes:
        errors |= {*_CHANGING}
    codes: dict[int, set[str]] = defaultdict(set)
    codes[500].add("internal_error")
    for error in errors:
        codes[error.status].add(error.code)
    content = {"application/problem+json": {"schema": schemas[Problem, "validation"]}}
    return {
        str(status): {"description": f"code: {', '.join(sorted(names))}", "content": content}
        for status, names in sorted(codes.items())
    }


def _name(route: Route) -> str:
    """``post_missions_id_revoke``."""
    words = re.findall(r"[A-Za-z0-9]+", route.path.removeprefix("/v1"))
    return "_".join([route.method.lower(), *words]) or "root"
