"""How PHP reads a query (main/php_variables.c): the most inventive of the common servers, as a model of its own."""

from __future__ import annotations

from urllib.parse import unquote_plus


def parse_str(query: str) -> dict[str, str]:
    """The scalar variables of a query: a later pair wins, and names are made into names of variables."""
    found: dict[str, str] = {}
    for piece in query.split("&"):
        raw, _, value = piece.partition("=")
        name = unquote_plus(raw, errors="surrogateescape").split("\0")[0].lstrip(" ")
        head, bracket, tail = name.partition("[")
        if bracket and "]" in tail and head:
            found.pop(_variable(head), None)  # an array
            continue
        if head or tail:
            found[_variable(f"{head}_{tail}" if bracket else name)] = unquote_plus(value, errors="surrogateescape")
    return found


def _variable(name: str) -> str:
    return name.replace(".", "_").replace(" ", "_").replace("[", "_")
