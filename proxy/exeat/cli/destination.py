"""``exeat destination``: the admins' ceiling, entry by entry, while the proxy runs.

Must not know: what an entry may be; the admin API decides.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, paint, printable, say, table, until
from exeat.errors import InvalidRequestError, NotFoundError

app = typer.Typer(
    name="destination", help="Look after the destinations that missions may use.", no_args_is_help=True,
    rich_markup_mode=None,
)  # fmt: skip

PlaceArgument = Annotated[str, typer.Argument(metavar="HOST[:PORT]", help="As in exeat.toml; port 443 if not given.")]


@app.command("list")
def list_destinations(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every entry: those of exeat.toml, then those that were added."""
    from exeat.cli.client import AdminClient

    answer = AdminClient.of(load_settings(config)).get("/v1/destinations")
    if as_json:
        emit(answer)
        return
    if not answer["destinations"]:
        say("no destination yet, so no mission can be opened; see exeat destination add --help")
        return
    table(
        ("DESTINATION", "OWNER", "TICKET", "EXPIRES", "FROM", "REASON"),
        [
            (each["destination"], each["owner"], each["ticket"], until(each["expires_at"]), _origin(each), each["reason"])
            for each in answer["destinations"]
        ],
    )  # fmt: skip


@app.command("add")
def add(
    place: PlaceArgument,
    owner: Annotated[str, typer.Option("--owner", metavar="TEXT", help="Who answers for it.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="What it is for.")],
    expires: Annotated[
        str, typer.Option("--expires", metavar="DAY", help="Its last day (2027-06-30), or a time in RFC 3339.")
    ],
    ticket: Annotated[str, typer.Option("--ticket", metavar="TEXT")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Allow a destination, in every worker at once; missions may then be opened for it."""
    from exeat.cli.client import AdminClient

    body = {"destination": place, "owner": owner, "reason": reason, "expires": expires, "ticket": ticket}
    answer = AdminClient.of(load_settings(config)).post("/v1/destinations", body)
    if as_json:
        emit(answer)
        return
    line(f"{paint('allowed', 'green')} {printable(answer['destination'])}, expires {until(answer['expires_at'])}")
    line(f"Take it away:  exeat destination remove {printable(answer['id'])}")


@app.command("remove")
def remove(
    entry: Annotated[str, typer.Argument(metavar="ID|HOST[:PORT]", help="Its id, or the destination as it was added.")],
    reason: Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Take an added entry away: nothing goes there any more, and open streams to it are reset."""
    from exeat.cli.client import AdminClient, segment

    client = AdminClient.of(load_settings(config))
    chosen = entry if entry.startswith("dst_") else _find(client.get("/v1/destinations")["destinations"], entry)
    answer = client.delete(f"/v1/destinations/{segment(chosen)}", reason=reason)
    if as_json:
        emit(answer)
        return
    applied = answer.get("applied", {})
    line(f"{printable(answer['destination'])} is {paint('removed', 'bold')}")
    line(
        f"  {printable(applied.get('connections_cut', '?'))} connections cut, in {printable(applied.get('ms', '?'))} ms"
    )


@app.command("report")
def report(
    unused: Annotated[int, typer.Option("--unused", metavar="DAYS", min=0, help="Not used for so long.")] = 90,
    expiring: Annotated[int, typer.Option("--expiring", metavar="DAYS", min=0, help="Ends so soon.")] = 30,
    every: Annotated[bool, typer.Option("--all", help="Also show entries without a finding.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what is unused, shadowed by another entry, about to expire or expired; exit code 1 when there is any."""
    from exeat.cli.client import AdminClient

    answer = AdminClient.of(load_settings(config)).get("/v1/destinations/report", unused=unused, expiring=expiring)
    if as_json:
        emit(answer)
    else:
        _show_report(answer, every=every)
    raise typer.Exit(Exit.FAILED if answer["findings"] else Exit.DONE)


def _show_report(answer: dict[str, Any], *, every: bool) -> None:
    shown = [each for each in answer["destinations"] if every or each["findings"]]
    if shown:
        table(
            ("DESTINATION", "OWNER", "LAST USED", "BY", "MISSIONS", "TEMPLATES", "FINDINGS"),
            [
                (
                    each["destination"],
                    each["owner"],
                    until(each["last_used_at"]) if each["last_used_at"] else "never",
                    each["last_used_by"].rpartition("/")[2],
                    len(each["missions"]),
                    ",".join(each["templates"]),
                    "; ".join(f"{finding['kind']}: {finding['message']}" for finding in each["findings"]),
                )
                for each in shown
            ],
        )
    word = "finding" if answer["findings"] == 1 else "findings"
    say(f"{answer['findings']} {word} in {len(answer['destinations'])} destinations")


def _origin(entry: dict[str, Any]) -> str:
    return str(entry["id"] or "exeat.toml")


def _find(entries: list[dict[str, Any]], wanted: str) -> str:
    text = wanted if wanted.rpartition(":")[2].isdigit() else f"{wanted}:443"
    found = [entry for entry in entries if entry["destination"] == text]
    added = [str(entry["id"]) for entry in found if entry["id"]]
    if len(added) == 1:
        return added[0]
    if added:
        raise InvalidRequestError(f"{text} was added {len(added)} times", "name one by its id: " + ", ".join(added))
    if found:
        raise InvalidRequestError(f"{text} stands in the configuration", "remove its [[destination]] there and restart")
    raise NotFoundError(f"there is no destination {text}", "see exeat destination list")
