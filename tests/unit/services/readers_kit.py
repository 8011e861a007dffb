"""Requests and bodies for the tests of the readers."""

from __future__ import annotations

import json

from exeat.model.request import CanonicalRequest
from exeat.services.readers.reading import UnreadableError


def posted(content_type="application/json", *fields, query="", method="POST", has_body=True):
    headers = ((b"content-type", content_type.encode()),) if content_type else ()
    return CanonicalRequest(method, "https", "h.test", 443, "/p", query, headers + fields, "HTTP/1.1", has_body)


def text(value):
    return value if isinstance(value, bytes) else json.dumps(value).encode()


def selects(reader, value, **more):
    """What a reader finds, by name."""
    return [asked.select for asked in reader(posted(**more), text(value))]


def why(reader, value, request=None):
    """Why a reader refuses; fails when it doesn't."""
    try:
        found = reader(request or posted(), text(value))
    except UnreadableError as error:
        return error.detail
    raise AssertionError(f"read as {found}")
