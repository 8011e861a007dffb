"""One run: start every target, then round after round load each in turn, so that noise falls on all alike."""

from __future__ import annotations

import time
from argparse import Namespace
from collections.abc import Callable
from importlib import import_module
from typing import Any

from bench import load, table
from bench.site import KEY, Site, SkippedError
from bench.target import SCENARIOS, Target

MODULES = ("origin", "mitmproxy", "proxy_py", "nono", "envoy", "exeat")


def start_all(site: Site, arguments: Namespace, say: Callable[[str], None], targets: list[Target]) -> dict[str, str]:
    """Start what can run here, adding it to ``targets``; return why the others can't."""
    skipped: dict[str, str] = {}
    for name in MODULES:
        try:
            targets += import_module(f"bench.targets.{name}").start(site)
        except SkippedError as why:
            skipped[name] = str(why)
    if arguments.optimized:
        from bench.targets import exeat, mitmproxy

        targets.append(mitmproxy.stock(site, "mitmdump -O", "-O"))
        targets.append(mitmproxy.minimal(site, "minimal -O", "-O"))
        targets.append(exeat.one(site, "exeat hot -O", "-O"))
        targets += [exeat.one(site, f"exeat {where.parent.name} -O", "-O", source=where) for where in arguments.beside]
    if arguments.beside:
        from bench.targets import exeat

        targets += [exeat.one(site, f"exeat {folder.parent.name}", source=folder) for folder in arguments.beside]
    for target in list(targets):
        try:
            seen = load.ask(target.routes["seen"]).partition(b"\r\n\r\n")[2].decode("latin-1")
        except (OSError, EOFError) as error:
            skipped[target.name] = f"can't reach the origin: {error}"
            targets.remove(target)
            target.stop()
            continue
        target.seen = {"key": "the agent's" if KEY in seen else "another", "tag": "yes" if "spiffe:" in seen else "no"}
    say(f"{len(targets)} targets" + "".join(f"; {name} skipped: {why}" for name, why in skipped.items()))
    return skipped


def measure(site: Site, arguments: Namespace, say: Callable[[str], None]) -> dict[str, Any]:
    """Everything, as values."""
    generator = load.command(site)
    targets: list[Target] = []
    measured: table.Measured = {}
    facts: dict[str, dict[str, Any]] = {}
    try:
        skipped = start_all(site, arguments, say, targets)
        wanted = {*arguments.only, *table.BASES} if arguments.only else {target.name for target in targets}
        for number in range(arguments.rounds):
            for scenario in arguments.scenarios:
                for target in (target for target in targets if target.name in wanted):
                    rows = measured.setdefault(target.name, {}).setdefault(scenario, [])
                    row = _once(generator, site, target, scenario, arguments)
                    if row:
                        rows.append(row)
            say(f"round {number + 1} of {arguments.rounds} done")
        for target in (target for target in targets if target.name in wanted):
            rows = [row for scenario in measured[target.name].values() for row in scenario]
            note = f"{target.note} (origin sees {target.seen['key']} key, tag: {target.seen['tag']})"
            errors = sum(row["errors"] for row in rows)
            facts[target.name] = {
                "note": note, "why_not": target.why_not, "errors": errors, "rss_mib": round(target.resident(), 1),
            }  # fmt: skip
    finally:
        site.stop()
    return {
        "machine": table.machine() | {"load": "load.c" if len(generator) == 1 else "asyncio (costs more)"},
        "arguments": {key: str(value) for key, value in vars(arguments).items() if key != "json"},
        "scenarios": {key: SCENARIOS[key] for key in arguments.scenarios},
        "targets": table.summary(measured),
        "ratios": table.ratios(measured),
        "rounds": measured,
        "facts": facts,
        "skipped": skipped,
    }


def _once(
    generator: list[str], site: Site, target: Target, scenario: str, arguments: Namespace
) -> dict[str, float] | None:
    route = target.routes.get(scenario)
    if route is None:
        return None
    fresh = scenario == "C"
    connections = min(4, arguments.connections) if fresh else arguments.connections
    load.run(generator, site, route, fresh=fresh, connections=connections, seconds=arguments.warm_up)
    before = target.cpu()
    done = load.run(generator, site, route, fresh=fresh, connections=connections, seconds=arguments.seconds)
    time.sleep(0.02)
    spent = target.cpu() - before
    if not done.requests:
        target.why_not[scenario] = f"no answer: {done.complaint}"
        return None
    if done.errors:
        target.why_not[scenario] = f"{done.errors} errors: {done.complaint}"
    return {
        "cpu_us": spent / done.requests * 1e6,
        "rate": done.requests / done.seconds,
        "p50_ms": done.p50_ms,
        "p99_ms": done.p99_ms,
        "rss_mib": target.resident(),
        "errors": done.errors,
    }


def soak(site: Site, requests: int) -> list[tuple[int, float]]:
    """Resident memory of Exeat, hot, on the way to ``requests``."""
    from bench.targets import exeat, origin

    generator = load.command(site)
    origin.start(site)
    try:
        target = exeat.one(site, "exeat hot")
        seen = [(0, round(target.resident(), 1))]
        while seen[-1][0] < requests:
            done = load.run(generator, site, target.routes["B"], fresh=False, connections=8, seconds=10)
            seen.append((seen[-1][0] + done.requests, round(target.resident(), 1)))
        return seen
    finally:
        site.stop()
