"""Is what GitHub granted what was asked for? From the page "Create an installation access token for an app".

Tokens are opaque, of any length: since 2026 they look like ``ghs_APPID_JWT``. Must not know: networks, keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from exeat.credentials.github.wanted import LEVELS, Wanted
from exeat.errors import RefusalError
from exeat.model.issuing.github_app import GITHUB_LIFE
from exeat.model.reason import Reason
from exeat.model.secret import Secret

_VALUE = re.compile(r"[!-~]{1,8192}")
_SKEW = 60.0
"""Seconds by which GitHub's clock may differ from ours."""


@dataclass(frozen=True, slots=True)
class Granted:
    """A token no wider than wanted, and its end of life in epoch seconds."""

    value: Secret = field(repr=False)
    expires_at: float


def granted_value(fields: Mapping[str, Any]) -> Secret:
    """The token of an answer; raise RefusalError(TOKEN_UNAVAILABLE) when none can travel in a header."""
    value = fields.get("token")
    if not isinstance(value, str) or not _VALUE.fullmatch(value):
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "GitHub's answer holds no token that a header can carry")
    return Secret(value)


def check_granted_token(fields: Mapping[str, Any], wanted: Wanted, *, sent: float, now: float) -> Granted:
    """Return the token of an answer to a request of the time ``sent``.

    Raise RefusalError(TOKEN_TOO_WIDE) when it opens another repository or holds another permission than wanted, lives longer
    than GitHub's tokens do, or doesn't say; RefusalError(TOKEN_UNAVAILABLE) when it is none, or already over.
    """
    value = granted_value(fields)
    _check_permissions(fields.get("permissions"), wanted)
    if wanted.repositories:
        _check_repositories(fields, wanted)
    ends = _end(fields.get("expires_at"))
    if not ends <= now + GITHUB_LIFE + _SKEW:
        raise _wide(f"{ends - now:.0f} s of life")
    if ends <= now:
        raise RefusalError(Reason.TOKEN_UNAVAILABLE, "GitHub granted a token that is over")
    return Granted(value, min(ends, sent + GITHUB_LIFE))


def _check_permissions(granted: object, wanted: Wanted) -> None:
    if not isinstance(granted, dict):
        raise _wide("a token that doesn't say its permissions")
    for name, level in granted.items():
        if level not in LEVELS:
            raise _wide(f"a level of {name!r} that isn't known")
        if (name, level) == ("metadata", "read"):  # every app has it, and it comes with every other permission
            continue
        asked = wanted.permissions.get(name)
        if asked is None or LEVELS.index(level) > LEVELS.index(asked):
            raise _wide(f"the permission {name}:{level}")


def _check_repositories(fields: Mapping[str, Any], wanted: Wanted) -> None:
    if fields.get("repository_selection") != "selected":
        raise _wide("all repositories of the installation")
    listed = fields.get("repositories")
    if not isinstance(listed, list) or not listed:
        raise _wide("a token that doesn't say its repositories")
    names = {each.get("full_name") if isinstance(each, dict) else None for each in listed}
    asked = {f"{wanted.owner}/{name}" for name in wanted.repositories}
    if not all(isinstance(name, str) and name.lower() in asked for name in names):
        raise _wide("another repository than asked")


def _end(stated: object) -> float:
    try:
        moment = datetime.fromisoformat(stated) if isinstance(stated, str) else None
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise _wide("a token without expires_at")
    return moment.timestamp()


def _wide(what: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_TOO_WIDE, f"GitHub granted {what}")
