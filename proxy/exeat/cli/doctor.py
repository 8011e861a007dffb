"""``exeat doctor``: everything that can be checked from outside, in one table.

Must not know: the checks.
"""

from __future__ import annotations

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption
from exeat.cli.output import SCHEMA, emit, line, paint, printable


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "skip": ("-", "dim")}


def doctor(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check this installation; each row that failed says how to mend it. Exit code 1 when one did."""
    from exeat.cli.checkup import checkup

    rows = checkup(config)
    failed = any(row.state == "fail" for row in rows)
    if as_json:
        checks = [{"name": row.name, "state": row.state, "detail": row.detail, "fix": row.fix} for row in rows]
        emit({"schema": SCHEMA, "ok": not failed, "checks": checks})
    else:
        width = max(len(row.name) for row in rows)
        for row in rows:
            mark, style = _MARKS[row.state]
            line(f"{paint(mark, style)} {row.state:<4} {row.name.ljust(width)}  {printable(row.detail)}")
            if row.fix:
                line(f"       {' ' * width}  fix: {printable(row.fix)}")
    raise typer.Exit(Exit.FAILED if failed else Exit.DONE)
