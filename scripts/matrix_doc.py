"""Write docs/security/matrix.md: run the tests of the bypass matrix, and say of each row what became of it.

scripts/matrix_doc.py [-n JOBS]        run them, write the page; exit 1 when one failed
scripts/matrix_doc.py --results FILE   write the page from a run of the tests with ``--matrix FILE``
scripts/matrix_doc.py --check          run nothing; exit 1 when the page lacks a row or a test, or names one that is gone
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import orjson

ROOT = Path(__file__).resolve().parents[1]
DOC = ROOT / "docs" / "security" / "matrix.md"
sys.path.insert(0, str(ROOT / "tests"))

from rig import matrix  # noqa: E402

HEAD = """\
<!-- Written by scripts/matrix_doc.py from tests/matrix/rows.toml and a run of the tests: change those, then `make docs`. -->
# The bypass matrix

Ways around an egress proxy, each tried on a running Exeat over raw sockets, with an origin that writes down every byte and,
where names matter, a DNS server of the test's own. Unless a row says otherwise, *refused* means: an answer of 4xx or 5xx, or
the connection ends; nothing is looked up or dialled towards the target; no secret leaves; and where somebody was identified
the audit has one record with the code.

*Seen as* lists how the attempts ended: a [refusal code](../refusals.md), a bare status where no refusal of ours was due, or
`closed`. `make docs` runs all of it and writes this page; `make test` fails when the page and the tests differ.

"""
COLUMNS = ("Row", "What is tried", "What must come of it", "Result", "Seen as", "Tests")


def fixed_cells(row: matrix.Row, tests: set[matrix.Proof]) -> tuple[str, str, str, str]:
    """What of a row's line follows from the sources alone: id, attempt, outcome, tests."""
    shown = [f"`{test}`" for test in sorted(tests)]
    if row.absent:
        shown.append(f"None: {row.absent}")
    if row.later:
        shown.append(f"Later: {row.later}")
    if row.but:
        shown.append(f"Not covered: {row.but}")
    return row.id, row.tries, row.must, "<br>".join(shown).replace("|", "\\|")


def render(results: list[dict[str, Any]]) -> str:
    """The whole page."""
    marked, lines = matrix.marked(), [HEAD]
    for letter, title in matrix.sections().items():
        lines += [f"## {letter}: {title}", "", f"| {' | '.join(COLUMNS)} |", "| --- " * len(COLUMNS) + "|"]
        for row in matrix.rows().values():
            if row.id.startswith(letter):
                name, tries, must, tests = fixed_cells(row, marked.get(row.id, set()))
                of_row = [each for each in results if each["row"] == row.id]
                lines.append(f"| {name} | {tries} | {must} | {_result(row, of_row)} | {_codes(of_row)} | {tests} |")
        lines.append("")
    rows = matrix.rows().values()
    attempts = sum({each["test"]: each["passed"] for each in results}.values())
    absent = sum(1 for row in rows if row.absent)
    lines.append(f"{len(rows)} rows, {absent} of them about things that don't exist here; {attempts} attempts.\n")
    return "\n".join(lines)


def _result(row: matrix.Row, results: list[dict[str, Any]]) -> str:
    counts = {state: sum(each[state] for each in results) for state in ("passed", "failed", "skipped")}
    told = [
        f"**{count} failed**" if state == "failed" else f"{count} {state}" for state, count in counts.items() if count
    ]
    why = sorted({reason for each in results for reason in each["why"]})
    return ", ".join(told) + (f" ({'; '.join(why)})" if why else "") or ("none" if row.absent else "open")


def _codes(results: list[dict[str, Any]]) -> str:
    return ", ".join(f"`{code}`" for code in sorted({code for each in results for code in each["codes"]}))


def differences() -> list[str]:
    """Where the page differs from the rows and tests there are."""
    page = DOC.read_text(encoding="utf-8") if DOC.exists() else ""
    marked, found = matrix.marked(), {}
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.replace("\\|", "\0").strip("|").split("|")]
        if len(cells) == len(COLUMNS) and cells[0] in matrix.rows():
            found[cells[0]] = tuple(cells[at].replace("\0", "\\|") for at in (0, 1, 2, 5))
    return [
        f"row {row.id} differs from the tests that there are"
        for row in matrix.rows().values()
        if found.get(row.id) != fixed_cells(row, marked.get(row.id, set()))
    ]


def run(jobs: int) -> tuple[int, list[dict[str, Any]]]:
    """Run the marked tests; return pytest's exit code and the results."""
    files = sorted({str(ROOT / "tests" / test.file) for tests in matrix.marked().values() for test in tests})
    with tempfile.TemporaryDirectory() as folder:
        results = Path(folder) / "results.json"
        command = [sys.executable, "-m", "pytest", "-q", "-m", "row", "--matrix", str(results), *files]
        done = subprocess.run(
            [*command, *(["-n", str(jobs)] if jobs > 1 else [])], cwd=ROOT, env=os.environ, check=False
        )
        return done.returncode, orjson.loads(results.read_bytes()) if results.exists() else []


def main() -> int:
    """Write the page, or check it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-n", type=int, default=1, metavar="JOBS")
    parser.add_argument("--results", type=Path)
    parser.add_argument("--check", action="store_true")
    asked = parser.parse_args()
    if asked.check:
        wrong = differences()
        print("\n".join([*wrong, "run scripts/matrix_doc.py"]) if wrong else "docs/security/matrix.md is current")
        return 1 if wrong else 0
    code, results = (0, orjson.loads(asked.results.read_bytes())) if asked.results else run(asked.n)
    if results:
        DOC.parent.mkdir(parents=True, exist_ok=True)
        DOC.write_text(render(results), encoding="utf-8")
    return code


if __name__ == "__main__":
    sys.exit(main())
