"""docs/refusals.md says what the code does."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_current():
    done = subprocess.run([sys.executable, ROOT / "scripts/refusals_doc.py", "--check"], timeout=60)
    assert done.returncode == 0, "run scripts/refusals_doc.py"
