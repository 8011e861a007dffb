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
    """What is tried and what must come of it; ``absent`` and ``later`` are reasons, mostly empty."""

    id: str
    tries: str
    must: str
    absent: str = ""
    later: str = ""


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
        everywhere = {name for node in tree.body if _is_module_mark(node) for name in _row_marks(node)}
        for function in _functions(tree):
            for name in everywhere.union(*map(_row_marks, function.decorator_list)):
                found.setdefault(name, set()).add(Proof(str(path.relative_to(TESTS)), function.name))
    return found


def _functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            yield node


def _is_module_mark(node: ast.stmt) -> bool:
    return isinstance(node, ast.Assign) and any(
        isinstance(target, ast.Name) and target.id == "pytestmark" for target in node.targets
    )


def _row_marks(node: ast.AST) -> set[str]:
    """The arguments of every ``….mark.row(…)`` in here, parametrised ones too."""
    return {
        str(argument.value)
        for call in ast.walk(node)
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute) and call.func.attr == "row"
        for argument in call.args
        if isinstance(argument, ast.Constant)
    }


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
