"""Write ``docs/clients.md`` from the client matrix; with ``--check``, say whether it is current (exit code 1 if not).

The rows are data in ``tests/clients/matrix*.py``: what the table says is what the tests do.
"""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "docs" / "clients.md"
GROUPS = (
    ("Python", "matrix", "PYTHON"),
    ("Command line", "matrix", "COMMANDS"),
    ("Node and the JVM", "matrix_node", "NODE"),
)
HEAD = """\
<!-- Written by scripts/clients_doc.py from tests/clients/matrix*.py: change those, then run it. -->
# Clients

How each client is routed through Exeat, how it trusts the certificates it is shown there, and what its caller can read when
something is refused. Everything here is run by the tests, with the real client, unchanged, and with the variables that
`exeat mission open`, `exeat run` and `exeat env` give and no others.

## In short

1. Start the program with `exeat run --mission M --agent A -- CMD`, or give it what `exeat env` prints. That sets the proxy
   (`HTTPS_PROXY` with the pass as its password), about fifteen variables for trust, and a placeholder for each key.
2. Leave the old key where it is, or use the placeholder: neither ever leaves the network.
3. If a program keeps its own trust store, give it `state/ca.pem` (`exeat ca export`). Most trust variables *replace* the
   system's roots, so they name a bundle with the system's roots and ours.
4. If a program says only `407`, its proxy URL holds no pass. If it says only `403`, `exeat why last` has the rest.

A program that ignores the proxy isn't governed. Close its other ways out (`exeat doctor` shows which are open).
"""


def groups() -> list[tuple[str, tuple[Any, ...]]]:
    """The rows by heading; a module of rows that isn't there has none."""
    sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "clients")]
    found = []
    for title, module, name in GROUPS:
        if (ROOT / "tests" / "clients" / f"{module}.py").exists():
            found.append((title, tuple(getattr(importlib.import_module(module), name))))
    return found


def render() -> str:
    """The whole page."""
    rows = groups()
    cells: dict[str, str] = importlib.import_module("matrix").CELLS
    lines = [HEAD]
    for title, clients in rows:
        lines += [f"## {title}", "", "| Client | Proxy | Trust | Its caller reads |", "| --- | --- | --- | --- |"]
        lines += [f"| {each.title} | {each.proxy} | {each.trust} | {each.shows} |" for each in clients]
        if cautions := [each for each in clients if each.caution]:
            lines += ["", "Mind:", "", *(f"* **{each.title}**: {each.caution}." for each in cautions)]
        lines.append("")
    lines += ["## What is tested", "", "| Cell | What happens |", "| --- | --- |"]
    lines += [f"| `{name}` | {what} |" for name, what in cells.items()]
    lines += [
        "", "✓ works, and a refusal's reason and decision id can be read by the caller · ○ refused as it must be, but the",
        "client hides the text (below) · - the client has no such thing (below).", "",
        "| Client | " + " | ".join(f"`{name}`" for name in cells) + " |", "| --- |" + " :-: |" * len(cells),
    ]  # fmt: skip
    every = [each for _, clients in rows for each in clients]
    lines += [f"| {each.title} | " + " | ".join(_mark(each, cell) for cell in cells) + " |" for each in every]
    total = sum(len(each.cells) for each in every)
    lines += ["", f"{len(every)} clients, {total} cells.", "", "### What a client hides (○)", ""]
    lines += _reasons(every, "mute")
    lines += ["", "### What a client doesn't do (-)", "", *_reasons(every, "absent"), ""]
    return "\n".join(lines)


def _mark(client: Any, cell: str) -> str:
    return "-" if cell in client.absent else "○" if cell in client.mute else "✓"


def _reasons(clients: list[Any], which: str) -> list[str]:
    """Each reason once, with the clients and cells it holds for."""
    found: dict[str, list[str]] = {}
    for client in clients:
        for cell, why in getattr(client, which).items():
            found.setdefault(why, []).append(f"{client.title} (`{cell}`)")
    return [f"* {', '.join(who)}: {why}." for why, who in found.items()]


def main() -> int:
    """Write the page, or check it."""
    text = render()
    if "--check" in sys.argv[1:]:
        current = DOC.exists() and DOC.read_text(encoding="utf-8") == text
        print("docs/clients.md is current" if current else "docs/clients.md is stale: run scripts/clients_doc.py")
        return 0 if current else 1
    DOC.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
