"""Header fields as a lenient server may read them, so that a field which is judged can't hide.

Must not know: what any field means.
"""

from __future__ import annotations

from exeat.model.request import CanonicalRequest
from exeat.services.readers.reading import UnreadableError

_PLAIN = bytes(each if chr(each).isalnum() and each < 128 else ord("-") for each in range(256))


def plain_name(name: bytes) -> bytes:
    """What a server that hands fields on as variables takes a name for: CGI and WSGI know no sign but one (RFC 3875 §4.1.18)."""
    return name.translate(_PLAIN)


def only_field(request: CanonicalRequest, name: str) -> str | None:
    """The value of a field that may come once, None without it; raise UnreadableError when it has two readings."""
    raw = name.encode("ascii")
    found = [(key, value) for key, value in request.headers if plain_name(key) == raw]
    if not found:
        return None
    if len(found) > 1 or found[0][0] != raw:
        raise UnreadableError(f"the field {name} comes twice, or spelled in another way")
    try:
        return found[0][1].decode("ascii")
    except UnicodeDecodeError:
        raise UnreadableError(f"the field {name} is not ASCII") from None
