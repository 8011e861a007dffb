"""``exeat init``: a folder that ``exeat serve`` can start in.

Must not know: what the files say.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from exeat.cli.options import JsonOption
from exeat.cli.output import SCHEMA, emit, line, paint
from exeat.errors import StartError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where; made when missing.")] = Path(),
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that are there.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Write a configuration, starter policies and .gitignore lines, and make the proxy's certificate. Asks nothing."""
    from exeat.cli.starter import starter_files, with_ignored
    from exeat.enforcement.ca import ensure_ca

    texts = starter_files(datetime.now(UTC).date())
    present = [name for name in texts if (folder / name).exists()]
    if present and not force:
        raise StartError(f"{', '.join(present)} already there; nothing was written", "exeat init --force overwrites")
    try:
        for name, text in texts.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text, "utf-8")
        ignore = folder / ".gitignore"
        ignore.write_text(with_ignored(ignore.read_text("utf-8") if ignore.exists() else ""), "utf-8")
    except OSError as error:
        raise StartError(f"{error.filename} can't be written: {error.strerror}", "choose another folder") from None
    ensure_ca(folder / "state")
    written = [*texts, ".gitignore", "state/ca.pem"]
    if as_json:
        emit({"schema": SCHEMA, "folder": str(folder.absolute()), "written": written})
        return
    for name in written:
        line(f"{paint('wrote', 'green')} {folder / name}")
    line("\nNext:")
    if folder.absolute() != Path.cwd():
        line(f"  cd {folder}")
    line("  exeat config check     # everything that is wrong, at once")
    line("  exeat serve            # the proxy, in the foreground")
    line("  exeat run --mission look-around --agent first-agent -- curl -s https://api.github.com/repos/python/cpython")
    line("  exeat why last         # why the last request was allowed or refused")
