"""``exeat audit``: read the audit log, and find out whether somebody touched it.

Reads the files themselves, so it works without a running proxy. Must not know: how records are chained.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from itertools import chain, islice
from pathlib import Path
from typing import Annotated, Any

import typer

from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line, paint, printable, say
from exeat.errors import UnavailableError
from exeat.model.record import Record

app = typer.Typer(name="audit", help="Read and verify the audit log.", no_args_is_help=True, rich_markup_mode=None)


@app.command("tail")
def tail(
    count: Annotated[int, typer.Option("-n", "--lines", min=0, max=100_000, help="How many to begin with.")] = 20,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on with new ones until Ctrl-C.")] = False,
    denied: Annotated[bool, typer.Option("--denied", help="Only what was refused.")] = False,
    agent: Annotated[str, typer.Option("--agent", metavar="NAME", help="Only this agent's: name or SPIFFE ID.")] = "",
    mission: Annotated[str, typer.Option("--mission", metavar="ID", help="Only this mission's.")] = "",
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show the newest records; with --json one object a line, as written."""
    from exeat.audit import query

    loaded = load_settings(config)
    folder = loaded.path(loaded.settings.audit.path)
    filters = {key: value for key, value in (("agent", agent), ("mission", mission)) if value}
    newest = (record for record in query.newest(folder, filters=filters) if not denied or _refused(record))
    records: Iterable[Record] = reversed(list(islice(newest, count)))
    if follow:
        coming = query.follow(folder, filters=filters)
        records = chain(records, (record for record in coming if not denied or _refused(record)))
    for record in records:
        _emit_line(record) if as_json else line(_summary(record))
        if follow:
            sys.stdout.flush()


def _refused(record: Record) -> bool:
    return record.get("kind") == "decision" and record.get("decision") != "permit"


def _emit_line(record: Mapping[str, Any]) -> None:
    import orjson

    line(orjson.dumps(record).decode())


def _summary(record: Mapping[str, Any]) -> str:
    kind = str(record.get("kind", ""))
    time = str(record.get("time", ""))[11:23]
    who = str(record.get("agent", "")).rpartition("/")[2]
    if kind == "decision":
        verdict = str(record.get("decision", ""))
        mark = paint(verdict.upper().ljust(7), "green" if verdict == "permit" else "red")
        where = f"{record.get('method', '')} {record.get('host', '')}{record.get('path', '')}"
        text = f"{where}  {record.get('action') or ''}  {record.get('code') or ''}"
    elif kind == "outcome":
        mark = paint(str(record.get("outcome", "")).ljust(7), "dim")
        carried = record.get("bytes")
        carried = f"{carried.get('sent')} B out, {carried.get('received')} B back" if isinstance(carried, dict) else ""
        text = f"{record.get('status') or ''}  {record.get('ms', '')} ms  {carried}"
    elif kind == "alert":
        credential = record.get("credential")
        told = credential.get("fingerprint") if isinstance(credential, dict) else ""
        mark = paint(kind.upper().ljust(7), "red")
        text = f"{record.get('event', '')} {told} {record.get('service') or record.get('host') or ''}"
    else:
        mark = paint(kind.ljust(7), "bold")
        text = " ".join(str(record[key]) for key in ("event", "state", "by", "reason") if record.get(key))
    ids = record.get("decision_id") or record.get("mission") or ""
    return f"{printable(time)}  {mark}  {printable(who):<16}  {printable(text).strip()}  {paint(printable(ids), 'dim')}"


@app.command("verify")
def verify(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Find edited, deleted, reordered, forged and cut-off records; exit code 1 when there are any."""
    from exeat.audit.verify import verify as verify_log

    loaded = load_settings(config)
    folder = loaded.path(loaded.settings.audit.path)
    state = loaded.path(loaded.settings.state.path)
    verdict = verify_log(folder, state / "audit-heads", seal_key(state))
    code = Exit.DONE if verdict.ok else Exit.FAILED
    if as_json:
        emit({"schema": SCHEMA, **verdict.as_dict()})
        raise typer.Exit(code)
    for finding in verdict.findings:
        mark = paint("warning", "yellow") if finding.warning else paint("error", "red")
        line(f"{mark}: {printable(finding)}")
    records = sum(report.records for report in verdict.chains)
    text = f"{records} records in {len(verdict.chains)} chains"
    if verdict.ok:
        line(f"{paint('intact', 'green')}: {text}")
    else:
        line(f"{paint('broken', 'red')}: {text}")
        say("keep the files as they are, and compare them with a copy kept elsewhere")
    raise typer.Exit(code)


def seal_key(state: Path) -> bytes:
    """The key that seals the heads; raise UnavailableError without it: the end of a log can't be vouched for then."""
    from exeat.files import read_private

    file = state / "audit-seal.key"
    if not file.exists():
        raise UnavailableError(f"there is no {file}; the first exeat serve makes it, and without it nothing is proven")
    return read_private(file)
