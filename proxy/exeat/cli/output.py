"""Data on stdout, words on stderr.

What an agent or a server chose may end up on an operator's terminal, so every text is made printable first: no control
character, no escape sequence, no change of writing direction. Must not know: any verb.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

import orjson

from exeat.errors import ExeatError, Finding, FindingsError

SCHEMA = "exeat.cli/1"
"""Marks our own JSON objects; answers of the admin API are passed on as they are."""

_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\ud800-\udfff]")
_STYLES = {"red": "31", "green": "32", "yellow": "33", "bold": "1", "dim": "2"}


def printable(value: object) -> str:
    """A value as text that does nothing to a terminal but show: unsafe characters become escapes."""
    text = "" if value is None else str(value)
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def coloured(stream: TextIO) -> bool:
    """Whether to colour: NO_COLOR and FORCE_COLOR decide, else a terminal that isn't dumb."""
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def paint(text: str, style: str, stream: TextIO | None = None) -> str:
    """The text in a style, where the stream shows one."""
    stream = sys.stdout if stream is None else stream
    return f"\x1b[{_STYLES[style]}m{text}\x1b[0m" if coloured(stream) else text


def _listed(value: object) -> list[object]:
    if isinstance(value, frozenset):
        return sorted(value)
    raise TypeError(f"{type(value).__name__} has no JSON form")


def emit(data: object) -> None:
    """One JSON value on stdout: indented on a terminal, one line otherwise."""
    option = orjson.OPT_INDENT_2 if sys.stdout.isatty() else 0
    text = orjson.dumps(data, default=_listed, option=option | orjson.OPT_NON_STR_KEYS).decode()
    indented = _UNSAFE.sub(lambda match: match[0] if match[0] == "\n" else f"\\u{ord(match[0]):04x}", text)
    sys.stdout.write(indented + "\n")
    sys.stdout.flush()


def line(text: str = "") -> None:
    """One line on stdout."""
    sys.stdout.write(text + "\n")


def say(text: str) -> None:
    """One line for a person, on stderr."""
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def table(headers: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Aligned columns on stdout."""
    cells = [[printable(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(headers, *cells, strict=True)]
    line(paint("  ".join(head.ljust(width) for head, width in zip(headers, widths, strict=True)).rstrip(), "bold"))
    for row in cells:
        line("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def pairs(values: Mapping[str, object]) -> None:
    """Names and values, one a line, on stdout; empty ones are left out."""
    shown = {key: value for key, value in values.items() if value not in (None, "", [], {}, ())}
    width = max(map(len, shown), default=0)
    for key, value in shown.items():
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else value
        line(f"  {paint(key.ljust(width), 'dim')}  {printable(text)}")


def until(rfc3339: str, now: datetime | None = None) -> str:
    """A time for people: ``in 29 min``, ``3 h ago``; the text itself when it is no time."""
    try:
        then = datetime.fromisoformat(rfc3339)
        seconds = (then - (now or datetime.now(UTC))).total_seconds()
    except (ValueError, TypeError):
        return printable(rfc3339)
    size = abs(seconds)
    amount = next(
        (f"{size / unit:.0f} {word}" for unit, word in ((86400, "d"), (3600, "h"), (60, "min")) if size >= unit * 1.5),
        f"{size:.0f} s",
    )
    return f"in {amount}" if seconds >= 0 else f"{amount} ago"


def finding_dict(finding: Finding) -> dict[str, Any]:
    """A finding for JSON."""
    return {name: getattr(finding, name) for name in ("file", "line", "column", "field", "message", "fix", "warning")}


def show_finding(finding: Finding, stream: TextIO) -> None:
    """A finding for people: where, what, fix."""
    where = (
        finding.file + (f":{finding.line}" if finding.line else "") + (f":{finding.column}" if finding.column else "")
    )
    mark = paint("warning", "yellow", stream) if finding.warning else paint("error", "red", stream)
    what = f"{finding.field}: {finding.message}" if finding.field else finding.message
    stream.write(f"{printable(where) or '-'}: {mark}: {printable(what)}\n")
    if finding.fix:
        stream.write("    fix: " + printable(finding.fix) + "\n")


def show_error(error: ExeatError) -> None:
    """One block on stderr: what, where, fix."""
    if isinstance(error, FindingsError):
        for finding in error.findings:
            show_finding(finding, sys.stderr)
        return
    say(f"{paint('error', 'red', sys.stderr)}: {printable(error)}")
    if error.hint:
        say("    fix: " + printable(error.hint))
