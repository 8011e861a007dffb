"""A client of a running proxy's admin API, on the standard library alone because it has to start quickly.

The token is read from the file that only its owner can read and goes to the configured loopback listener, nowhere else.
Must not know: any verb, what an answer means.
"""

from __future__ import annotations

import http.client
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, urlencode

import orjson

from exeat.config.endpoints import Listener, parse_listener
from exeat.errors import (
    AdminError,
    CeilingError,
    ConflictError,
    ExeatError,
    InvalidRequestError,
    NotAuthenticatedError,
    NotFoundError,
    UnavailableError,
)
from exeat.files import read_private
from exeat.model.secret import Secret

if TYPE_CHECKING:
    from exeat.config.loading import Loaded

_LARGEST = 64 * 1024 * 1024
"""No answer of ours comes near; a stranger on the port can't fill our memory."""
_ERRORS: Mapping[int, type[AdminError]] = {
    400: InvalidRequestError,
    401: NotAuthenticatedError,
    403: CeilingError,
    404: NotFoundError,
    409: ConflictError,
    422: InvalidRequestError,
}


@dataclass(frozen=True, slots=True)
class AdminClient:
    """One proxy's admin API. ``timeout`` in seconds; a revoke may wait for workers to acknowledge."""

    listener: Listener
    token: Secret | None
    timeout: float = 30.0

    @classmethod
    def of(cls, loaded: Loaded) -> Self:
        """The client for a configuration.

        Raise UnavailableError when there is no token yet, StartError when its file isn't private.
        """
        listener = parse_listener(loaded.settings.admin.listen)
        path = loaded.path(loaded.settings.admin.token_file)
        if not path.exists():
            path = login_file(listener)
        if not path.exists():
            raise UnavailableError(
                f"there is no admin token at {loaded.path(loaded.settings.admin.token_file)}; is exeat serve running"
                " with this configuration? exeat login gets a session where [admin.oidc] is set"
            )
        return cls(listener, Secret(read_private(path).decode("ascii", "replace").strip()))

    def get(self, path: str, **query: object) -> Any:
        """Read; ``None`` and empty query values are left out. Raises as :meth:`request`."""
        chosen = {key: value for key, value in query.items() if value not in (None, "")}
        return self.request("GET", path + ("?" + urlencode(chosen) if chosen else ""))

    def delete(self, path: str, **query: object) -> Any:
        """Take something away; empty query values are left out. Raises as :meth:`request`."""
        chosen = {key: value for key, value in query.items() if value not in (None, "")}
        return self.request("DELETE", path + ("?" + urlencode(chosen) if chosen else ""))

    def post(self, path: str, body: Mapping[str, object]) -> Any:
        """Change something. Raises as :meth:`request`."""
        return self.request("POST", path, body)

    def request(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        """Send one request and return the answer's JSON.

        Raise UnavailableError when nobody answers sensibly, else the AdminError that the answer's status stands for.
        """
        headers = {"Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token.reveal()}"
        content = None
        if body is not None:
            content = orjson.dumps(body)
            headers["Content-Type"] = "application/json"
        connection = http.client.HTTPConnection(self.listener.host, self.listener.port, timeout=self.timeout)
        try:
            connection.request(method, path, content, headers)
            response = connection.getresponse()
            answer = response.read(_LARGEST + 1)
        except ConnectionRefusedError:
            raise UnavailableError(f"nothing listens on {self.listener}; is exeat serve running?") from None
        except TimeoutError:
            raise UnavailableError(f"{self.listener} didn't answer within {self.timeout:g} s") from None
        except (OSError, http.client.HTTPException, ValueError) as error:
            # The class alone: a library's text could quote the header with the token.
            raise UnavailableError(f"{self.listener} can't be asked: {type(error).__name__}") from None
        finally:
            connection.close()
        return _read(self.listener, response.status, answer)


def login_file(listener: Listener) -> Path:
    """Where ``exeat login`` keeps a session, for whoever has no ``admin.token_file``."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "exeat" / f"{listener.host}_{listener.port}.token"


def segment(text: str) -> str:
    """One path segment of a URL, whatever the text holds."""
    return quote(text, safe="")


def _read(listener: Listener, status: int, answer: bytes) -> Any:
    try:
        data = orjson.loads(answer) if len(answer) <= _LARGEST else None
    except orjson.JSONDecodeError:
        data = None
    if status < 300 and data is not None:
        return data
    if status < 400 or not isinstance(data, dict):
        raise UnavailableError(f"{listener} answered {status} in a way that isn't Exeat's admin API")
    raise _problem(status, data)


def _problem(status: int, data: Mapping[str, Any]) -> ExeatError:
    """The error an RFC 9457 problem stands for: its detail, each field's message, its hint."""
    text = str(data.get("detail") or data.get("title") or f"refused with {status}")
    errors = data.get("errors")
    for entry in errors if isinstance(errors, list) else []:
        if isinstance(entry, dict) and str(entry.get("message", "")) not in text:
            text += f"; {entry.get('field') or '-'}: {entry['message']}"
    if status == 503:
        return UnavailableError(text)
    return _ERRORS.get(status, AdminError)(text, str(data.get("hint") or ""))
