"""The types of single values, and what every table has in common.

Must not know: any table, files, positions.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer

from exeat.config.endpoints import check_server_url

_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SCOPE = re.compile(r"[!#-\[\]-~]+(?: [!#-\[\]-~]+)*")
_SIZE = re.compile(r"(\d+)\s*(b|kb|kib|mb|mib|gb|gib)?", re.IGNORECASE)
_SIZES = {"b": 1, "kb": 1000, "kib": 1024, "mb": 1000**2, "mib": 1024**2, "gb": 1000**3, "gib": 1024**3}


def _duration(value: Any) -> float:
    if isinstance(value, str) and (match := _DURATION.fullmatch(value)):
        return float(match[1]) * _UNITS[match[2]]
    if isinstance(value, timedelta):
        return value.total_seconds()
    raise ValueError("write a duration as a number and a unit: '500ms', '60s', '30m', '12h', '7d'")


def _size(value: Any) -> int:
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and (match := _SIZE.fullmatch(value)):
        return int(match[1]) * _SIZES[(match[2] or "b").lower()]
    raise ValueError("write a size in bytes, or with a unit: '64KiB', '10MiB'")


def _day(value: Any) -> float:
    """A date means the end of that day, UTC: what expires on the 30th still works on the 30th."""
    if isinstance(value, str):
        try:
            value = date.fromisoformat(value)
        except ValueError:
            raise ValueError("write a date as YYYY-MM-DD") from None
    if isinstance(value, datetime):
        return (value if value.tzinfo else value.replace(tzinfo=UTC)).timestamp()
    if isinstance(value, date):
        return datetime.combine(value + timedelta(days=1), time(), UTC).timestamp()
    raise ValueError("write a date as YYYY-MM-DD")


def _scope(value: str) -> str:
    if not _SCOPE.fullmatch(value):
        raise ValueError("must be the server's scopes with one space between, as in 'items:read items:write'")
    return value


Duration = Annotated[
    float,
    BeforeValidator(_duration),
    PlainSerializer(lambda s: f"{s:g}s", return_type=str),
    Field(json_schema_extra={"type": "string", "examples": ["30m"]}),
]
"""Seconds; written ``"30m"``."""
Size = Annotated[
    int,
    BeforeValidator(_size),
    Field(json_schema_extra={"type": ["integer", "string"], "examples": ["64KiB"]}),
]
"""Bytes; written ``"64KiB"`` or as a number."""
Day = Annotated[float, BeforeValidator(_day), Field(json_schema_extra={"type": "string", "format": "date"})]
"""The first second after the day written, seconds since the epoch, UTC."""
Name = Annotated[str, Field(pattern=r"^[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?$")]
"""Lower-case letters, digits, '.', '_' and '-', 63 at most."""
Method = Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_LOCAL = r"env:[A-Za-z_][A-Za-z0-9_]*|file:.+|exec:.+|systemd:[A-Za-z0-9_@:-][A-Za-z0-9._@:-]*|keyring:[^/]+/.+"
_KEPT = r"store:[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?|vault:[A-Za-z0-9_-][A-Za-z0-9._/-]*#[A-Za-z0-9_.-]+"
_AWS = r"aws-secretsmanager:[A-Za-z0-9/_+=.@:-]{1,160}(?:#[A-Za-z0-9_.-]+)?"
_GOOGLE = (
    r"google-secretmanager:projects/[a-z0-9-]{1,63}/secrets/[A-Za-z0-9_-]{1,255}"
    r"(?:/versions/[A-Za-z0-9_-]{1,63})?(?:#[A-Za-z0-9_.-]+)?"
)
LocalReference = Annotated[str, Field(pattern=rf"^({_LOCAL})$")]
"""Where a secret is on this host: ``env:NAME``, ``file:PATH``, ``exec:COMMAND ARG…`` (no shell; it prints the secret alone)
``systemd:NAME`` (a credential that systemd hands to the unit) or ``keyring:SERVICE/USER`` (the keyring of the user who runs us)."""
SourceReference = Annotated[str, Field(pattern=rf"^({_LOCAL}|{_KEPT}|{_AWS}|{_GOOGLE})$")]
"""Where a secret is: on this host as above, or ``store:NAME`` (sealed in our store, by ``exeat secret set``) or
``vault:MOUNT/PATH#FIELD`` (a KV engine of the vault of ``[secrets.vault]``), ``aws-secretsmanager:NAME[#FIELD]`` (``[secrets.aws]``) or
``google-secretmanager:projects/P/secrets/S[/versions/V][#FIELD]`` (``[secrets.google]``)."""
ServerUrl = Annotated[str, AfterValidator(check_server_url)]
KeysUrl = Annotated[
    str, AfterValidator(lambda url: url and check_server_url(url, "could be given other keys on the way"))
]
"""Where public keys are; ``""`` for nowhere."""
Scope = Annotated[str, AfterValidator(_scope)]
"""Scopes with a space between (RFC 6749 §3.3)."""

_is_local = re.compile(_LOCAL).fullmatch


def is_local(reference: str) -> bool:
    """Whether a secret's source is on this host."""
    return _is_local(reference) is not None


Count = Annotated[int, Field(strict=True, ge=0, le=2**53)]
"""How many of something; what JSON can carry exactly."""
Model = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
"""A language model, as its provider calls it."""


class Table(BaseModel):
    """A TOML table: frozen, unknown keys refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)
