"""A service file as text: what stands before the operations stays as it is written, the operations are written anew.

Must not know: descriptions, what changed.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from exeat.services.openapi.draft import Draft, Row

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FIRST = re.compile(r"^\[\[operation\]\]", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def new_head(name: str, drafted: Draft, title: str) -> str:
    """The start of a file that doesn't exist yet."""
    lines = [
        f"# {comment(title) or name}: made by exeat service import; hosts, credential, groups and resources are yours to set."
    ]
    lines += [f"name = {_string(name)}", f"hosts = {value(list(drafted.hosts))}"]
    if drafted.credential is not None:
        lines.append(f"credential = {value(drafted.credential)}")
    for row in drafted.resources:
        lines += ["", "[[resource]]", *(f"{key} = {value(each)}" for key, each in row.items())]
    return "\n".join(lines) + "\n\n"


def old_head(text: str) -> str:
    """What stands in a file before its operations."""
    found = _FIRST.search(text)
    head = text[: found.start()] if found else text
    while head and (lines := head.rstrip("\n").rsplit("\n", 1))[-1].startswith("#") and not head.endswith("\n\n"):
        head = lines[0] + "\n" if len(lines) > 1 else ""  # the first operation's own comment
    return head.rstrip("\n") + "\n\n"


def operations(rows: Sequence[Row], *, summaries: bool) -> str:
    """The operations, each with its summary as a comment where there is one."""
    blocks = []
    for row in rows:
        lines = [f"# {said}"] if summaries and (said := comment(str(row.get("#", "")))) else []
        lines.append("[[operation]]")
        lines += [f"{key} = {value(each)}" for key, each in row.items() if key != "#"]
        blocks.append("\n".join(lines))
    return "\n\n".join(blocks) + "\n"


def comment(text: str) -> str:
    """A text on one line, without what would end a comment or fool a reader."""
    return " ".join(_CONTROL.sub(" ", text).split())[:200]


def value(each: Any) -> str:
    """A value in TOML."""
    if isinstance(each, bool):
        return "true" if each else "false"
    if isinstance(each, Mapping):
        inner = ", ".join(
            f"{key if _BARE.fullmatch(key) else _string(key)} = {value(item)}" for key, item in each.items()
        )
        return f"{{ {inner} }}" if inner else "{}"
    if isinstance(each, list | tuple):
        return f"[{', '.join(map(value, each))}]"
    return _string(each) if isinstance(each, str) else str(each)


def _string(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}" if ord(found[0]) < 0xD800 else "?", escaped) + '"'
