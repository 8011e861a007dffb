"""Plain bodies, JSON or a form: nothing is selected, captures point into the whole, nested keys of a form as into JSON.

Must not know: operations, resources.
"""

from __future__ import annotations

from collections.abc import Mapping

from exeat.model.request import CanonicalRequest
from exeat.services.query import plain_key
from exeat.services.readers.brackets import read_nested
from exeat.services.readers.media import check_form, check_json
from exeat.services.readers.pairs import pairs_in_order
from exeat.services.readers.reading import Asked, UnreadableError
from exeat.services.readers.strict_json import read_json


def read_json_body(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read a JSON body; raise UnreadableError."""
    check_json(request)
    value = read_json(body)
    if isinstance(value, dict):
        _check_override(request, value)
    return (Asked("", value),)


def read_form_body(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read a urlencoded form; raise UnreadableError, also for two keys that a server could take for one."""
    check_form(request)
    try:
        pairs = pairs_in_order(body.decode("ascii"))
    except UnicodeDecodeError:
        raise UnreadableError("the form is not urlencoded") from None
    found = read_nested(pairs)
    _check_override(request, found)
    return (Asked("", found),)


def _check_override(request: CanonicalRequest, members: Mapping[str, object]) -> None:
    """``_method`` in a body overrides the method in several frameworks (matrix P05)."""
    for key, value in members.items():
        if plain_key(key) == "_method" and value != request.method:
            raise UnreadableError("the body asks for another method than the request line")
