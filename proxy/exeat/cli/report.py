"""``exeat report``: what somebody who answers for an installation wants to know about it.

Must not know: how any figure comes about; the admin API says them.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit, line, paint, printable, say, table, until
from exeat.errors import InvalidRequestError

app = typer.Typer(name="report", help="Reports over an installation.", no_args_is_help=True, rich_markup_mode=None)

_COLOURS = {"in_use": "yellow", "retired": "dim", "scoped_tokens": "green", "unregistered": "red"}
BARS = "▁▂▃▄▅▆▇█"


@app.callback()
def _group() -> None:
    """A group, although it has only one verb yet."""


@app.command("migration")
def migration(
    since: Annotated[
        str, typer.Option("--since", metavar="DAYS", help="How far back to look, today included.")
    ] = "30d",
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write one page that needs nothing else.")
    ] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show who still sends which shared credential, and what to do next.

    Exit code 1 when somebody has to act now: a credential that nobody registered, or a retired one that is still sent or needed.
    """
    from exeat.cli.client import AdminClient

    days = _days(since)
    answer = AdminClient.of(load_settings(config)).get("/v1/migration", days=days)
    if html is not None:
        from exeat.cli.report_page import page

        html.write_text(page(answer), encoding="utf-8")
        say(f"wrote {printable(html)}")
    if as_json:
        emit(answer)
    elif html is None:
        _show(answer)
    raise typer.Exit(Exit.FAILED if answer["findings"] else Exit.DONE)


def _days(text: str) -> int:
    if found := re.fullmatch(r"([1-9][0-9]{0,3})d?", text):
        return int(found[1])
    raise InvalidRequestError(f"{text!r} is no number of days", "write --since 30d")


def _show(answer: dict[str, Any]) -> None:
    lines = answer["credentials"]
    if not lines:
        say("no shared credential is configured, and none was brought")
        return
    table(
        ("CREDENTIAL", "SERVICES", "STATE", "REAL", "SHARE", "SENT BY", "GRADE", "RETIRE BY", "LAST USED", "TREND"),
        [
            (
                each["fingerprint"],
                ",".join(each["services"]) or "-",
                words(each),
                each["real"],
                share(each),
                f"{len(senders(each))} of {len(each['agents'])} agents",
                grades(each),
                until(each["retire_by"]) if each["retire_by"] else "-",
                until(each["last_used_at"]) if each["last_used_at"] else "never",
                f"{each['trend']} {spark(each)}".strip(),
            )
            for each in lines
        ],
    )
    line()
    for each in lines:
        mark = paint(printable(each["fingerprint"]), _COLOURS.get(each["state"], "bold"))
        line(f"{mark}: {printable(each['next'])}")
    findings = answer["findings"]
    say(f"{findings} of {len(lines)} credentials need somebody now; the last {answer['days']} days")


def words(credential: dict[str, Any]) -> str:
    """How a credential stands, for people."""
    state = str(credential["state"])
    if state == "in_use":
        return "in use by agents"
    if state == "unused":
        return f"unused since {str(credential['last_used_at'])[:10]}"
    return state.replace("_", " ")


def senders(credential: dict[str, Any]) -> list[dict[str, Any]]:
    """The agents that still send the real one."""
    return [each for each in credential["agents"] if each["sends"] in ("real", "both")]


def share(credential: dict[str, Any]) -> str:
    """The real one's part of all calls, never rounded to nothing or to everything."""
    part = credential["share"]
    if part is None:
        return "-"
    shown = f"{part:.0%}"
    if shown == "0%" and part > 0:
        return "<1%"
    return ">99%" if shown == "100%" and part < 1 else shown


def grades(credential: dict[str, Any]) -> str:
    """The grade of the newest token, and the one that can be had."""
    now, best = credential["grade_now"] or "-", credential["grade_attainable"] or "-"
    return now if now == best else f"{now}, {best} possible" if best != "-" else now


def spark(credential: dict[str, Any]) -> str:
    """The real one's share of the last fourteen days with calls, as bars."""
    found = []
    for day in credential["days"][-14:]:
        total = day["real"] + day["placeholder"] + day["none"]
        part = day["real"] / total if total else 0
        found.append(" " if not day["real"] else BARS[min(len(BARS) - 1, int(part * len(BARS)))])
    return "".join(found).rstrip()
