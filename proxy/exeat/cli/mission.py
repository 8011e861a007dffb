"""``exeat mission``: open, look at and end missions.

Must not know: what a mission may do; the admin API decides.
"""

from __future__ import annotations

from typing import Annotated, Any

import typer

from exeat.cli.options import (
    BudgetOption,
    ConfigOption,
    EnvironmentOption,
    IdleOption,
    JsonOption,
    TtlOption,
    budget_of,
    load_settings,
)
from exeat.cli.output import emit, line, paint, pairs, printable, say, table, until
from exeat.errors import InvalidRequestError

app = typer.Typer(name="mission", help="Open, look at and end missions.", no_args_is_help=True, rich_markup_mode=None)

IdArgument = Annotated[str, typer.Argument(metavar="ID", help="The mission's id.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; goes into the audit log.")]
_Texts = list[str] | None


@app.command("open")
def open_mission(
    template: Annotated[str, typer.Argument(metavar="[TEMPLATE]", help="A [[mission_template]]; none: ad hoc.")] = "",
    agent: Annotated[_Texts, typer.Option("--agent", metavar="NAME", help="Who acts in it; repeatable.")] = None,
    environment: EnvironmentOption = "",
    destination: Annotated[_Texts, typer.Option("--destination", metavar="HOST:PORT", help="Repeatable.")] = None,
    operation: Annotated[_Texts, typer.Option("--operation", metavar="NAME", help="Repeatable.")] = None,
    ttl: TtlOption = "",
    purpose: Annotated[str, typer.Option("--purpose", metavar="TEXT")] = "",
    owner: Annotated[str, typer.Option("--owner", metavar="TEXT")] = "",
    ticket: Annotated[str, typer.Option("--ticket", metavar="TEXT")] = "",
    read_only: Annotated[bool, typer.Option("--read-only", help="Nothing but reading, whatever is granted.")] = False,
    label: Annotated[_Texts, typer.Option("--label", metavar="KEY=VALUE", help="Repeatable.")] = None,
    model: Annotated[
        _Texts, typer.Option("--model", metavar="NAME", help="The only models it may use; repeatable.")
    ] = None,
    idle: IdleOption = "",
    budget: BudgetOption = None,
    parent: Annotated[str, typer.Option("--parent", metavar="ID", help="The mission that delegates to this one.")] = "",
    shell: Annotated[bool, typer.Option("--shell", help='Print lines for eval "$(…)", the pass among them.')] = False,
    show_pass: Annotated[bool, typer.Option("--show-pass", help="Print the pass and the proxy URL.")] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a mission; its pass is shown with --json, --shell or --show-pass only, and can't be shown again.

    Without these the pass is kept in a file that only you can read, and the line to use it is printed.
    """
    from exeat.cli import passes
    from exeat.cli.client import AdminClient
    from exeat.cli.formats import render

    loaded = load_settings(config)
    body: dict[str, Any] = {
        "template": template, "agents": agent, "environment": environment, "destinations": destination,
        "operations": operation, "ttl": ttl, "purpose": purpose, "owner": owner, "ticket": ticket,
        "read_only": read_only, "labels": _labels(label or []), "models": model, "idle": idle,
        "budget": budget_of(budget or []), "parent": parent,
    }  # fmt: skip
    answer = AdminClient.of(loaded).post("/v1/missions", {key: value for key, value in body.items() if value})
    if as_json:
        emit(answer)
    elif shell:
        line(render("shell", answer))
        say(f"mission {answer['mission']} is open; it expires {until(answer['expires_at'])}")
    else:
        line(f"{paint('open', 'green')} mission {answer['mission']}, expires {until(answer['expires_at'])}")
        _show(answer)
        if show_pass:
            pairs({"pass": answer["pass"], "proxy_url": answer["proxy_url"]})
        else:
            kept = passes.keep(loaded, answer)
            line(f'\nUse it:  eval "$(exeat env --from {kept})"')
        line(f"End it:  exeat mission close {answer['mission']}")


def _labels(texts: list[str]) -> dict[str, str]:
    labels = {}
    for text in texts:
        key, separator, value = text.partition("=")
        if not separator or not key:
            raise InvalidRequestError(f"label {text!r} has no value", "write --label key=value")
        labels[key] = value
    return labels


def _show(mission: dict[str, Any]) -> None:
    hidden = {
        "pass",
        "proxy_url",
        "socks_url",
        "base_urls",
        "env",
        "placeholders",
        "agents" if "agent" in mission else "",
    }
    shown = {key: value for key, value in mission.items() if key not in hidden and value is not False}
    if "used" in shown:
        used = shown.pop("used")
        left = [f"{kind}: {used.get(kind, 0)} of {bound}" for kind, bound in shown.pop("budget", {}).items()]
        shown["budget used"] = left or None
    pairs(shown)


@app.command("list")
def list_missions(
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000)] = 50,
    before: Annotated[str, typer.Option("--before", metavar="ID", help="Only those older than this one.")] = "",
    state: Annotated[str, typer.Option("--state", metavar="STATE", help="Only those: open, suspended, closed, …")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show missions, newest first."""
    from exeat.cli.client import AdminClient

    answer = AdminClient.of(load_settings(config)).get("/v1/missions", limit=limit, before=before, state=state)
    if as_json:
        emit(answer)
        return
    missions = answer["missions"]
    if not missions:
        say('no mission yet; open one with "exeat mission open TEMPLATE --agent NAME"')
        return
    table(
        ("MISSION", "STATE", "TEMPLATE", "ENVIRONMENT", "AGENTS", "EXPIRES"),
        [
            (
                entry.get("mission"),
                entry.get("state"),
                entry.get("template"),
                entry.get("environment"),
                ",".join(entry.get("agents", ())),
                until(entry.get("expires_at", "")),
            )
            for entry in missions
        ],
    )


@app.command("show")
def show(mission: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show one mission."""
    from exeat.cli.client import AdminClient, segment

    answer = AdminClient.of(load_settings(config)).get(f"/v1/missions/{segment(mission)}")
    if as_json:
        emit(answer)
    else:
        _show(answer)


@app.command("tokens")
def tokens(mission: IdArgument, config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show everything that a mission got from issuers outside, and what became of it."""
    from exeat.cli.client import AdminClient, segment

    answer = AdminClient.of(load_settings(config)).get(f"/v1/missions/{segment(mission)}/tokens")
    if as_json:
        emit(answer)
        return
    if not answer["tokens"]:
        say("no issuer outside has given it a token")
        return
    table(
        ("TOKEN", "SERVICE", "ISSUER", "GRADE", "FOR", "STATE", "EXPIRES"),
        [
            (
                *(each[name] for name in ("token", "service", "issuer", "grade", "action", "state")),
                until(each["expires_at"]) if each["expires_at"] else "never",
            )
            for each in answer["tokens"]
        ],
    )


def _change(verb: str, mission: str, body: dict[str, object], config: ConfigOption, as_json: bool) -> None:
    from exeat.cli import passes
    from exeat.cli.applied import told
    from exeat.cli.client import AdminClient, segment

    loaded = load_settings(config)
    answer = AdminClient.of(loaded).post(f"/v1/missions/{segment(mission)}/{verb}", body)
    if verb in ("close", "revoke"):
        passes.forget(loaded, mission)
    if as_json:
        emit(answer)
        return
    line(f"{printable(mission)} is {paint(printable(answer.get('state', verb)), 'bold')}")
    if verb == "extend" and "pass" in answer:
        kept = passes.keep(loaded, answer)
        line(f'a pass ends with the mission it was made for; use the new one:  eval "$(exeat env --from {kept})"')
    applied = answer.get("applied")
    if isinstance(applied, dict):
        for text in told(applied):
            line(f"  {text}")


@app.command("suspend")
def suspend(mission: IdArgument, reason: ReasonOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """Stop a mission for now; `resume` lets it go on."""
    _change("suspend", mission, {"reason": reason}, config, as_json)


@app.command("resume")
def resume(mission: IdArgument, reason: ReasonOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """Let a suspended mission go on."""
    _change("resume", mission, {"reason": reason}, config, as_json)


@app.command("close")
def close(mission: IdArgument, reason: ReasonOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """End a mission whose task is done."""
    _change("close", mission, {"reason": reason}, config, as_json)


@app.command("revoke")
def revoke(mission: IdArgument, reason: ReasonOption = "", config: ConfigOption = None, as_json: JsonOption = False) -> None:  # fmt: skip
    """End a mission that must not go on; when this returns, nothing of it is sent any more."""
    _change("revoke", mission, {"reason": reason}, config, as_json)


@app.command("extend")
def extend(
    mission: IdArgument,
    ttl: Annotated[str, typer.Option("--ttl", metavar="TIME", help="How long from now: 30m, 2h.")],
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Let a mission live longer, within the ceilings."""
    _change("extend", mission, {"ttl": ttl}, config, as_json)
