"""Fuzz every target by coverage, two at a time (``make fuzz``).

    FUZZ_SECONDS=120 python tests/fuzz/run.py [NAME ...]

What leads further and what fails stays in ``.fuzz/NAME``, so that the next run goes on from there. Exit code 1 for a find.
"""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.kit.targets import NAMES, command, environment

ROOT = Path(__file__).resolve().parents[2]
SECONDS = int(os.environ.get("FUZZ_SECONDS", "60"))


def run(name: str) -> list[Path]:
    """Fuzz one target; return what fails."""
    work = ROOT / ".fuzz" / name
    todo = command(name, SECONDS, work)
    with (work / "log").open("wb") as log:
        done = subprocess.run(todo, stdout=log, stderr=log, check=False, env=environment())
    last = (work / "log").read_text(errors="replace").strip().rpartition("\n")[2]
    print(f"{'held' if done.returncode == 0 else 'FAILED':<8}{name:<14}{last[:80]}", flush=True)
    return [] if done.returncode == 0 else (sorted((work / "finds").iterdir()) or [work / "log"])


def main() -> int:
    """Fuzz all targets, or the named ones."""
    if find_spec("atheris") is None:
        print("atheris is missing: it has no package for this Python (3.12 and 3.13 have one)")
        return 2
    names = sys.argv[1:] or NAMES
    if unknown := set(names) - set(NAMES):
        print("no such target:", ", ".join(sorted(unknown)))
        return 2
    with ThreadPoolExecutor(2) as pool:
        finds = {name: found for name, found in zip(names, pool.map(run, names), strict=True) if found}
    for name, found in finds.items():
        for each in found:
            print(f"see it again: {sys.executable} tests/fuzz/drive.py {name} {each.relative_to(ROOT)}")
    if finds:
        print("mend it, then keep the input as a seed in tests/fuzz/corpus")
    return 1 if finds else 0


if __name__ == "__main__":
    sys.exit(main())
