"""``make bench-revoke``: how long revocation takes, and whether anything of a mission reaches an origin after it.

    python scripts/bench_revoke.py [--trials 100] [--kinds keep-alive,h2,sse,websocket,upload,mint,tunnel]
                                   [--workers 1] [--replicas 0] [--places 6] [--load 0] [--hold 0.25] [--kills SECONDS]
                                   [--seed N] [--json FILE]

Real ``exeat serve`` processes, a real TLS origin in a process of its own that counts raw bytes on its sockets, clients that
go on trying (tests/rig/trials says what a trial is). Times compare the kernel's stamps. ``--kills`` hits a random worker or
replica about so often: SIGKILL, or SIGSTOP for up to 1.5 s. Exits with 1 when a single trial was violated.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import sys
import tempfile
import time
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))
from rig.trials.hits import Hits
from rig.trials.series import load, run, summary
from rig.trials.site import Site
from rig.trials.trial import GRACE, KINDS


def machine() -> str:
    """Where the figures were had."""
    info = Path("/proc/cpuinfo").read_text()
    model = next((line.partition(":")[2].strip() for line in info.splitlines() if line.startswith("model name")), "?")
    return f"{os.cpu_count()} cores of {model}, Linux {platform.release()}, Python {platform.python_version()}"


def show(result: dict[str, Any]) -> None:
    """The table."""
    print(f"{result['machine']}; {result['conditions']}; {result['when']}")
    print(
        f"{'':<12}{'trials':>7}{'wrong':>7}{'hit':>6}   {'revoke returned after, ms':<34}   last byte after the call, ms"
    )
    print(f"{'':<12}{'':>20}   " + "".join(f"{name:>8}" for name in ("p50", "p90", "p99", "max")) * 2)
    for kind, each in result["kinds"].items():
        times = "".join(f"{value:8.1f}" for name in ("returned_ms", "last_byte_ms") for value in each[name].values())
        print(f"{kind:<12}{each['trials']:>7}{each['violations']:>7}{each['hit']:>6}   {times}")
    said = result["kinds"]["all"]["said_cut_ms"]
    print("the answer itself says that all was cut after, ms: " + ", ".join(f"{k} {v:.1f}" for k, v in said.items()))
    for what in result["kinds"]["all"]["wrong"]:
        print("WRONG", what)


def main() -> int:
    """Try, print, and say whether all was well."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=100, help="of each kind")
    parser.add_argument("--kinds", default=",".join(KINDS))
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--replicas", type=int, default=0, help="so many, on one PostgreSQL; 0 is one on SQLite")
    parser.add_argument("--places", type=int, default=6, help="trials at once")
    parser.add_argument("--load", type=int, default=0, help="clients of another mission meanwhile")
    parser.add_argument("--hold", type=float, default=0.25, help="seconds that clients go on trying")
    parser.add_argument("--kills", type=float, default=0.0, metavar="SECONDS")
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    kinds = arguments.kinds.split(",")

    def change(config: Any) -> None:
        config.environ["EXEAT_PROXY__WORKERS"] = str(arguments.workers)

    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="exeat-revoke-") as name, ExitStack() as stack:
        site = stack.enter_context(Site(Path(name), arguments.places, change, replicas=arguments.replicas))
        stack.enter_context(load(site, arguments.load))
        hits = Hits(site, arguments.kills, random.Random(arguments.seed)) if arguments.kills else None
        if hits is not None:
            stack.enter_context(hits)
        total = arguments.trials * len(kinds)

        def progress(done: int) -> None:
            if done % 50 == 0 or done == total:
                print(f"\r{done} of {total}", end="" if done < total else "\n", file=sys.stderr, flush=True)

        outcomes = run(
            site, kinds, arguments.trials, hold=arguments.hold, seed=arguments.seed, hits=hits, progress=progress
        )
    store = f"{arguments.replicas} replicas, PostgreSQL" if arguments.replicas else "SQLite"
    conditions = (
        f"{arguments.workers} workers, {store}, {arguments.places} trials at once, {arguments.load} clients of load, "
        f"grace {GRACE * 1000:.0f} ms, seed {arguments.seed}"
    )
    if hits is not None:
        conditions += f", {hits.killed} kills and {hits.stopped} stops"
    found = {kind: summary([each for each in outcomes if each.kind == kind]) for kind in kinds}
    result = {
        "machine": machine(),
        "conditions": f"{conditions}, {time.monotonic() - began:.0f} s",
        "when": datetime.now(UTC).date().isoformat(),
        "kinds": {**found, "all": summary(outcomes)},
    }
    show(result)
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")
    return 1 if result["kinds"]["all"]["violations"] else 0


if __name__ == "__main__":
    sys.exit(main())
