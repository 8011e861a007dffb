"""The matrix is whole: every row has a test or a reason, every marker a row, and the page says what there is."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from rig import matrix

ROOT = Path(__file__).resolve().parents[2]


def test_every_row_has_a_test_or_a_reason():
    marked = matrix.marked()
    bare = [row.id for row in matrix.rows().values() if not (row.id in marked or row.absent or row.later)]
    assert bare == []


def test_a_row_about_something_that_does_not_exist_has_no_test():
    marked = matrix.marked()
    assert [row.id for row in matrix.rows().values() if row.absent and row.id in marked] == []


def test_every_marker_names_a_row_and_every_row_a_section():
    assert set(matrix.marked()) - set(matrix.rows()) == set()
    assert {name[0] for name in matrix.rows()} == set(matrix.sections())


def test_the_page_has_every_row_and_test():
    done = subprocess.run(
        [sys.executable, ROOT / "scripts" / "matrix_doc.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
