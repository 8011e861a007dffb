"""The settings model read as a tree: which table lies at a path, which keys it knows, what kind of value a key takes.

Must not know: values, files, environment variables.
"""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from exeat.config.settings import Settings
from exeat.config.values import Table


class Kind(StrEnum):
    """What a key takes."""

    SCALAR = "value"
    LIST = "list"
    TABLES = "list of tables"
    MAP = "table of texts"
    TABLE = "table"


def name(path: tuple[str | int, ...]) -> str:
    """A path in TOML's terms: ``service[0].operation[2].group``; keys that need quotes get them."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            bare = part.replace("_", "").replace("-", "").isalnum() and part.isascii()
            text += ("." if text else "") + (part if bare else f'"{part}"')
    return text


def _strip(annotation: Any) -> Any:
    """An annotation without ``Annotated`` and without ``| None``."""
    while True:
        if get_origin(annotation) is Annotated:
            annotation = get_args(annotation)[0]
        elif get_origin(annotation) in (Union, types.UnionType):
            annotation = next(arg for arg in get_args(annotation) if arg is not type(None))
        else:
            return annotation


def kind_of(annotation: Any) -> Kind:
    """The kind of a field's annotation."""
    annotation = _strip(annotation)
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return Kind.TABLE
    origin = get_origin(annotation)
    if origin is tuple:
        return Kind.TABLES if kind_of(get_args(annotation)[0]) is Kind.TABLE else Kind.LIST
    return Kind.MAP if origin is dict else Kind.SCALAR


def keys(*tables: type[Table]) -> Mapping[str, FieldInfo]:
    """The keys of a table as written in TOML; where it may be of several kinds, those of all of them."""
    return {info.alias or key: info for table in reversed(tables) for key, info in table.model_fields.items()}


def field_at(path: tuple[str | int, ...], table: type[Table] = Settings) -> FieldInfo | None:
    """The field at a path, or None when the model has none there."""
    info: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        within = (table,) if info is None else tables_of(info)
        info = keys(*within).get(part)
        if info is None:
            return None
    return info


def tables_of(info: FieldInfo) -> tuple[type[Table], ...]:
    """The table classes a field may hold (for a list of tables, each one of them): several where a key tells their kinds."""
    annotation = info.annotation
    if get_origin(_strip(annotation)) is tuple:
        annotation = get_args(_strip(annotation))[0]
    return tuple(each for each in _choices(annotation) if isinstance(each, type) and issubclass(each, Table))


def _choices(annotation: Any) -> Iterator[Any]:
    if get_origin(annotation) is Annotated:
        yield from _choices(get_args(annotation)[0])
    elif get_origin(annotation) in (Union, types.UnionType):
        for each in get_args(annotation):
            yield from _choices(each)
    else:
        yield annotation


def tables_at(path: tuple[str | int, ...]) -> tuple[type[Table], ...]:
    """The table classes at a path; the empty path is the whole file."""
    if not path:
        return (Settings,)
    info = field_at(path)
    return () if info is None else tables_of(info)
