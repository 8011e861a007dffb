"""``exeat env``: one mission's settings, written for the place where the agent runs.

Must not know: the formats.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import orjson
import typer

from exeat.cli.options import ConfigOption, EnvironmentOption, JsonOption, TtlOption, load_settings
from exeat.cli.output import emit, line, say
from exeat.errors import InvalidRequestError


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("env")(env)


def env(
    source: Annotated[
        str, typer.Option("--from", metavar="FILE", help="Answer of 'mission open --json'; - is stdin.")
    ] = "",
    mission: Annotated[str, typer.Option("--mission", metavar="TEMPLATE", help="Or open one from this template.")] = "",
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="The agent, with --mission.")] = "",
    environment: EnvironmentOption = "",
    ttl: TtlOption = "",
    shell: Annotated[bool, typer.Option("--shell", help='Lines for eval "$(…)"; the default.')] = False,
    docker: Annotated[bool, typer.Option("--docker", help="A file for docker run --env-file.")] = False,
    compose: Annotated[bool, typer.Option("--compose", help="The part of a service in compose.yaml.")] = False,
    k8s: Annotated[bool, typer.Option("--k8s", help="A Secret for envFrom.")] = False,
    github: Annotated[bool, typer.Option("--github", help='Lines for "$GITHUB_ENV".')] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print an open mission's settings; what is printed holds its pass."""
    from exeat.cli.formats import render, variables

    chosen = {"shell": shell, "docker": docker, "compose": compose, "k8s": k8s, "github": github}
    forms = [name for name, wanted in chosen.items() if wanted]
    if len(forms) > 1:
        raise InvalidRequestError("one format at a time", "leave one of: --" + ", --".join(forms))
    if bool(source) == bool(mission):
        raise InvalidRequestError(
            "say which mission: --from FILE, or --mission TEMPLATE --agent NAME", "see exeat env --help"
        )
    opened = _read(source) if source else _open(mission, agent, environment, ttl, config)
    if as_json:
        emit(variables(opened))
        return
    form = forms[0] if forms else "shell"
    line(render(form, opened))
    if form in ("docker", "compose") and "127.0.0.1" in str(opened.get("proxy_url")):
        say(
            "note: in a container 127.0.0.1 is the container itself; give Exeat an https:// listener there (docker/compose.yaml)"
        )
    if form == "k8s":
        say("note: 127.0.0.1 is the pod; run Exeat as a sidecar in it")
    if form == "github" and os.environ.get("GITHUB_ACTIONS") == "true":
        say(f"::add-mask::{opened.get('pass', '')}")  # the runner reads stderr too, and shows stars from here on


def _read(source: str) -> dict[str, Any]:
    try:
        content = sys.stdin.buffer.read() if source == "-" else Path(source).read_bytes()
        opened = orjson.loads(content)
    except OSError as error:
        raise InvalidRequestError(f"{source} can't be read: {error.strerror}") from None
    except orjson.JSONDecodeError:
        opened = None
    if not isinstance(opened, dict):
        raise InvalidRequestError(
            f"{source} isn't the answer of mission open", "make it with: exeat mission open … --json"
        )
    return opened


def _open(template: str, agent: str, environment: str, ttl: str, config: Path | None) -> dict[str, Any]:
    from exeat.cli.opening import open_for_one

    if not agent:
        raise InvalidRequestError("--mission needs --agent NAME", "name the agent that will act in it")
    return open_for_one(load_settings(config), template, agent, environment, ttl)[1]
