"""The bypass matrix as data: its rows, the tests that name them, and the codes those tests saw.

Tests carry ``@pytest.mark.row("D01", …)``; ``seen`` notes how an attempt ended (``refused`` and ``denied`` of ``rig.wire``
do it by themselves). ``rows.toml`` says what the rows are. Must not know: what any row attacks.
"""

from __future__ import annotations

import ast
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

TESTS = Path(__file__).resolve().parents[1]
ROWS = TESTS / "matrix" / "rows.toml"

_codes: list[str] = []


@dataclass(frozen=True)
class Row:
    """What is tried and what must come of it; ``absent``, ``later`` and ``but`` (what isn't covered) are mostly empty."""

    id: str
    tries: str
    must: str
    absent: str = ""
    later: str = ""
    but: str = ""


@dataclass(frozen=True, order=True)
class Proof:
    """A test function, by its file below ``tests/``."""

    file: str
    function: str

    def __str__(self) -> str:
        return f"{self.file}::{self.function}"


@cache
def sections() -> dict[str, str]:
    """Title by letter, in order."""
    found: dict[str, str] = tomllib.loads(ROWS.read_text())["sections"]
    return found


@cache
def rows() -> dict[str, Row]:
    """Every row by its id, in the order of the file."""
    return {name: Row(name, **fields) for name, fields in tomllib.loads(ROWS.read_text())["rows"].items()}


def seen(code: str) -> None:
    """Note how an attempt ended: a refusal code, a status, or a word."""
    if code not in _codes:
        _codes.append(code)


def take_seen() -> list[str]:
    """What was noted since the last call."""
    taken = list(_codes)
    _codes.clear()
    return taken


def marked() -> dict[str, set[Proof]]:
    """The tests by the rows they name, read from the sources alone."""
    found: dict[str, set[Proof]] = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        text = path.read_text()
        if "mark.row(" not in text:
            continue
        tree = ast.parse(text)
        values = {
            target.id: node.value
            for node in tree.body
            if isinstance(node, ast.Assign)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        everywhere = [values["pytestmark"]] if "pytestmark" in values else []
        for function in _functions(tree):
            for name in _row_marks([*everywhere, *function.decorator_list], values):
                found.setdefault(name, set()).add(Proof(str(path.relative_to(TESTS)), function.name))
    return found


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def _row_marks(nodes: list[ast.expr], values: dict[str, ast.expr]) -> set[str]:
    """The rows of every ``….mark.row(…)`` in here and in the module's values that are named here.

    Where a mark's argument is computed, the keys of dictionaries on the way count that are rows.
    """
    found, computed, keys, known = set[str](), False, set[str](), set[str]()
    left: list[ast.AST] = [*nodes]
    while left:
        for node in ast.walk(left.pop()):
            if isinstance(node, ast.Name) and node.id in values and node.id not in known:
                known.add(node.id)
                left.append(values[node.id])
            elif isinstance(node, ast.Dict):
                keys |= {str(key.value) for key in node.keys if isinstance(key, ast.Constant)}
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "row":
                found |= {str(each.value) for each in node.args if isinstance(each, ast.Constant)}
                computed = computed or not all(isinstance(each, ast.Constant) for each in node.args)
    return found | (keys & set(rows()) if computed else set())


class Results:
    """A pytest plugin: what became of the marked tests, by row and function. Works under xdist, in the controller."""

    def __init__(self) -> None:
        self.by_test: dict[tuple[str, str], dict[str, Any]] = {}

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Count a finished test once: at its call, or where it was skipped or broke before."""
        if report.when != "call" and report.passed:
            return
        properties = dict(report.user_properties)
        file, *_, function = report.nodeid.partition("[")[0].removeprefix("tests/").split("::")
        for name in properties.get("rows", ()):
            entry = self.by_test.setdefault(
                (name, str(Proof(file, function))), {"passed": 0, "failed": 0, "skipped": 0, "codes": [], "why": []}
            )
            entry[report.outcome] += 1
            if report.skipped and isinstance(report.longrepr, tuple):
                entry["why"] = sorted({*entry["why"], report.longrepr[2].removeprefix("Skipped: ")})
            entry["codes"] = sorted({*entry["codes"], *properties.get("codes", ())})

    def as_json(self) -> list[dict[str, Any]]:
        """One object for each row and test."""
        return [{"row": row, "test": test, **entry} for (row, test), entry in sorted(self.by_test.items())]
