"""What a refused value is told: the model's complaints in plain words, with a fix.

Values are never quoted: a wrong one may be a secret somebody pasted into the wrong place. Must not know: files, lines.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any

from exeat.config.fields import Kind, field_at, keys, kind_of, tables_at

_FORMS = {
    "name": "must be lower-case letters, digits, '.', '_' and '-', at most 63, beginning and ending with a letter or digit",
    "source": "must be 'store:NAME', 'env:NAME', 'file:PATH', 'exec:COMMAND' or another source; a secret itself never stands here",
    "client_secret": "must be 'store:NAME', 'env:NAME', 'file:PATH', 'exec:COMMAND' or another source; a secret itself never stands here",
    "match": "must be 'METHOD[,METHOD] /path', as in 'GET,HEAD /v1/orders/{id}'",
    "action": "must be letters, digits and '. _ / -', as in 'orders/create'",
    "type": "must be a word in CamelCase, as in 'Repo'",
    "namespace": "must be a word in CamelCase, as in 'GitHub'",
    "trust_domain": "must be lower-case letters, digits, '.', '_' and '-'",
}
_NAMES = frozenset({"environment", "groups", "agents"})
_KINDS = {
    "bool": "must be true or false",
    "int": "must be a whole number",
    "float": "must be a number",
    "string": "must be text in quotes",
    "path": "must be a path in quotes",
    "tuple": "must be a list: [ … ]",
    "list": "must be a list: [ … ]",
    "dict": "must be a table: { key = value }",
    "model": "must be a table",
}


def explain(kind: str, path: tuple[str | int, ...], context: Mapping[str, Any], text: str) -> tuple[str, str]:
    """Turn one complaint (its type, place, context and the model's own words) into (message, fix)."""
    last = next((part for part in reversed(path) if isinstance(part, str)), "")
    if kind == "missing":
        return "is missing", f"add {last} = {_example(path)}"
    if kind == "extra_forbidden":
        if field_at(path) is not None:  # of another kind of issuer
            return "is no setting of this kind", "remove it, or set another kind"
        return "is no setting that Exeat knows", did_you_mean(last, path)
    if kind == "literal_error":
        return f"must be one of {context.get('expected', 'the listed values')}", ""
    if kind == "string_pattern_mismatch":
        form = (
            _FORMS["name"] if last in _NAMES else _FORMS.get(last, f"must have the form {context.get('pattern', '')}")
        )
        return form, ""
    if kind == "value_error":
        return str(context.get("error", text)), ""
    if kind in ("greater_than_equal", "less_than_equal"):
        limit, word = (context.get("ge"), "at least") if "ge" in context else (context.get("le"), "at most")
        return f"must be {word} {limit}", ""
    if kind == "string_too_short":
        return "can't be empty", ""
    for start, words in _KINDS.items():
        if kind.startswith(start):
            return words, ""
    return text[:1].lower() + text[1:], ""


def did_you_mean(word: str, path: tuple[str | int, ...]) -> str:
    """The nearest key of the table around ``path``, else all of them."""
    known = list(keys(*tables_at(path[:-1])))
    close = get_close_matches(word, known, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "it knows: " + ", ".join(known) if known else "remove it"


def _example(path: tuple[str | int, ...]) -> str:
    info = field_at(path)
    kind = Kind.SCALAR if info is None else kind_of(info.annotation)
    if path[-1] == "expires":
        return "a date, as in 2027-06-30"
    return {Kind.SCALAR: '"…"', Kind.LIST: "[ … ]", Kind.TABLES: "[ { … } ]"}.get(kind, "{ … }")
