"""``exeat doctor``: everything that can be checked, in one table.

Must not know: the checks.
"""

from __future__ import annotations

from ipaddress import ip_address
from typing import Annotated

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption
from exeat.cli.output import SCHEMA, emit, line, paint, printable
from exeat.cli.row import Row
from exeat.errors import InvalidRequestError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("doctor")(doctor)


_MARKS = {"ok": ("✓", "green"), "warn": ("!", "yellow"), "fail": ("✗", "red"), "skip": ("-", "dim")}


def doctor(
    inside: Annotated[
        bool, typer.Option("--inside", help="Run where an agent runs: try each way out; all must be closed.")
    ] = False,
    target: Annotated[
        list[str] | None, typer.Option("--target", metavar="ADDRESS", help="With --inside: whom to try to reach.")
    ] = None,
    name: Annotated[str, typer.Option("--name", help="With --inside: a name that must not resolve.")] = "",
    limit: Annotated[
        float, typer.Option("--limit", min=0.1, max=30, help="With --inside: seconds for one attempt.")
    ] = 2.0,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check this installation; each row that failed says how to mend it. Exit code 1 when one did.

    With --inside check instead that nothing gets around Exeat from here. That alone sends something: one connection or
    datagram each to a public resolver and to the metadata address.
    """
    if inside:
        rows = _inside(target or [], name, limit)
    else:
        from exeat.cli.checkup import checkup

        if target or name:
            raise InvalidRequestError("--target and --name say what to try", "add --inside")
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


def _inside(targets: list[str], name: str, limit: float) -> list[Row]:
    from exeat.cli.segmentation import NAME, TARGETS, inside

    for each in targets:
        try:
            ip_address(each)
        except ValueError:
            raise InvalidRequestError(
                f"{each!r} is no IP address", "names may not resolve here: write numbers"
            ) from None
    return inside(targets or TARGETS, name or NAME, limit)
