"""docs/issuers.md says what the code does, of every kind that a configuration may name."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import get_args

from exeat.config.tables.issuers import KINDS
from exeat.credentials.kinds import NAMES, kind

ROOT = Path(__file__).parents[3]


def test_the_page_is_current():
    """Run: scripts/issuers_doc.py."""
    done = subprocess.run([sys.executable, ROOT / "scripts/issuers_doc.py", "--check"], timeout=60)
    assert done.returncode == 0, "run scripts/issuers_doc.py"


def test_every_kind_that_can_be_written_can_be_built():
    """Tables and issuers are the same kinds, each in its own module of that name."""
    written = {get_args(table.model_fields["kind"].annotation)[0] for table in KINDS}
    assert written == set(NAMES)
    assert all(kind(name).name == name for name in NAMES)
