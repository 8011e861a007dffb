"""``exeat scan``: real secrets that were left where an agent can read them.

Nothing that is read leaves this process, and no value is shown. Must not know: what a secret looks like.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption
from exeat.cli.output import SCHEMA, emit, line, paint, printable, say
from exeat.errors import InvalidRequestError

if TYPE_CHECKING:
    from exeat.scanning.looking import Find, Looker, Registered
    from exeat.scanning.places import Place

Found = list[tuple["Place", "Find"]]


def register(app: typer.Typer) -> None:
    """Add the verb."""
    app.command("scan")(scan)


def scan(
    paths: Annotated[
        list[Path] | None, typer.Argument(help="Files and folders; default is the working folder.")
    ] = None,
    pid: Annotated[
        list[int] | None, typer.Option("--pid", help="A process of your user: its environment and its memory.")
    ] = None,
    env: Annotated[bool, typer.Option("--env", help="This environment.")] = False,
    registered: Annotated[
        bool, typer.Option("--registered", help="Look for the shared credentials of the configuration too.")
    ] = False,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Look for real secrets in files, in an environment, in a process; exit code 1 when there are any.

    Placeholders and passes are told as ours. With --registered also the shared credentials are looked for, in all codings:
    run that where Exeat runs, for their sources are read. Nothing is sent anywhere.
    """
    from exeat.identity.passes import is_pass
    from exeat.model.secret import Secret
    from exeat.scanning import places
    from exeat.scanning.looking import Looker

    looker = Looker(lambda value: is_pass(Secret(value)), _registered(config) if registered else None)
    asked: list[Iterable[Place]] = [places.environment(os.environ)] if env else []
    asked += [_process(each) for each in pid or ()]
    for path in paths or ([] if asked else [Path()]):
        if not os.path.lexists(path):
            raise InvalidRequestError(f"{path} doesn't exist", "name a file or a folder")
        asked.append(places.files(path))
    found, skipped, read = _look(looker, chain.from_iterable(asked))
    if as_json:
        emit(_told(found, skipped, read, looker.ours))
    else:
        _show(found, skipped, read, looker.ours)
    raise typer.Exit(Exit.FAILED if found else Exit.DONE)


def _look(looker: Looker, texts: Iterable[Place]) -> tuple[Found, list[Place], int]:
    found: Found = []
    skipped: list[Place] = []
    read = 0
    for place in texts:
        if place.skipped:
            skipped.append(place)
            continue
        read += 1
        found += [(place, find) for find in looker.look(place.text)]
    return found, skipped, read


def _process(pid: int) -> Iterator[Place]:
    from exeat.scanning import places

    try:
        yield from places.process(pid)
    except OSError as error:
        reason = error.strerror or "no answer"
        raise InvalidRequestError(f"process {pid} can't be read: {reason}", "run this as the process's user") from None


def _where(place: Place, find: Find) -> str:
    return f"{place.name}:{find.line}" if place.lines else place.name


def _told(found: Found, skipped: list[Place], read: int, ours: int) -> dict[str, object]:
    return {
        "schema": SCHEMA,
        "ok": not found,
        "findings": [
            {
                "where": place.name,
                "line": find.line if place.lines else None,
                "offset": find.offset,
                "kind": find.kind,
                "preview": find.preview,
                "advice": find.advice,
            }
            for place, find in found
        ],
        "read": read,
        "ours": ours,
        "skipped": [{"where": place.name, "why": place.skipped} for place in skipped],
    }


def _show(found: Found, skipped: list[Place], read: int, ours: int) -> None:
    for place, find in found:
        line(f"{printable(_where(place, find))}: {paint(find.kind, 'red')} {printable(find.preview)}")
        line(f"    fix: {find.advice}")
    for place in skipped:
        say(f"not read: {printable(place.name)}: {place.skipped}")
    say(f"{len(found)} found in {read} texts; {ours} placeholders and passes of Exeat")


def _registered(config: Path | None) -> Registered:
    """Every coding of every shared credential that lies on this host, from the sources that the configuration names."""
    from exeat.config.loading import load
    from exeat.credentials.sources import Sources, is_elsewhere
    from exeat.enforcement.answers.forms import Needles
    from exeat.services.catalogue import build_catalogue

    loaded = load(config, os.environ)
    services, sources = build_catalogue(loaded.settings.service).services, Sources(loaded.base, os.environ)
    here = {
        each.name: each.shared.source
        for each in services
        if each.shared is not None and not is_elsewhere(each.shared.source)
    }
    shared = {name: sources.load(source) for name, source in here.items()}
    forms = [(name, Needles((secret,)).covered) for name, secret in shared.items()]

    def registered(text: bytes) -> Iterator[tuple[int, int, str]]:
        for name, each in forms:
            for form in each:
                at = text.find(form)
                while at >= 0:
                    yield at, len(form), name
                    at = text.find(form, at + len(form))

    return registered
