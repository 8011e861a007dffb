"""``exeat policy``: what can be said about policies before they are used.

Must not know: Cedar.
"""

from __future__ import annotations

import sys

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, finding_dict, line, paint, show_finding

app = typer.Typer(name="policy", help="Check policies.", no_args_is_help=True, rich_markup_mode=None)


@app.callback()
def _group() -> None:
    """Check policies."""


@app.command("check")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Read every policy as the proxy would and print all findings; exit code 3 when it would refuse them."""
    from exeat.cli.bundle import catalogue, policy_findings

    loaded = load_settings(config)
    findings = policy_findings(loaded, catalogue(loaded))
    sound = all(finding.warning for finding in findings)
    if as_json:
        emit({"schema": SCHEMA, "ok": sound, "findings": [finding_dict(finding) for finding in findings]})
    else:
        for finding in findings:
            show_finding(finding, sys.stdout)
        if sound:
            line(paint("the policies are valid", "green"))
    raise typer.Exit(Exit.DONE if sound else Exit.POLICY_INVALID)
