"""``make bench-scale``: what ten thousand open missions cost, beside ten (no pass or fail).

    python scripts/bench_scale.py [--missions 10000] [--agents 1000] [--json FILE]

In one process, with the parts that ``exeat serve`` puts together: the store on disk, the worker with its snapshot, the
policy engine over the built-in GitHub service and 100 policies. Half of the missions may do all of GitHub, the others a
few operations. CPU is the thread's own; nothing is sent.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from exeat.config.loading import load
from exeat.decision.decide import decide
from exeat.decision.normalize import normalize
from exeat.model.decision import Permit
from exeat.model.destination import DestinationPattern
from exeat.model.mission import Mission, MissionState
from exeat.model.request import CanonicalRequest, Tunnel, WireRequest
from exeat.wiring.build import Assembly, build

HOST = "api.github.com"
DECISIONS = 2000
CHANGES = 300
SETTINGS = """
[proxy]
listen = ["http://127.0.0.1:1"]
[admin]
listen = "http://127.0.0.1:2"
[policy]
path = "policies"
[[destination]]
host = "api.github.com"
port = 443
owner = "bench"
reason = "bench"
expires = 2099-01-01
[[service]]
name = "github"
issuer = { audience = "https://api.github.com" }
"""
POLICIES = """\
@id("mission-operations")
permit (principal, action, resource) when { action in principal.operations };
"""


def site(folder: Path, agents: int) -> Assembly:
    """An installation with so many agents, ready to serve but listening nowhere."""
    (folder / "policies").mkdir(parents=True)
    forbids = (
        f'@id("site-{number}") forbid (principal in Exeat::Agent::"bot-{number}", action in Action::"github:admin", resource);'
        for number in range(99)
    )
    (folder / "policies" / "site.cedar").write_text(POLICIES + "\n".join(forbids))
    names = "".join(f'[[agent]]\nname = "bot-{number}"\nenvironment = "prod"\n' for number in range(agents))
    file = folder / "exeat.toml"
    file.write_text(SETTINGS + names)
    return build(load(file), {}, listen=False)


def mission(number: int, agents: int) -> Mission:
    """One of the missions; times are those of now."""
    now = time.time()
    operations = ("github:*",) if number % 2 else ("github:issues/list-for-repo", "github:issues/create")
    return Mission(
        f"m_{number:026}", "prod", (f"bot-{number % agents}",), (DestinationPattern.parse(f"{HOST}:443"),),
        operations, now, now + 3000, purpose="one of many", owner="bench",
    )  # fmt: skip


def request(repository: str) -> CanonicalRequest:
    """A canonical GET of one repository's issues."""
    path = f"/repos/acme/{repository}/issues".encode()
    found = normalize(WireRequest("GET", path, "", ((b"Host", HOST.encode()),), "HTTP/1.1", Tunnel(HOST, 443, HOST)))
    if not isinstance(found, CanonicalRequest):
        raise TypeError(found)
    return found


def figures(times: list[float], unit: float = 1e3) -> dict[str, float]:
    """Median, 99th percentile and maximum, in milliseconds unless told."""
    ordered = sorted(each * unit for each in times)
    return {"p50": statistics.median(ordered), "p99": ordered[int(len(ordered) * 0.99)], "max": ordered[-1]}


def decisions(assembly: Assembly) -> dict[str, Any]:
    """What judging costs in microseconds: a session's first, a question never asked before, and one asked again."""
    snapshot, now = assembly.worker.world.snapshot, time.time()
    keys = list(snapshot.sessions)[:10]
    asked = [(request(f"r{number}"), keys[number % len(keys)]) for number in range(DECISIONS)]

    def judged(work: list[tuple[CanonicalRequest, str]]) -> list[float]:
        times = []
        for what, key in work:
            began = time.thread_time()
            if not isinstance(verdict := decide(what, snapshot.sessions[key], snapshot, now), Permit):
                raise TypeError(verdict)
            times.append(time.thread_time() - began)
        return times

    firsts = [judged([(request("first"), key)]) for key in keys]
    found = {"cold": figures(judged(asked), 1e6), "hot": figures(judged(asked), 1e6)}
    return {"first": figures([each for times in firsts for each in times], 1e6)} | found


