"""Take each guard away in turn and show that a test turns red (``make test-guards``).

    python scripts/guards.py [--tested] [--minutes N] [NAME ...]

A guard is one replacement in one file of a private copy of ``proxy/``, written in ``tests/guards/``; its tests carry
``@pytest.mark.guard(NAME)``. They must be green on the copy as it is and red without the guard. A guard whose text can't be
found, or whose tests stay green or don't end, is a failure: a check that can't fail is a defect. ``--tested``: the whole of
``make test`` was green just now, so the first half isn't shown again. ``--minutes``: begin no more of them after so long; which
come first depends on the commit, so that all have their turn, and how many were left is said.
"""

from __future__ import annotations

import argparse
import compileall
import math
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LONGEST = 120
"""Seconds for the tests of one guard."""


@dataclass(frozen=True)
class Guard:
    """What is taken away, and what stands there instead."""

    name: str
    file: str
    text: str
    instead: str
    endless: bool = False
    """Whether its tests hang without it, as an endless stream does."""


def read_guards() -> list[Guard]:
    """Every guard of ``tests/guards/*.toml``, by area of the product."""
    found = []
    for file in sorted((ROOT / "tests" / "guards").glob("*.toml")):
        found += [Guard(name, **entry) for name, entry in tomllib.loads(file.read_text()).items()]
    return found


def run(guard: Guard, source: Path) -> tuple[bool, str]:
    """Run a guard's tests on a copy without it; True, and why, when they pass all the same."""
    with tempfile.TemporaryDirectory(prefix="exeat-guard-") as name:
        copy = Path(name) / "proxy"
        shutil.copytree(source, copy)  # compiled files too: they hold for every source but the one that is changed
        file = copy / "exeat" / guard.file
        text = file.read_text()
        if text.count(guard.text) != 1:
            return True, f"its text stands {text.count(guard.text)} times in {guard.file}"
        file.write_text(text.replace(guard.text, guard.instead))
        files = files_of(guard.name)
        if not files:
            return True, "no test carries this guard's name"
        try:
            done = subprocess.run(
                [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", "--guard", guard.name, *files],
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": str(copy)},
                capture_output=True,
                text=True,
                timeout=LONGEST,
                check=False,
            )
        except subprocess.TimeoutExpired:
            return not guard.endless, f"its tests did not end within {LONGEST} s"
        return done.returncode == 0, done.stdout[-1500:]


def files_of(name: str) -> list[str]:
    """The test files in which a guard's name stands."""
    return [str(path) for path in sorted((ROOT / "tests").rglob("test_*.py")) if f'guard("{name}")' in path.read_text()]


def check(guard: Guard, until: float) -> tuple[Guard, str, float] | None:
    """Return what is wrong with a guard, or "", and how long that took; None when the time is up."""
    if time.monotonic() > until:
        return None
    began = time.perf_counter()
    passed, output = run(guard, ROOT / "proxy")
    return guard, output if passed else "", time.perf_counter() - began


def main() -> int:
    """Check every guard, or the named ones."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--tested", action="store_true")
    parser.add_argument("--minutes", type=float, default=math.inf)
    parser.add_argument("names", nargs="*")
    given = parser.parse_args()
    wanted = set(given.names)
    guards = [guard for guard in read_guards() if not wanted or guard.name in wanted]
    unknown = wanted - {guard.name for guard in guards}
    if unknown:
        print("no such guard:", ", ".join(sorted(unknown)))
        return 2
    names = sorted({guard.name for guard in guards})
    files = sorted({file for name in names for file in files_of(name)})
    compileall.compile_dir(ROOT / "proxy", quiet=2)
    with ThreadPoolExecutor(2) as pool:
        untouched = None if given.tested else pool.submit(
            subprocess.run,
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *(f"--guard={name}" for name in names), *files],
            cwd=ROOT, capture_output=True, text=True, timeout=1800, check=False,
        )  # fmt: skip
        until = time.monotonic() + 60 * given.minutes
        if math.isfinite(until):
            commit = subprocess.run(["git", "rev-parse", "HEAD"], cwd=ROOT, capture_output=True, check=False).stdout
            random.Random(commit).shuffle(guards)
        results = [each for each in pool.map(lambda guard: check(guard, until), guards) if each is not None]
    failed = 0
    for guard, wrong, seconds in results:
        print(f"{'GREEN (bad)' if wrong else 'red':<12} {guard.name:<28} {guard.file}  {seconds:.1f} s")
        if wrong:
            failed += 1
            print("    " + wrong.replace("\n", "\n    "))
    intact = None if untouched is None else untouched.result()
    if intact is not None and intact.returncode:
        failed += 1
        print("the guards' tests are not green on the product as it is:\n" + intact.stdout[-3000:])
    print(f"{len(results) - failed} passed, {failed} failed, {len(guards) - len(results)} left for another time")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
