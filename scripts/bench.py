"""``make bench``: CPU per request, throughput, latency and memory of Exeat beside what else could carry the request.

    python scripts/bench.py [--quick] [--rounds 3] [--seconds 2] [--connections 8] [--scenarios ABCD] [--only NAME …]
                            [--beside FOLDER …] [--optimized] [--soak N] [--json FILE] [--docs]

One run, one machine, the targets in turn within each round, equal flags; proxies on one core, load and origin on the
other. CPU is user and system time of the whole process tree. Never passes or fails. What isn't installed is skipped, with
the reason; ``scripts/setup-bench`` installs it. ``--optimized`` adds ``python -O``; ``--soak N`` sends N requests through
Exeat and prints its memory on the way.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from bench import run, table
from bench.site import Site
from bench.target import SCENARIOS


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one short round, within a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--seconds", type=float)
    parser.add_argument("--warm-up", type=float)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--scenarios", default="".join(SCENARIOS))
    parser.add_argument("--only", nargs="*", default=[], help="targets beside mitmproxy's two")
    parser.add_argument("--beside", nargs="*", type=Path, default=[], help="proxy/ folders of other checkouts")
    parser.add_argument("--optimized", action="store_true")
    parser.add_argument("--soak", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--docs", action="store_true", help="write the tables into docs/performance.md")
    arguments = parser.parse_args()
    rounds, seconds, warm_up = (1, 0.6, 0.2) if arguments.quick else (3, 1.6, 0.3)
    arguments.rounds = arguments.rounds or rounds
    arguments.seconds = arguments.seconds or seconds
    arguments.warm_up = warm_up if arguments.warm_up is None else arguments.warm_up
    with tempfile.TemporaryDirectory(prefix="exeat-bench-") as name:
        site = Site.make(Path(name))
        result = run.measure(site, arguments, lambda text: print(text, file=sys.stderr))
    print(table.render(result))
    if arguments.docs:
        page = Path(__file__).parents[1] / "docs" / "performance.md"
        table.write_docs(page, result, datetime.now(UTC).date().isoformat())
    if arguments.soak:
        with tempfile.TemporaryDirectory(prefix="exeat-soak-") as name:
            result["soak"] = run.soak(Site.make(Path(name)), arguments.soak)
        for done, memory in result["soak"]:
            print(f"after {done:>8} requests: {memory} MiB")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    main()
