"""Fuzz one target by coverage, or run it on one file: ``python tests/fuzz/drive.py NAME [-OPTION ...] [FOLDER ... | FILE]``.

Options are libFuzzer's; new inputs go to the first folder. ``run.py`` beside it runs all targets. Needs atheris.
"""

from __future__ import annotations

import sys
import tempfile
import warnings
from pathlib import Path

import atheris

sys.path.insert(0, str(Path(__file__).parents[1]))

from fuzz.kit.targets import NAMES, target


def main() -> None:
    """Read the arguments and never return: libFuzzer ends the process."""
    name, *options = sys.argv[1:] or ["?"]
    if name not in NAMES:
        sys.exit(f"name a target: {', '.join(NAMES)}")
    warnings.simplefilter("ignore")
    with atheris.instrument_imports(include=["exeat"], enable_loader_override=False):
        module = target(name)
    with tempfile.NamedTemporaryFile("w", prefix="exeat-fuzz-", suffix=".dict") as dictionary:
        for token in module.TOKENS:
            dictionary.write('"{}"\n'.format("".join(f"\\x{each:02x}" for each in token)))
        dictionary.flush()
        atheris.Setup([sys.argv[0], f"-dict={dictionary.name}", *options], module.check)
        atheris.Fuzz()


main()
