"""The settings model read as a tree: which table lies at a path, which keys it knows, what kind of value a key takes.

Must not know: values, files, environment variables.
"""

from __future__ import annotations

import types
from collections.abc import Mapping
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


def keys(table: type[Table]) -> Mapping[str, FieldInfo]:
    """A table's keys as written in TOML."""
    return {info.alias or key: info for key, info in table.model_fields.items()}


def field_at(path: tuple[str | int, ...], table: type[Table] = Settings) -> FieldInfo | None:
    """The field at a path, or None when the model has none there."""
    info: FieldInfo | None = None
    for part in path:
        if isinstance(part, int):
            continue
        within = table if info is None else table_of(info)
        info = keys(within).get(part) if within is not None else None
        if info is None:
            return None
    return info


def table_of(info: FieldInfo) -> type[Table] | None:
    """The table class a field holds (for a list of tables, of each one), or None."""
    annotation = _strip(info.annotation)
    if get_origin(annotation) is tuple:
        annotation = _strip(get_args(annotation)[0])
    return annotation if isinstance(annotation, type) and issubclass(annotation, Table) else None


def table_at(path: tuple[str | int, ...]) -> type[Table] | None:
    """The table class at a path; the empty path is the whole file."""
    if not path:
        return Settings
    info = field_at(path)
    return None if info is None else table_of(info)
