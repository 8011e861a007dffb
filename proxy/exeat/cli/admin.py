"""``exeat admin``: who may call the admin API.

Must not know: what a role may do; the admin API decides.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, printable, say, table, until
from exeat.errors import NotFoundError, StartError

app = typer.Typer(name="admin", help="Who may call the admin API.", no_args_is_help=True, rich_markup_mode=None)
tokens = typer.Typer(name="token", help="Tokens of the admin API.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(tokens)


@tokens.command("create")
def create(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What records call whoever uses it.")],
    role: Annotated[str, typer.Option("--role", metavar="ROLE", help="metrics, viewer, operator, approver or admin.")],
    expires: Annotated[str, typer.Option("--expires", metavar="TIME", help="How long it lives, at most 366d.")] = "90d",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write it into a file that only you can read.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Make a token; it is shown this once, on stdout, and kept nowhere.

    Whoever uses it points EXEAT_ADMIN__TOKEN_FILE at a private file that holds it.
    """
    from exeat.cli.client import AdminClient
    from exeat.files import write_private

    client = AdminClient.of(load_settings(config))
    if out is not None and out.exists():
        raise StartError(f"{out} exists", "name another file, or remove it")
    answer = client.post("/v1/tokens", {"name": name, "role": role, "expires": expires})
    if out is not None:
        write_private(out, answer.pop("secret").encode() + b"\n")
    if as_json:
        emit(answer)
        return
    say(f"token {printable(answer['id'])} of {printable(name)}, {role}; it expires {until(answer['expires_at'])}")
    line(str(out) if out is not None else printable(answer["secret"]))


@tokens.command("list")
def list_tokens(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show tokens, newest first; never their secrets."""
    from exeat.cli.client import AdminClient

    found = _all(AdminClient.of(load_settings(config)))
    if as_json:
        emit({"tokens": found})
        return
    if not found:
        say('no token but the one in the file; make one with "exeat admin token create NAME --role viewer"')
        return
    columns = ("id", "name", "role", "state", "created_by")
    table(
        ("ID", "NAME", "ROLE", "STATE", "MADE BY", "LAST USED", "EXPIRES"),
        [
            (*(each[column] for column in columns), each["used_at"] or "never", until(each["expires_at"]))
            for each in found
        ],
    )


@tokens.command("revoke")
def revoke(
    token: Annotated[str, typer.Argument(metavar="NAME|ID", help="Its name or id.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take a token back: from now on it opens nothing."""
    from exeat.cli.client import AdminClient, segment

    client = AdminClient.of(load_settings(config))
    fitting = [each for each in _all(client) if each["id"] == token or each["name"] == token]
    # A name may have had several tokens, of which at most one isn't revoked.
    found = next((each for each in fitting if each["state"] != "revoked"), next(iter(fitting), None))
    if found is None:
        raise NotFoundError(f"there is no token {token!r}", "exeat admin token list shows what there is")
    answer = client.post(f"/v1/tokens/{segment(found['id'])}/revoke", {"reason": reason})
    if as_json:
        emit(answer)
    else:
        line(f"{printable(answer['name'])} ({printable(answer['id'])}) is {printable(answer['state'])}")


def _all(client: Any) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    path = "/v1/tokens"
    while path:
        answer = client.get(path)
        found += answer["tokens"]
        path = answer["next"]
    return found
