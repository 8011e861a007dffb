"""``exeat top``: missions, rates, refusals and workers, live.

Must not know: how any figure comes about; the admin API says them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import coloured, emit, printable, until

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

_REASONS = 6
"""Reasons of refusals that are named; the others are counted."""


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("top")(top)


def top(
    once: Annotated[bool, typer.Option("--once", help="Print one picture and stop.")] = False,
    interval: Annotated[float, typer.Option("--interval", "-i", metavar="SECONDS", min=0.2, max=60)] = 2.0,
    limit: Annotated[int, typer.Option("--limit", "-n", min=1, max=1000, help="The busiest so many missions.")] = 20,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show what goes on, until q or Ctrl-C; with --once, --json or without a terminal one picture."""
    from exeat.cli.client import AdminClient

    client = AdminClient.of(load_settings(config))
    if as_json:
        emit(client.get("/v1/top", limit=limit))
        return
    from rich.console import Console

    console = Console(no_color=not coloured(sys.stdout), highlight=False, markup=False, emoji=False)
    if once or not sys.stdout.isatty():
        console.print(picture(client.get("/v1/top", limit=limit)))
        return
    _live(client, console, interval, limit)


def _live(client: Any, console: Console, interval: float, limit: int) -> None:
    from rich.live import Live

    from exeat.errors import UnavailableError

    with _keys() as pressed, Live(console=console, screen=True, auto_refresh=False) as live:
        while True:
            try:
                live.update(picture(client.get("/v1/top", limit=limit), live=True), refresh=True)
            except UnavailableError as error:  # it may come back
                live.update(printable(error), refresh=True)
            if pressed(interval) in ("q", "Q"):
                return


def picture(answer: dict[str, Any], *, live: bool = False) -> RenderableType:
    """One answer of ``GET /v1/top`` for a terminal of 80 columns and more."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    rates = answer["rates"]
    facts = [
        f"{answer['live_missions']} live missions",
        f"{rates['requests']:g} requests/s",
        f"{rates['refusals']:g} refusals/s",
    ]
    if answer.get("approvals_pending") is not None:
        facts.append(f"{answer['approvals_pending']} approvals pending")
    head = Text(", ".join(facts), style="bold")
    if not answer["healthy"]:
        head.append("\nUNAVAILABLE: requests are refused (audit log, or stopping)", style="bold red")
    parts: list[RenderableType] = [head, Text(_refusals(answer["refusals"])), *map(Text, _workers(answer["workers"]))]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold", expand=False)
    for name, options in (
        ("AGENT", {"overflow": "ellipsis", "no_wrap": True, "max_width": 18}),
        ("MISSION", {"overflow": "fold", "min_width": 28, "no_wrap": True}),
        ("STATE", {"no_wrap": True}),
        ("ENDS", {"no_wrap": True}),
        ("REQ", {"justify": "right", "no_wrap": True}),
        ("REF", {"justify": "right", "no_wrap": True}),
        ("BUDGET", {"overflow": "ellipsis", "no_wrap": True}),
    ):
        table.add_column(name, **options)
    for mission in answer["missions"]:
        table.add_row(*map(Text, _row(mission)))
    parts += [Text(), table]
    if live:
        parts += [Text(), Text("q to quit", style="dim")]
    return Group(*parts)


def _row(mission: dict[str, Any]) -> tuple[str, ...]:
    budget = mission.get("budget") or {}
    used = mission.get("used") or {}
    return (
        printable(",".join(mission["agents"])),
        printable(mission["mission"]),
        printable(mission["state"]),
        until(mission["expires_at"]),
        str(mission["requests"]),
        str(mission["refusals"]),
        printable(" ".join(f"{kind} {_of(used.get(kind))}{bound}" for kind, bound in budget.items())) or "-",
    )


def _of(used: object) -> str:
    return "" if used is None else f"{used}/"


def _refusals(reasons: dict[str, int]) -> str:
    if not reasons:
        return "refusals: none"
    named = list(reasons.items())[:_REASONS]
    rest = sum(reasons.values()) - sum(count for _, count in named)
    shown = ", ".join(f"{printable(code)} {count}" for code, count in named)
    return f"refusals: {shown}" + (f", others {rest}" if rest else "")


def _workers(workers: list[dict[str, Any]]) -> Iterator[str]:
    for worker in workers:
        tokens = worker["tokens"]
        yield (
            f"worker {printable(worker['worker'])}: {worker['connections']} connections, {tokens.get('tokens', 0)} tokens "
            f"held, {tokens.get('minting', 0)} minting, heard {worker['reported_ms_ago'] / 1000:.1f} s ago"
        )


@contextmanager
def _keys() -> Iterator[Any]:
    """A function that waits so many seconds for a key and returns it, or ""; the terminal is put back afterwards."""
    import select
    import termios
    import tty

    def pressed(seconds: float) -> str:
        ready, _, _ = select.select([sys.stdin], [], [], seconds)
        return os.read(sys.stdin.fileno(), 1).decode("ascii", "replace") if ready else ""

    if not sys.stdin.isatty():
        yield pressed
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield pressed
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
