"""Whether a body is what its header fields call it, in an encoding that is read here.

Cites: RFC 9110 §8.3 (Content-Type) and §8.4 (Content-Encoding); security matrix P06. Must not know: what is in the body.
"""

from __future__ import annotations

import re

from exeat.model.request import CanonicalRequest
from exeat.services.readers.reading import UnreadableError

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 a token of RFC 9110 §5.6.2
_PARAMETER = re.compile(rf'[\t ]*;[\t ]*(?P<name>{_TOKEN})=(?:(?P<plain>{_TOKEN})|"(?P<quoted>[^"\\;,]*)")')
_TYPE = re.compile(rf"(?P<type>{_TOKEN}/{_TOKEN})(?P<parameters>.*)")
_JSON = re.compile(r"application/(?:json|[a-z0-9!#$&^_.-]+\+json)")
FORM = "application/x-www-form-urlencoded"


def check_json(request: CanonicalRequest, *, exact: bool = False) -> None:
    """Raise UnreadableError unless the body says it is JSON in UTF-8; ``exact`` refuses ``…+json`` too."""
    found = media_type(request)
    if found != "application/json" and (exact or not _JSON.fullmatch(found)):
        raise UnreadableError("the body is not application/json")


def check_form(request: CanonicalRequest) -> None:
    """Raise UnreadableError unless the body says it is a urlencoded form in UTF-8."""
    check_type(request, FORM)


def check_type(request: CanonicalRequest, *wanted: str) -> None:
    """Raise UnreadableError unless the body says it is exactly of one of these types."""
    if media_type(request) not in wanted:
        raise UnreadableError(f"the body is not {wanted[0]}")


def media_type(request: CanonicalRequest) -> str:
    """The media type in lower case, its parameters checked."""
    if request.header(b"content-encoding"):
        raise UnreadableError("an encoded body is not read here")
    values = request.header(b"content-type")
    if len(values) != 1:
        raise UnreadableError("the body has no one content type")
    try:
        found = _TYPE.fullmatch(values[0].decode("ascii"))
    except UnicodeDecodeError:
        found = None
    if found is None:
        raise UnreadableError("the content type is malformed")
    seen: set[str] = set()
    end = 0
    parameters = found["parameters"].rstrip(" \t")
    while end < len(parameters):
        parameter = _PARAMETER.match(parameters, end)
        if parameter is None:
            raise UnreadableError("the content type is malformed")
        name = parameter["name"].lower()
        value = parameter["plain"] if parameter["quoted"] is None else parameter["quoted"]
        if (
            name in seen
            or name.startswith("charset*")
            or (name == "charset" and value.lower() not in ("utf-8", "utf8"))
        ):
            raise UnreadableError("the body is not in UTF-8")
        seen.add(name)
        end = parameter.end()
    return found["type"].lower()