async def timed(work: Callable[[int], Awaitable[object]]) -> list[float]:
    """CPU of this thread for each of so many changes."""
    times = []
    for number in range(CHANGES):
        began = time.thread_time()
        await work(number)
        times.append(time.thread_time() - began)
    return times


async def changes(assembly: Assembly, count: int, agents: int) -> dict[str, Any]:
    """What a worker spends on one change in milliseconds, by kind of change."""
    worker, new = assembly.worker, [mission(count + number, agents) for number in range(CHANGES)]
    found = {"open": figures(await timed(lambda number: worker.apply(new[number])))}
    for kind, state in (("suspend", "suspended"), ("resume", "open"), ("revoke", "revoked")):
        changed = [replace(each, state=MissionState(state)) for each in new]
        found[kind] = figures(await timed(lambda number, changed=changed: worker.apply(changed[number])))  # type: ignore[misc]
    return found


async def start(assembly: Assembly, count: int, agents: int) -> dict[str, float]:
    """What a start does with missions in the store, in seconds of the whole process's CPU and of the clock."""
    for number in range(count):
        await assembly.plane.store.add(mission(number, agents))
    gc.collect()
    cpu, clock = time.process_time(), time.perf_counter()
    live = await assembly.plane.control.restore()
    read = time.process_time() - cpu
    assembly.worker.load(live)
    return {"read_cpu": read, "load_cpu": time.process_time() - cpu - read, "seconds": time.perf_counter() - clock}


async def expiry(assembly: Assembly, agents: int) -> dict[str, float]:
    """What one tick of expiry costs the process in milliseconds when a single mission is due."""
    times = []
    for number in range(10):
        due = replace(mission(10**9 + number, agents), expires_at=time.time() - 1)
        await assembly.plane.store.add(due)
        assembly.plane.control.seen([due])
        began = time.process_time()
        if await assembly.plane.control.expire_due() != 1:
            raise TypeError("exactly one was due")
        times.append(time.process_time() - began)
    return figures(times)


async def measure(count: int, agents: int) -> dict[str, Any]:
    """All figures for so many missions."""
    with tempfile.TemporaryDirectory(prefix="exeat-scale-") as name:
        assembly = site(Path(name) / "site", agents)
        before = resident()
        found: dict[str, Any] = {"missions": count, "agents": agents, "start": await start(assembly, count, agents)}
        found["memory_mib"] = (resident() - before) / 2**20
        gc.freeze()  # as serve does
        found["decision"] = decisions(assembly)
        found["change"] = await changes(assembly, count, agents)
        found["expiry"] = await expiry(assembly, agents)
        await assembly.plane.store.close()
        return found


def resident() -> int:
    """Resident bytes of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def show(found: dict[str, Any]) -> None:
    """A few lines for one size."""
    began, change = found["start"], found["change"]
    print(f"{found['missions']} missions, {found['agents']} agents")
    print(
        f"  start      read {began['read_cpu']:.2f} s CPU, snapshot {began['load_cpu']:.2f} s CPU, {began['seconds']:.2f} s in all"
    )
    print(f"  memory     {found['memory_mib']:.0f} MiB more")
    for kind, each in found["decision"].items():
        print(f"  {kind:<10} p50 {each['p50']:7.1f} µs   p99 {each['p99']:7.1f} µs   of a decision")
    for kind, each in (change | {"expiry": found["expiry"]}).items():
        print(
            f"  {kind:<10} p50 {each['p50']:7.3f} ms   p99 {each['p99']:7.3f} ms   max {each['max']:7.3f} ms   CPU in a worker"
        )


def main() -> None:
    """Measure few, then many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--missions", type=int, default=10_000)
    parser.add_argument("--agents", type=int, default=1000)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    results = [asyncio.run(measure(count, arguments.agents)) for count in (10, arguments.missions)]
    for found in results:
        show(found)
    few, many = (found["decision"] for found in results)
    print("a decision with many, of one with few: " + ", ".join(
        f"{kind} {many[kind]['p50'] / few[kind]['p50']:.2f}" for kind in ("cold", "hot")))  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    main()
