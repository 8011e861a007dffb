"""A route: everything there is to say about one call, said once.

The application registers handlers from these declarations, the guard reads its permission from them, and the OpenAPI
description is made of them, so that none of the three can say something else. Must not know: any particular call.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, final

from aiohttp import web
from pydantic import BaseModel

from exeat.admin.bodies import Body
from exeat.admin.call import Call
from exeat.admin.parameters import Parameter, Segment
from exeat.admin.roles import Permission
from exeat.errors import ExeatError

Answer = Mapping[str, Any] | web.StreamResponse
"""What a handler returns: the JSON of an answer, or a response of its own (a page, a stream)."""
Problem = type[ExeatError]


@final
@dataclass(frozen=True, slots=True)
class Route:
    """One call.

    ``permission`` None: whoever reaches the listener may call. ``answer`` None: the answer isn't JSON but of ``media``.
    ``problems`` are those of its own; what any call may be answered with is added by ``description``.
    """

    method: str
    path: str
    handler: Callable[..., Awaitable[Answer]]
    permission: Permission | None
    summary: str
    answer: type[BaseModel] | None
    segments: tuple[Segment, ...] = ()
    query: tuple[Parameter, ...] = ()
    body: type[Body] | None = None
    status: int = 200
    problems: tuple[Problem, ...] = ()
    media: str = "application/json"
    others: bool = False
    """Somebody else makes the query, and may add to it; what isn't declared is left alone."""
    asks: bool = False
    """A POST that changes nothing: a question too large for a URL."""

    def __post_init__(self) -> None:
        if set(re.findall(r"{(\w+)", self.path)) != {segment.name for segment in self.segments}:
            raise ValueError(f"{self.path} and its segments disagree")

    @property
    def changes(self) -> bool:
        """Whether the call may change something."""
        return self.method not in ("GET", "HEAD")


def get(
    path: str,
    handler: Callable[[Call], Awaitable[Answer]],
    permission: Permission | None,
    summary: str,
    answer: type[BaseModel] | None = None,
    **more: Any,
) -> Route:
    """Declare a call that only looks; ``more`` as in :class:`Route`."""
    return Route("GET", path, handler, permission, summary, answer, **more)


def post[B: Body](
    path: str,
    handler: Callable[[Call, B], Awaitable[Answer]],
    permission: Permission | None,
    summary: str,
    answer: type[BaseModel] | None,
    *,
    body: type[B],
    **more: Any,
) -> Route:
    """Declare a call that takes a JSON body; ``more`` as in :class:`Route`."""
    return Route("POST", path, handler, permission, summary, answer, body=body, **more)


def delete(
    path: str,
    handler: Callable[[Call], Awaitable[Answer]],
    permission: Permission,
    summary: str,
    answer: type[BaseModel],
    **more: Any,
) -> Route:
    """Declare a call that takes something away; ``more`` as in :class:`Route`."""
    return Route("DELETE", path, handler, permission, summary, answer, **more)
