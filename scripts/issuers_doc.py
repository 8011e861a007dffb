"""Write docs/issuers.md from the code: every kind of issuer, what it promises, its limits and its settings.

Usage: scripts/issuers_doc.py [--check]; with --check, only say whether the file is current.
"""

from __future__ import annotations

import re
import sys
import types
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from exeat.config.tables.issuers import KINDS
from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Table
from exeat.credentials.issuing import Proof
from exeat.credentials.kinds import kind

FILE = Path(__file__).parents[1] / "docs" / "issuers.md"

HEAD = """\
# Issuers

<!-- Made by scripts/issuers_doc.py from the code; change the code, then run it. -->

An issuer turns a permit into what is sent in the shared credential's stead. A service names it in `issuer = { kind = "…" }`; where
that is missing, a service with a shared credential uses `stored_key`, which is no more than custody.

**Grade** says how narrow that is: *A* narrowed to this request, *B* short-lived with a scope that an admin fixed, *C* custody only: the
agent never has it, but it is no narrower. The grade is on every record and in the context of every policy.

**Proof** says how we know. *Enforced*: in the tests a server refuses a wider use of what was minted. *Contract-tested*: what we send and
take is what the vendor publishes; no server of the vendor's was there to refuse anything.

For every kind: what is granted is compared with what was asked for, and a wider grant is refused (`token_too_wide`) and revoked. A token
serves one session and one request's rights, is renewed early off the request's path, and is dropped with its mission. Many requests
at once make one mint. A server that fails is left alone, for longer each time, and meanwhile requests are refused at once
(`token_unavailable`). Tokens of issuers outside are listed before they are used: `exeat mission tokens ID` shows what a mission got and
what became of it, and the call that ends a mission names what lives on, and until when.

| Kind | Grade | Proof | A token is narrowed to |
| --- | --- | --- | --- |
"""

COMMON = """
## Settings of every kind

"""


def words(text: str | None) -> str:
    """A docstring or sentence as one line of Markdown."""
    return re.sub(r"\s+", " ", (text or "").replace("``", "`")).strip()


def form(annotation: Any) -> str:
    """What a field takes, in a word."""
    if get_origin(annotation) is Annotated:
        return form(get_args(annotation)[0])
    if get_origin(annotation) in (Union, types.UnionType):
        return " or ".join(dict.fromkeys(form(each) for each in get_args(annotation) if each is not type(None)))
    if get_origin(annotation) is Literal:
        return ", ".join(f"`{each}`" for each in get_args(annotation))
    if get_origin(annotation) is tuple:
        return "list"
    if get_origin(annotation) is dict:
        return "table"
    if isinstance(annotation, type) and issubclass(annotation, Table):
        return "table"
    return {str: "text", float: "number", int: "number", bool: "true or false"}.get(annotation, "text")


def settings(table: type[Table], known: set[str]) -> str:
    """The fields of a table that aren't known from elsewhere."""
    rows = []
    for name, field in table.model_fields.items():
        if name in known:
            continue
        told = words(field.description).replace("|", "\\|")
        takes = "duration" if any("30m" in str(each) for each in field.metadata) else form(field.annotation)
        rows.append(f"| `{field.alias or name}` | {takes} | {told or 'which kind it is'} |\n")
    return "| Setting | Takes | |\n| --- | --- | --- |\n" + "".join(rows) if rows else "No settings of its own.\n"


def name_of(table: type[IssuerTable]) -> str:
    """The kind that a table is for."""
    (name,) = get_args(table.model_fields["kind"].annotation)
    return str(name)


def grades(table: type[IssuerTable]) -> str:
    """The grade it promises; a kind whose settings decide says so."""
    decides = "promised" in vars(table)
    return f"{table.grade}, by its settings" if decides else str(table.grade)


def page() -> str:
    """The whole file."""
    known = set(IssuerTable.model_fields)
    tables = sorted(KINDS, key=name_of)
    text = HEAD
    for table in tables:
        made = kind(name_of(table))
        text += f"| [`{made.name}`](#{made.name}) | {grades(table)} | {made.proof} | {words(made.narrows)} |\n"
    text += COMMON + settings(IssuerTable, set())
    for table in tables:
        made = kind(name_of(table))
        text += f"\n## {made.name}\n\n{words(table.__doc__)}\n\n"
        text += f"* Grade {grades(table)}; {'enforced' if made.proof is Proof.ENFORCED else 'contract-tested'}"
        text += f", tried against {'; '.join(map(words, made.servers))}.\n" if made.servers else ".\n"
        text += f"* Narrowed to: {words(made.narrows)}.\n* Ends before its time: {words(made.revokes)}.\n"
        text += "".join(f"* Limit: {words(limit).rstrip('.')}.\n" for limit in made.limits)
        text += "\n" + settings(table, known)
    return text


def main() -> int:
    """Write it, or compare."""
    text = page()
    if "--check" in sys.argv[1:]:
        return int(not FILE.exists() or FILE.read_text() != text)
    FILE.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
