"""``exeat store``: the database behind missions, brought up to date or moved.

Works on the database itself, without a running proxy. Must not know: SQL, what is stored.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Annotated

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line, paint, printable

if TYPE_CHECKING:
    from exeat.config.loading import Loaded
    from exeat.model.secret import Secret

app = typer.Typer(name="store", help="Look after the database.", no_args_is_help=True, rich_markup_mode=None)


@app.command("migrate")
def migrate(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Bring the schema of store.url up to date; the proxy does the same at its start."""
    from exeat.store.opening import migrate_store

    loaded = load_settings(config)
    where = loaded.settings.store
    done = migrate_store(where.url, loaded.base, _password(loaded, where.password))
    if as_json:
        emit({"schema": SCHEMA, **done.as_dict()})
        return
    for revision, what in done.steps.items():
        line(f"{paint(revision, 'bold')}  {printable(what)}")
    line(f"the schema is at {done.after}" + ("" if done.steps else "; there was nothing to do"))


@app.command("copy")
def copy(
    to: Annotated[
        str,
        typer.Option(
            "--to", metavar="URL", help="An empty database: sqlite:///FILE or postgresql://USER@HOST/DATABASE."
        ),
    ],
    password: Annotated[
        str, typer.Option("--to-password", metavar="SOURCE", help="Where its password is: env:NAME or file:PATH.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Copy everything from store.url to an empty database, and check that it reads back the same.

    Stop every exeat first: what is written meanwhile is not copied.
    """
    from exeat.store.copy import copy_store

    loaded = load_settings(config)
    where = loaded.settings.store
    done = copy_store(where.url, to, loaded.base, _password(loaded, where.password), _password(loaded, password))
    if as_json:
        emit({"schema": SCHEMA, **done.as_dict()})
        return
    for name, count in done.rows.items():
        line(f"{count:>8}  {printable(name)}")
    line(f"{paint('copied', 'green')}, and read back the same (sha256 {done.sha256[:16]}…); now set store.url")


def _password(loaded: Loaded, reference: str | None) -> Secret | None:
    from exeat.credentials.sources import Sources

    return Sources(loaded.base, os.environ).load(reference) if reference else None
