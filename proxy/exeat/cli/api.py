"""``exeat api``: the admin API described, for client generators and checkers.

Must not know: any call.
"""

from __future__ import annotations

import typer

from exeat.cli.output import emit

app = typer.Typer(name="api", help="The admin API, described.", no_args_is_help=True, rich_markup_mode=None)


@app.command("schema")
def schema() -> None:
    """Print the OpenAPI 3.1 description; a running proxy serves it at /v1/openapi.json."""
    from exeat.admin.app import whole_description

    emit(whole_description())
