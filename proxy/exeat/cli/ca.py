"""``exeat ca``: our certificate, for those who have to trust it.

Never touches the CA's key. Must not know: how certificates are made.
"""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line
from exeat.errors import NotFoundError

app = typer.Typer(name="ca", help="Trust the proxy's certificate.", no_args_is_help=True, rich_markup_mode=None)


def _file(config: Path | None, name: str) -> Path:
    loaded = load_settings(config)
    file = loaded.path(loaded.settings.state.path) / name
    if not file.is_file():
        raise NotFoundError(f"there is no {file} yet", "exeat init or the first exeat serve makes it")
    return file


@app.command("export")
def export(
    bundle: Annotated[
        bool, typer.Option("--bundle", help="With the system's roots, for variables that replace.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the certificate in PEM."""
    file = _file(config, "ca-bundle.pem" if bundle else "ca.pem")
    pem = file.read_text("ascii", "replace")
    if as_json:
        emit({"schema": SCHEMA, "file": str(file), "pem": pem})
    else:
        line(pem.rstrip("\n"))


@app.command("env")
def env(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Print the variables that make clients trust the certificate, for eval "$(…)"."""
    from exeat.missions.environment import client_environment

    certificate, bundle = str(_file(config, "ca.pem")), str(_file(config, "ca-bundle.pem"))
    every = client_environment("", mission="", ca_file=certificate, bundle_file=bundle, placeholders={}, variables={})
    folder = str(Path(certificate).parent)
    trust = {key: value for key, value in every.items() if folder in value}
    if as_json:
        emit(trust)
        return
    for key, value in trust.items():
        line(f"export {key}={shlex.quote(value)}")
