"""``EXEAT_SECTION__KEY=value``: environment variables that replace single values of the file.

Names are the path in capitals, joined by two underscores; entries of a list by their number from 0
(``EXEAT_SERVICE__0__SHARED__SOURCE``). Lists are written as JSON or with commas, maps as JSON or ``key=value`` with
commas, tables and lists of tables as JSON. Must not know: what a setting means, where the file is.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import NoneType
from typing import Any, get_args

import orjson

from exeat.config.fields import Kind, field_at, keys, kind_of, name
from exeat.config.settings import Settings
from exeat.errors import Finding

RESERVED = frozenset({"EXEAT_CONFIG", "EXEAT_NO_INPUT", "EXEAT_MISSION", "EXEAT_NO_PROGRESS", "EXEAT_DEBUG"})
"""Variables with a meaning of their own."""
_PREFIX = "EXEAT_"


class _WrongError(Exception):
    """A variable's value can't be read; the text says how to write it and never quotes it: it may be a secret."""


@dataclass(frozen=True, slots=True)
class Overridden:
    """The merged values, which variable each overridden path came from, and what was wrong or strange."""

    values: dict[str, Any]
    origins: Mapping[tuple[str | int, ...], str]
    findings: tuple[Finding, ...]
    warnings: tuple[Finding, ...]


def override(values: Mapping[str, Any], environ: Mapping[str, str]) -> Overridden:
    """Lay the variables over the file's values, which stay untouched."""
    merged = copy.deepcopy(dict(values))
    origins: dict[tuple[str | int, ...], str] = {}
    findings: list[Finding] = []
    warnings: list[Finding] = []
    for variable in sorted(environ):
        if not variable.startswith(_PREFIX) or variable in RESERVED:
            continue
        path = tuple(int(part) if part.isdecimal() else part for part in variable[len(_PREFIX) :].lower().split("__"))
        if path[0] not in keys(Settings):
            warnings.append(
                Finding(f"${variable}", "names no section and is ignored", fix=_suggest(path), warning=True)
            )
            continue
        try:
            _set(merged, path, environ[variable])
        except _WrongError as wrong:
            findings.append(Finding(f"${variable}", str(wrong), field=name(path)))
        else:
            origins[path] = variable
    return Overridden(merged, origins, tuple(findings), tuple(warnings))


def _suggest(path: tuple[str | int, ...]) -> str:
    close = get_close_matches(str(path[0]), keys(Settings), 1)
    return f"did you mean {_PREFIX}{close[0].upper()}?" if close else "sections are: " + ", ".join(keys(Settings))


def _set(values: dict[str, Any], path: tuple[str | int, ...], text: str) -> None:
    value = _read(path, text)
    target: Any = values
    for index, part in enumerate(path[:-1]):
        if isinstance(target, dict) and part not in target and isinstance(path[index + 1], str):
            target[str(part)] = {}
        target = _step(target, part)
    last = path[-1]
    if isinstance(target, dict) and isinstance(last, str):
        target[last] = value
        return
    _step(target, last)
    target[last] = value


def _step(target: Any, part: str | int) -> Any:
    if isinstance(target, dict) and isinstance(part, str):
        return target.get(part)
    if isinstance(target, list) and isinstance(part, int) and part < len(target):
        return target[part]
    raise _WrongError("there is no such entry in the file; entries are counted from 0")


def _read(path: tuple[str | int, ...], text: str) -> Any:
    info = field_at(path)
    if info is None:  # an unknown key or one inside a map: the model says so, naming the variable
        return text
    kind = kind_of(info.annotation)
    if isinstance(path[-1], int):
        kind = Kind.TABLE if kind is Kind.TABLES else Kind.SCALAR
    if kind is Kind.SCALAR:
        if not text and NoneType in get_args(info.annotation):
            return None
        if not text and info.annotation is not str:
            raise _WrongError("is empty; give it a value or unset it")
        return text
    stripped = text.strip()
    if stripped.startswith(("[", "{")):
        return _json(stripped, "{" if kind in (Kind.TABLE, Kind.MAP) else "[")
    if kind is Kind.LIST:
        return [part.strip() for part in text.split(",") if part.strip()]
    if kind is Kind.MAP:
        pairs = [part.strip().partition("=") for part in text.split(",") if part.strip()]
        if not all(separator for _, separator, _ in pairs):
            raise _WrongError("write key=value pairs with commas between them, or a JSON object")
        return {key.strip(): value.strip() for key, _, value in pairs}
    raise _WrongError(f"is a {kind}; write it as JSON")


def _json(text: str, opening: str) -> Any:
    if not text.startswith(opening):
        raise _WrongError("write a JSON " + ("object: {…}" if opening == "{" else "list: […]"))
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise _WrongError(f"isn't valid JSON at column {error.colno}") from None
