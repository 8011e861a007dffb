"""``exeat service lint``: what is valid and still unwise or unfinished in a service's description.

Must not know: the rules.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, printable, say, table
from exeat.errors import NotFoundError

if TYPE_CHECKING:
    from exeat.config.tables.service import ServiceTable


def register(app: typer.Typer) -> None:
    """Add the verb to its group."""
    app.command("lint")(lint)


def lint(
    name: Annotated[
        str,
        typer.Argument(
            metavar="[FILE|NAME]", help="A service file (*.toml), or a service; without it all configured ones."
        ),
    ] = "",
    config: ConfigOption = None,
    builtin: Annotated[bool, typer.Option("--builtin", help="The built-in services, whatever is configured.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Look for what is missing or dangerous in services; exit 1 when something is."""
    from exeat.services.catalogue import build_catalogue
    from exeat.services.lint import lint_service

    tables = _tables(name, config, builtin=builtin)
    build_catalogue(tables)  # what is wrong, not just unwise, comes first
    found = [(each.name, finding) for each in tables for finding in lint_service(each)]
    if as_json:
        rows = [
            {"service": service, "rule": each.rule, "at": each.at, "message": each.message, "fix": each.fix}
            for service, each in found
        ]
        emit({"schema": SCHEMA, "services": [each.name for each in tables], "findings": rows})
    else:
        if found:
            table(
                ("SERVICE", "RULE", "MESSAGE", "FIX"),
                [(service, printable(each.key), printable(each.message), each.fix) for service, each in found],
            )
        say(f"{len(tables)} services, {len(found)} findings")
    if found:
        raise typer.Exit(Exit.FAILED)


def _tables(name: str, config: Path | None, *, builtin: bool) -> list[ServiceTable]:
    from exeat.cli.service_import import read_service
    from exeat.services.catalogue import built_in, built_in_names, merge

    if name.endswith(".toml"):
        return [_somewhere(merge(read_service(Path(name))))]
    if builtin:
        found = [_somewhere(each) for known in built_in_names() if (each := built_in(known)) is not None]
    else:
        found = [merge(each) for each in load_settings(config).settings.service]
    chosen = [each for each in found if name in ("", each.name)]
    if not chosen:
        raise NotFoundError(
            f"there is no service {name!r}" if name else "no [[service]] is configured",
            "add --builtin for the built-in ones",
        )
    return chosen


def _somewhere(each: ServiceTable) -> ServiceTable:
    """A service that leaves its hosts to the site gets a name that exists nowhere."""
    return each if each.hosts else each.model_copy(update={"hosts": (f"{each.name}.invalid.example",)})
