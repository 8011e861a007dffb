"""``exeat secret``: secrets that the store keeps sealed, for sources ``store:NAME``.

A value is read from stdin or asked for without an echo; it never stands in a command line, which others can see. Must not know:
how a secret is sealed.
"""

from __future__ import annotations

import sys
from typing import Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, printable, say, table, until
from exeat.errors import InvalidRequestError

app = typer.Typer(
    name="secret", help="Secrets that the store keeps sealed.", no_args_is_help=True, rich_markup_mode=None
)

_Name = Annotated[str, typer.Argument(metavar="NAME", help="What the configuration calls it: store:NAME.")]
_Overlap = Annotated[
    str,
    typer.Option("--overlap", metavar="TIME", help="How long what it replaces is still recognised. [secrets.overlap]"),
]
_LARGEST = 32 * 1024


@app.command("set")
def set_secret(name: _Name, overlap: _Overlap = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Set a secret, or replace it; the value comes from stdin, or is asked for.

    Every worker uses it when this returns.
    """
    _write(name, "", overlap, config, as_json=as_json)


@app.command("rotate")
def rotate(name: _Name, overlap: _Overlap = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Replace a secret that is there; a name that isn't is refused."""
    _write(name, "/rotate", overlap, config, as_json=as_json)


@app.command("list")
def list_secrets(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show which secrets there are, and what names them; never their values."""
    from exeat.cli.client import AdminClient

    found = AdminClient.of(load_settings(config)).get("/v1/secrets")
    if as_json:
        emit(found)
        return
    if not found["secrets"]:
        say("no secret is kept; exeat secret set NAME keeps one")
        return
    table(
        ("NAME", "VERSION", "CHANGED", "BY", "FORMER ONE KNOWN", "USED BY"),
        [
            (
                each["name"], each["version"], until(each["changed_at"]), each["changed_by"],
                until(each["previous_until"]) if each["previous_until"] else "-", ", ".join(each["used_by"]) or "nothing",
            )
            for each in found["secrets"]
        ],
    )  # fmt: skip


@app.command("remove")
def remove(
    name: _Name,
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Remove a secret: nothing is served with it any more."""
    from exeat.cli.client import AdminClient, segment

    client = AdminClient.of(load_settings(config))
    answer = client.post(f"/v1/secrets/{segment(name)}/remove", {"reason": reason})
    if as_json:
        emit(answer)
        return
    line(f"{printable(answer['name'])} is removed")
    if answer["used_by"]:
        say(f"still named by {printable(', '.join(answer['used_by']))}: nothing is served with it there")


@app.command("reseal")
def reseal(
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Seal everything under secrets.key as it is now; afterwards secrets.previous_keys may go."""
    from exeat.cli.client import AdminClient

    answer = AdminClient.of(load_settings(config)).post("/v1/reseal", {"reason": reason})
    if as_json:
        emit(answer)
    else:
        line(f"{answer['resealed']} secrets are sealed anew")


def _write(name: str, verb: str, overlap: str, config: Any, *, as_json: bool) -> None:
    from exeat.cli.client import AdminClient, segment

    client = AdminClient.of(load_settings(config))
    body: dict[str, object] = {"value": _value(name)}
    if overlap:
        body["overlap"] = overlap
    answer = client.post(f"/v1/secrets/{segment(name)}{verb}", body)
    if as_json:
        emit(answer)
        return
    line(f"{printable(answer['name'])} is set, version {answer['version']}; every worker uses it")
    if answer["previous_until"]:
        say(f"the value before is still recognised, its time is up {until(answer['previous_until'])}")
    if not answer["used_by"]:
        say(f'nothing names it yet; write source = "store:{printable(answer["name"])}"')


def _value(name: str) -> str:
    """From stdin to its end, without the last newline; at a terminal, asked for without an echo."""
    if sys.stdin.isatty():
        from getpass import getpass

        return getpass(f"{printable(name)}: ")
    raw = sys.stdin.buffer.read(_LARGEST + 2)
    value = raw.decode("latin-1").removesuffix("\n").removesuffix("\r")
    if not value or len(value) > _LARGEST:
        raise InvalidRequestError(
            "no secret came from stdin" if not value else "the secret is too long",
            'printf %s "$VALUE" | exeat secret set NAME',
        )
    return value
