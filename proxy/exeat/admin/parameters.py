"""Query parameters, read strictly.

Must not know: which call they are for.
"""

from __future__ import annotations

import difflib

from aiohttp import web

from exeat.missions.errors import FieldError, InvalidFieldsError

ADMIN = "admin"
"""Who asks, as records name them: there is one admin token yet."""


def only(request: web.Request, *names: str) -> None:
    """Raise InvalidFieldsError for a parameter that isn't among ``names``, or is given twice."""
    for name in request.query:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            message = f"unknown parameter; did you mean {close[0]!r}?" if close else "unknown parameter"
            raise InvalidFieldsError([FieldError(name[:64], message)])
        if len(request.query.getall(name)) > 1:
            raise InvalidFieldsError([FieldError(name, "given twice")])


def limit(request: web.Request, default: int, most: int) -> int:
    """Return ``?limit=``, from 1 to ``most``."""
    text = request.query.get("limit", str(default))
    if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= most):
        raise InvalidFieldsError([FieldError("limit", f"write a number from 1 to {most}")])
    return int(text)
