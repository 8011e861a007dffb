"""What there is to fuzz: each module of ``fuzz.targets`` has TOKENS and ``check(data)``, which raises for any bytes that show a defect.

Its seeds are the files of ``corpus/NAME``, small and written by hand; a find that was mended becomes one more.
"""

from __future__ import annotations

import os
import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
NAMES = tuple(sorted(file.stem for file in (ROOT / "targets").glob("*.py")))


def environment() -> dict[str, str]:
    """For a fuzzer's process: the same modules are found, and atheris' own."""
    return os.environ | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}


def command(name: str, seconds: int, work: Path, *options: str) -> list[str]:
    """How one target is fuzzed by coverage: new inputs stay in ``work/corpus``, finds in ``work/finds``."""
    for folder in ("corpus", "finds"):
        (work / folder).mkdir(parents=True, exist_ok=True)
    places = [f"-artifact_prefix={work / 'finds'}/", str(work / "corpus"), str(ROOT / "corpus" / name)]
    return [sys.executable, str(ROOT / "drive.py"), name, f"-max_total_time={seconds}", *options, *places]


def target(name: str) -> ModuleType:
    """One target's module."""
    return import_module(f"fuzz.targets.{name}")


def seeds(name: str) -> dict[str, bytes]:
    """Its seeds by name."""
    return {file.name: file.read_bytes() for file in sorted((ROOT / "corpus" / name).iterdir())}
