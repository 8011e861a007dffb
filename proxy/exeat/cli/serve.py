"""``exeat serve``: the proxy itself, in the foreground.

Must not know: how the proxy is put together.
"""

from __future__ import annotations

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import emit


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("serve")(serve)


def serve(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Start the proxy and stay; SIGTERM ends it. Logs go to stderr; --json prints once what is served."""
    from exeat.config.listeners import places
    from exeat.serving.main import serve as start

    loaded = load_settings(config)
    if as_json:
        settings = loaded.settings
        listeners = [place.table.url for place in places(settings)]
        emit({"config": str(loaded.file), "proxy": listeners, "admin": settings.admin.listen})
    raise typer.Exit(start(loaded))
