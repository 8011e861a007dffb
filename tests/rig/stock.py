"""Exeat inside stock mitmdump: takes the place of ``exeat`` as ``RIG_EXEAT``, so that any black-box test can run there.

``serve -c FILE`` becomes ``mitmdump -s …/mitm_addon.py``; every other verb is passed on to the command line.
"""

from __future__ import annotations

import os
import sys
import tomllib
from pathlib import Path
from urllib.parse import urlsplit


def main() -> None:
    arguments = sys.argv[1:]
    if arguments[:1] != ["serve"]:
        os.execv(sys.executable, [sys.executable, "-m", "exeat.cli.main", *arguments])
    file = Path(arguments[arguments.index("-c") + 1])
    listen = urlsplit(tomllib.loads(file.read_text())["proxy"]["listen"][0])
    addon = Path(__file__).parents[2] / "proxy" / "exeat" / "mitm_addon.py"
    os.environ["EXEAT_CONFIG"] = str(file)
    mitmdump = Path(sys.executable).with_name("mitmdump")
    os.execv(
        mitmdump,
        [
            str(mitmdump), "-q", "-s", str(addon), "--listen-host", str(listen.hostname), "-p", str(listen.port),
            "--set", f"confdir={file.parent / 'mitm'}",
        ],
    )  # fmt: skip


if __name__ == "__main__":
    main()
