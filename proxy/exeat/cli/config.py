"""``exeat config``: the configuration as a whole, and its schema.

Must not know: what any setting does.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption
from exeat.cli.output import SCHEMA, emit, finding_dict, line, paint, show_finding
from exeat.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

    from exeat.errors import Finding

app = typer.Typer(name="config", help="Check the configuration.", no_args_is_help=True, rich_markup_mode=None)


@app.command("check")
def check(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Check the file, the services and the policies; exit code 2 when the proxy would refuse them, 3 for policies."""
    findings, code = _check(config)
    if as_json:
        emit({"schema": SCHEMA, "ok": code == Exit.DONE, "findings": [finding_dict(finding) for finding in findings]})
    else:
        for finding in findings:
            show_finding(finding, sys.stdout)
        if code == Exit.DONE:
            line(paint("the configuration is valid", "green"))
    raise typer.Exit(code)


def _check(config: Path | None) -> tuple[list[Finding], Exit]:
    from exeat.cli.bundle import catalogue, policy_findings, template_findings
    from exeat.config.loading import load

    findings: list[Finding] = []
    try:
        loaded = load(config)
        findings += loaded.warnings
        services = catalogue(loaded)
    except ConfigurationError as error:
        return [*findings, *error.findings], Exit.USAGE
    unknown = template_findings(loaded, services)
    policies = policy_findings(loaded, services)
    findings += [*unknown, *policies]
    if unknown:
        return findings, Exit.USAGE
    return findings, Exit.DONE if all(finding.warning for finding in policies) else Exit.POLICY_INVALID


@app.command("schema")
def schema(as_json: JsonOption = False) -> None:  # noqa: ARG001 it is JSON in any case
    """Print the JSON Schema of exeat.toml, for editors."""
    from exeat.config.settings import Settings

    emit({"$schema": "https://json-schema.org/draft/2020-12/schema", **Settings.model_json_schema()})
