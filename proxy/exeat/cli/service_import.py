"""``exeat service import``: an OpenAPI description becomes a service file, or brings one up to date.

Must not know: how a description is read, what a group means.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli.options import JsonOption
from exeat.cli.output import SCHEMA, emit, line, paint, printable, say
from exeat.errors import ConfigurationError, Finding

if TYPE_CHECKING:
    from exeat.config.tables.service import ServiceTable
    from exeat.services.openapi.importing import Imported


def register(app: typer.Typer) -> None:
    """Add the verb to its group."""
    app.command("import")(import_)


def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An OpenAPI 3.0 or 3.1 description in JSON.")],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="The service [default: the file's name].")] = "",
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="Write here; a file that exists is updated.")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="Drop operations the description doesn't have.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Let the description win over what the file says.")] = False,
    summaries: Annotated[
        bool, typer.Option("--summaries/--no-summaries", help="Write each operation's summary above it.")
    ] = True,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Turn an OpenAPI description into a service file; import again to see what changed.

    Groups, resources, actions and captures that were edited by hand stand; differences are shown.
    """
    from exeat.services.openapi.importing import import_description

    data = _read(file)
    existing = _existing(out) if out is not None and out.exists() else None
    name = name or _service_name(file)
    imported = import_description(
        data, name, existing=existing, file=str(file), prune=prune, fresh=fresh, summaries=summaries
    )
    if out is not None and not dry_run:
        _write(out, imported.text)
    if as_json:
        emit({"schema": SCHEMA, **_import_dict(imported, name, with_text=out is None)})
        return
    if out is None and not dry_run:
        line(imported.text.rstrip("\n"))
    _show_import(imported, out, existing is not None, dry_run)


def read_service(file: Path) -> ServiceTable:
    """A service file on its own; raise ConfigurationError when it can't be read as one."""
    import tomllib

    from pydantic import ValidationError

    from exeat.config.fields import name
    from exeat.config.tables.service import ServiceTable

    try:
        return ServiceTable.model_validate(tomllib.loads(_existing(file)))
    except tomllib.TOMLDecodeError as error:
        findings = [Finding(str(file), f"isn't valid TOML: {error}")]
    except ValidationError as error:
        problems = error.errors(include_url=False, include_input=False)
        findings = [Finding(str(file), problem["msg"], field=name(problem["loc"])) for problem in problems]
    raise ConfigurationError(findings)


def _show_import(imported: Imported, out: Path | None, known: bool, dry_run: bool) -> None:
    for note in imported.notes:
        say(f"{paint('note', 'yellow')}: {printable(note)}")
    for change in imported.changes:
        loud = change.field == "group" or change.kind in ("added", "removed")
        say(paint(printable(change), "bold" if loud else "dim"))
    graver = sum(change.field == "group" for change in imported.changes)
    added = sum(change.kind == "added" for change in imported.changes)
    what = "would be written" if dry_run else f"written to {out}" if out else "printed"
    told = f"; {added} added, {len(imported.changes) - added} other differences, {graver} of a group" if known else ""
    say(f"{imported.count} operations {what}{told}")


def _import_dict(imported: Imported, name: str, *, with_text: bool) -> dict[str, Any]:
    changes = [
        {"kind": each.kind, "match": each.match, "field": each.field, "old": each.old, "new": each.new}
        for each in imported.changes
    ]
    described = {"service": name, "operations": imported.count, "changes": changes, "notes": list(imported.notes)}
    return described | ({"text": imported.text} if with_text else {})


def _service_name(file: Path) -> str:
    return re.sub(r"[^a-z0-9]+", "-", file.name.lower().removesuffix(".json")).strip("-")[:63] or "service"


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigurationError(
            [Finding(str(file), f"can't be read: {error.strerror}", fix="check the path")]
        ) from None


def _existing(file: Path) -> str:
    try:
        return _read(file).decode("utf-8")
    except UnicodeDecodeError:
        raise ConfigurationError([Finding(str(file), "isn't UTF-8 text", fix="save it as UTF-8")]) from None


def _write(file: Path, text: str) -> None:
    """The whole file or the old one, never half of one."""
    temporary = file.with_name(f".{file.name}.new")
    try:
        temporary.write_text(text, "utf-8")
        temporary.replace(file)
    except OSError as error:
        raise ConfigurationError([Finding(str(file), f"can't be written: {error.strerror}")]) from None
    finally:
        temporary.unlink(missing_ok=True)
