"""What of a stored text is the secret: all of it, or one field of the JSON object that it is.

Must not know: who stores it.
"""

from __future__ import annotations

from exeat.credentials.oauth.strict_json import read_object
from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret


def field_of(text: str, field: str) -> Secret:
    """Return the field, or everything when it is ``""``; one newline at the end is not part of it, as in a file.

    Raise RefusalError(TOKEN_UNAVAILABLE), which quotes nothing, when there is no such field that is a text.
    """
    if not field:
        return Secret(text.removesuffix("\n").removesuffix("\r"))
    try:
        value = read_object(text.encode("utf-8", "surrogatepass")).get(field)
    except ValueError:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "what is stored is not one JSON object") from None
    if not isinstance(value, str) or not value:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, f"what is stored has no text {field!r}")
    return Secret(value)
