"""``exeat run``: one command inside one mission, from open to close.

Must not know: what the command is.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli.exits import SIGNALLED, ChildEndedError, Exit
from exeat.cli.options import (
    AgentOption,
    BudgetOption,
    ConfigOption,
    EnvironmentOption,
    IdleOption,
    JsonOption,
    TtlOption,
    budget_of,
    load_settings,
)
from exeat.cli.output import SCHEMA, paint, printable, say, until
from exeat.errors import ExeatError, InvalidRequestError

if TYPE_CHECKING:
    from exeat.config.settings import Settings

_JAVA = "JAVA_TOOL_OPTIONS"
_WAYS_AROUND = ("ALL_PROXY", "FTP_PROXY", "NO_PROXY", "HTTP_PROXY", "HTTPS_PROXY", "SSL_CERT_DIR")


def register(app: typer.Typer) -> None:
    """Add the verb; options end where the command begins, with or without ``--``."""
    app.command("run", context_settings={"allow_interspersed_args": False})(run)


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD [ARG]…", help="What to run.")],
    mission: Annotated[str, typer.Option("--mission", metavar="TEMPLATE", help="The mission template to open.")],
    agent: AgentOption,
    environment: EnvironmentOption = "",
    ttl: TtlOption = "",
    idle: IdleOption = "",
    budget: BudgetOption = None,
    model: Annotated[
        list[str] | None, typer.Option("--model", metavar="NAME", help="The only models it may use; repeatable.")
    ] = None,
    parent: Annotated[str, typer.Option("--parent", metavar="ID", help="The mission that delegates to this one.")] = "",
    jail: Annotated[bool, typer.Option("--jail", help="Leave the command no way out but Exeat.")] = False,
    user: Annotated[
        str, typer.Option("--user", metavar="NAME", help="With --jail, as root: run it as this user.")
    ] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Open a mission, run a command in it, close it; returns the command's exit code.

    The command's output is its own; ours goes to stderr, with --json as JSON lines.
    """
    from exeat.cli.child import Child
    from exeat.cli.client import segment
    from exeat.cli.jailing import jail_at, prepared, variables_of
    from exeat.cli.opening import open_for_one

    loaded = load_settings(config)
    missing = _missing(command[0])
    if missing:
        say(f"{paint('error', 'red', sys.stderr)}: {printable(command[0])}: can't be run; no mission was opened")
        raise ChildEndedError(missing)
    if user and not jail:
        raise InvalidRequestError("--user is for a jail", "add --jail")
    plan = prepared(loaded, user) if jail else None
    with Child() as child:
        client, opened = open_for_one(
            loaded,
            mission,
            agent,
            environment,
            ttl,
            idle=idle,
            budget=budget_of(budget or []),
            models=model,
            parent=parent,
        )
        cell = jail_at(plan, opened) if plan is not None else None
        try:
            _banner(opened, jailed=jail, as_json=as_json)
            if child.pending is None:
                variables = child_environment(os.environ, opened, loaded.settings) | (
                    variables_of(plan) if plan else {}
                )
                code = child.run(command, variables, cell)
            else:
                code = SIGNALLED + child.pending
        finally:
            if cell is not None:
                cell.stop()
            closed = _close(
                lambda: client.post(f"/v1/missions/{segment(opened['mission'])}/close", {"reason": "run ended"})
            )
    _farewell(opened["mission"], closed, as_json=as_json)
    raise ChildEndedError(code)


def _missing(command: str) -> int:
    """0, or the exit code for a command that isn't there or may not be executed."""
    if shutil.which(command) is not None:
        return 0
    return Exit.NOT_EXECUTABLE if os.sep in command and Path(command).exists() else Exit.NOT_FOUND


def child_environment(current: Mapping[str, str], opened: Mapping[str, Any], settings: Settings) -> dict[str, str]:
    """The command's variables: the current ones without real credentials, ways around and our own; then the mission's.

    A shared credential's variable is replaced by the mission's placeholder, or missing where the mission has none; so
    is every other variable that holds the same value.
    """
    from exeat.cli.formats import variables

    sources = {service.shared.source for service in settings.service if service.shared is not None}
    secret = {source.removeprefix("env:") for source in sources if source.startswith("env:")}
    values = {current[name] for name in secret if current.get(name)}
    kept = {
        key: value
        for key, value in current.items()
        if key not in secret
        and value not in values
        and key.upper() not in _WAYS_AROUND
        and not key.startswith("EXEAT_")
    }
    given = variables(opened)
    both = (kept.get(_JAVA), given.get(_JAVA))
    if all(both):  # the command's own options stay; where they disagree the last one holds
        given[_JAVA] = " ".join(map(str, both))
    return kept | given


def _close(post: Any) -> str:
    """Close the mission whatever happened; "" when it is closed, else why it isn't."""
    try:
        post()
    except ExeatError as error:
        return str(error)
    return ""


def _banner(opened: Mapping[str, Any], *, jailed: bool, as_json: bool) -> None:
    if as_json:
        shown = {key: opened.get(key) for key in ("mission", "agent", "expires_at")}
        say(_line({"schema": SCHEMA, "event": "opened", **shown, "jail": jailed}))
        return
    say(
        f"exeat: mission {opened['mission']} as {printable(opened.get('agent'))}, ends {until(str(opened.get('expires_at')))}"
    )
    if jailed:
        say("exeat: jailed: its network holds Exeat and nothing else; to see it, run in it: exeat doctor --inside")
        return
    say(
        "exeat: this guides the command, it does not contain it: one that ignores the proxy settings goes around (--jail contains it)."
    )


def _farewell(mission: str, failure: str, *, as_json: bool) -> None:
    if as_json:
        say(_line({"schema": SCHEMA, "event": "closed" if not failure else "close_failed", "mission": mission}))
    elif failure:
        say(f"exeat: mission {mission} could not be closed ({printable(failure)}); run: exeat mission revoke {mission}")
    else:
        say(f"exeat: mission {mission} is closed")


def _line(data: Mapping[str, object]) -> str:
    import orjson

    return orjson.dumps(data).decode()
