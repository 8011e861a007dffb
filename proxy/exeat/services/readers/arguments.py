"""Arguments that a method takes as JSON, as a form or in the query, whichever a client likes: Slack's Web API and its kin.

They are read from exactly one place: the body where there is one, else the query. A body and a query that both name what is
captured are refused. Must not know: methods, operations.
"""

from __future__ import annotations

from exeat.model.request import CanonicalRequest
from exeat.services.readers.document import read_form_body, read_json_body
from exeat.services.readers.media import FORM, media_type
from exeat.services.readers.pairs import read_pairs
from exeat.services.readers.reading import Asked, UnreadableError


def arguments_in_body(request: CanonicalRequest) -> bool:
    """Whether the arguments lie in a body."""
    return request.has_body


def read_arguments(request: CanonicalRequest, body: bytes) -> tuple[Asked, ...]:
    """Read the arguments of one call; raise UnreadableError."""
    if not request.has_body:
        return (Asked("", read_pairs(request.query)),)
    if request.method == "GET":
        raise UnreadableError("a body where the query has the arguments")
    return read_form_body(request, body) if media_type(request) == FORM else read_json_body(request, body)
