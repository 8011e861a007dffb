"""``exeat demo``: the whole story in a minute, without a network.

Must not know: the story.
"""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated

import typer

from exeat.cli.options import JsonOption
from exeat.cli.output import SCHEMA, emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Leave it running and say what to try.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show an unchanged legacy agent being allowed, refused and cut off, all on this machine."""
    from exeat.demo import main

    if not as_json:
        raise typer.Exit(main(keep))
    with contextlib.redirect_stdout(sys.stderr):
        code = main(keep)
    emit({"schema": SCHEMA, "ok": code == 0, "exit": code})
    raise typer.Exit(code)
