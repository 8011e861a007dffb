"""The page about the admin API says what the code says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]


def test_the_page_is_current() -> None:
    done = subprocess.run([sys.executable, ROOT / "scripts/admin_doc.py", "--check"], timeout=60, check=False)
    assert done.returncode == 0, "run scripts/admin_doc.py"
