"""The command line's entry: finds the verb, and turns every error into one block on stderr and an exit code.

Must not know: what any verb does. Imports nothing heavy: ``--help`` has 200 ms.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Sequence
from typing import Annotated

import typer

from exeat import __version__
from exeat.cli import (
    admin,
    api,
    approval,
    audit,
    ca,
    config,
    demo,
    destination,
    doctor,
    env,
    init,
    login,
    mission,
    network,
    policy,
    report,
    run,
    serve,
    service,
    store,
    top,
    why,
)
from exeat.cli.exits import HELP, SIGNALLED, ChildEndedError, Exit
from exeat.cli.output import paint, say, show_error
from exeat.errors import ExeatError

app = typer.Typer(
    name="exeat",
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
    help="The permission an AI agent needs for each request that leaves the network.",
    epilog=HELP,
)
for verb in (init, serve, run, demo, doctor, env, why, login, top):
    verb.register(app)
for group in (mission, destination, approval, policy, report, audit, store, service, network, ca, config, admin, api):
    app.add_typer(group.app)


def _version(value: bool) -> None:
    if value:
        typer.echo(f"exeat {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and stop.")
    ] = False,
) -> None:
    """Options before any verb."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code. Never raises; a traceback is shown only with EXEAT_DEBUG=1."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    running = words[:1] == ["run"]
    try:
        app(args=words, prog_name="exeat")
    except ChildEndedError as child:
        return child.code
    except SystemExit as ended:
        code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except ExeatError as error:
        show_error(error)
        code = error.exit_code
    except KeyboardInterrupt:
        code = SIGNALLED + 2
    except Exception as error:  # noqa: BLE001 the last line of defence: one short message, exit 1, no values shown
        if os.environ.get("EXEAT_DEBUG") == "1":
            traceback.print_tb(error.__traceback__)  # frames without the message, which may quote a value
        say(f"{paint('error', 'red', sys.stderr)}: unexpected {type(error).__name__}; this is a bug in Exeat")
        say("    fix: run again with EXEAT_DEBUG=1 to see where, and report it")
        code = Exit.FAILED
    return Exit.RUN_FAILED if running and code != Exit.DONE else code


if __name__ == "__main__":
    sys.exit(main())
