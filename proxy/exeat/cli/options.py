"""Options that every verb has, written once.

Must not know: any verb.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from exeat.config.loading import Loaded

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Configuration [default: $EXEAT_CONFIG, else ./exeat.toml]."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON, and nothing else, on stdout.")]
AgentOption = Annotated[str, typer.Option("--agent", metavar="NAME", help="The agent: NAME or ENVIRONMENT/NAME.")]
EnvironmentOption = Annotated[
    str, typer.Option("--environment", metavar="NAME", help="Where the agent lives, when its name alone doesn't say.")
]
TtlOption = Annotated[str, typer.Option("--ttl", metavar="TIME", help="A shorter life than the template's: 10m, 2h.")]

IdleOption = Annotated[str, typer.Option("--idle", metavar="TIME", help="End it after so long without a request: 10m.")]
BudgetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--budget",
        metavar="KIND=N",
        help="What it may use up: requests, writes, bytes (with a unit), cost, destinations; repeatable.",
    ),
]


def budget_of(texts: Sequence[str]) -> dict[str, object]:
    """What ``--budget`` says, for the API, which knows the kinds; raise InvalidRequestError for what isn't KIND=N."""
    from exeat.errors import InvalidRequestError

    budget: dict[str, object] = {}
    for text in texts:
        kind, separator, number = text.partition("=")
        if not separator or not kind or not number[:1].isdecimal():
            raise InvalidRequestError(f"budget {text!r} is no KIND=N", "write --budget requests=100")
        budget[kind] = int(number) if number.isdecimal() else number
    return budget


def load_settings(config: Path | None) -> Loaded:
    """The configuration; its warnings go to stderr. Raise ConfigurationError with every finding."""
    import sys

    from exeat.cli.output import show_finding
    from exeat.config.loading import load

    loaded = load(config)
    for warning in loaded.warnings:
        show_finding(warning, sys.stderr)
    return loaded
