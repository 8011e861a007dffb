"""CPU per request beside mitmproxy's minimal master: one run, one machine, interleaved, equal flags. Never pass or fail.

    python scripts/bench.py [--rounds 3] [--seconds 4] [--connections 8] [--requests 0] [--json FILE]

Every process runs the same interpreter without -O. CPU is utime + stime of the proxy process from /proc, so the load
generator and the origin don't count. ``--requests N`` adds a soak: N requests through Exeat, resident memory printed as
it goes.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import orjson

sys.path.insert(0, str(Path(__file__).parent))
from bench_parts import CONFIG, MINIMAL, ORIGIN, free_port, make_certificates, wait_for_port

HOST = "api.example.test"
REQUEST = (
    f"GET /v1/items HTTP/1.1\r\nHost: {HOST}\r\nUser-Agent: bench\r\nAccept: */*\r\n"
    "Authorization: Bearer sk_live_0123456789abcdef0123456789abcdef\r\n\r\n"
).encode()
TICKS = os.sysconf("SC_CLK_TCK")


def cpu(pid: int) -> float:
    """Seconds of processor time a process has used."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def resident(pid: int) -> float:
    """MiB of resident memory."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20


async def tunnel(port: int, ca: Path, credentials: str) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """CONNECT, then TLS with the proxy's leaf."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(f"CONNECT {HOST}:443 HTTP/1.1\r\nHost: {HOST}:443\r\n{credentials}\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    if b" 200 " not in head.split(b"\r\n")[0]:
        raise RuntimeError(head.decode())
    context = ssl.create_default_context(cafile=str(ca))
    await writer.start_tls(context, server_hostname=HOST)
    return reader, writer


async def client(port: int, ca: Path, credentials: str, until: float, budget: list[int], times: list[float]) -> None:
    """Send requests one after another on one connection."""
    reader, writer = await tunnel(port, ca, credentials)
    try:
        while time.perf_counter() < until and budget[0] > 0:
            budget[0] -= 1
            began = time.perf_counter()
            writer.write(REQUEST)
            head = await reader.readuntil(b"\r\n\r\n")
            if not head.startswith(b"HTTP/1.1 200"):
                raise RuntimeError(head.decode() + (await reader.read(2000)).decode())
            length = int(head.lower().split(b"content-length: ")[1].split(b"\r\n")[0])
            await reader.readexactly(length)
            times.append(time.perf_counter() - began)
    finally:
        with suppress(OSError, ssl.SSLError):
            writer.close()


async def load(
    port: int, ca: Path, credentials: str, seconds: float, connections: int, most: int = 10**9
) -> list[float]:
    """Latencies of everything sent within ``seconds``."""
    times: list[float] = []
    until = time.perf_counter() + seconds
    budget = [most]
    await asyncio.gather(*(client(port, ca, credentials, until, budget, times) for _ in range(connections)))
    return times


def start(command: list[str], cwd: Path, log: Path, core: int, **environ: str) -> subprocess.Popen[bytes]:
    """Start a pinned process."""
    environment = {key: value for key, value in os.environ.items() if "PROXY" not in key.upper()} | environ
    return subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        cwd=cwd,
        stdout=log.open("wb"),
        stderr=subprocess.STDOUT,
        env=environment,
    )


def run(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Both targets, interleaved."""
    python = sys.executable
    make_certificates(folder, HOST)
    ports = {name: free_port() for name in ("origin", "exeat", "admin", "minimal")}
    (folder / "origin.py").write_text(ORIGIN)
    (folder / "minimal.py").write_text(MINIMAL)
    (folder / "exeat.toml").write_text(CONFIG.format(**ports))
    processes = [start([python, "origin.py", str(ports["origin"])], folder, folder / "origin.log", 1)]
    try:
        exeat = start(
            [python, "-m", "exeat.cli.main", "serve", "-c", "exeat.toml"],
            folder,
            folder / "exeat.log",
            0,
            EXAMPLE_KEY="sk_live_0123456789abcdef0123456789abcdef",
            SSLKEYLOGFILE="",
        )
        processes.append(exeat)
        minimal = start(
            [python, "minimal.py", str(ports["minimal"]), str(ports["origin"])], folder, folder / "m.log", 0
        )
        processes.append(minimal)
        for name, port in ports.items():
            wait_for_port(port, name, folder)
        opened = orjson.loads(
            subprocess.check_output(
                [
                    python,
                    "-m",
                    "exeat.cli.main",
                    "mission",
                    "open",
                    "bench",
                    "--agent",
                    "bot",
                    "--json",
                    "-c",
                    "exeat.toml",
                ],
                cwd=folder,
            )
        )
        pass_line = f"Proxy-Authorization: Bearer {opened['pass']}\r\n"
        targets = {
            "exeat": (ports["exeat"], Path(opened["ca_file"]), pass_line, exeat.pid),
            "minimal": (ports["minimal"], folder / "confdir" / "mitmproxy-ca-cert.pem", "", minimal.pid),
        }
        os.sched_setaffinity(0, {1})
        rows: dict[str, list[dict[str, float]]] = {name: [] for name in targets}
        for _ in range(arguments.rounds):
            for name, (port, ca, credentials, pid) in targets.items():
                asyncio.run(load(port, ca, credentials, 0.5, arguments.connections))
                before, began = cpu(pid), time.perf_counter()
                times = asyncio.run(load(port, ca, credentials, arguments.seconds, arguments.connections))
                elapsed = time.perf_counter() - began
                rows[name].append(
                    {
                        "cpu_us": (cpu(pid) - before) / len(times) * 1e6,
                        "rate": len(times) / elapsed,
                        "p50_ms": statistics.median(times) * 1e3,
                        "p99_ms": statistics.quantiles(times, n=100)[98] * 1e3,
                        "rss_mib": resident(pid),
                    }
                )
        result: dict[str, object] = {
            name: {key: round(statistics.median(row[key] for row in measured), 1) for key in measured[0]}
            for name, measured in rows.items()
        }
        ratios = [a["cpu_us"] / b["cpu_us"] for a, b in zip(rows["exeat"], rows["minimal"], strict=True)]
        result["ratio"] = {
            "median": round(statistics.median(ratios), 3),
            "min": round(min(ratios), 3),
            "max": round(max(ratios), 3),
        }
        if arguments.requests:
            result["soak"] = soak(arguments, targets["exeat"])
        return result
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            with suppress(subprocess.TimeoutExpired):
                process.wait(10)


def soak(arguments: argparse.Namespace, target: tuple[int, Path, str, int]) -> list[tuple[int, float]]:
    """Resident memory along the way."""
    port, ca, credentials, pid = target
    seen = [(0, round(resident(pid), 1))]
    step = max(arguments.requests // 10, 1)
    for done in range(step, arguments.requests + 1, step):
        asyncio.run(load(port, ca, credentials, 600, arguments.connections, step))
        seen.append((done, round(resident(pid), 1)))
    return seen


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--connections", type=int, default=8)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--json", type=Path)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="exeat-bench-") as name:
        result = run(arguments, Path(name))
    print("keep-alive TLS, small GET, HTTP/1.1; medians")
    print(f"{'':<10}{'CPU µs/request':>16}{'requests/s':>12}{'p50 ms':>9}{'p99 ms':>9}{'RSS MiB':>9}")
    for name in ("exeat", "minimal"):
        row = result[name]
        print(f"{name:<10}{row['cpu_us']:>16}{row['rate']:>12}{row['p50_ms']:>9}{row['p99_ms']:>9}{row['rss_mib']:>9}")
    print(f"ratio exeat / minimal, round by round: {result['ratio']}")
    for done, memory in result.get("soak", ()):
        print(f"after {done:>8} requests: {memory} MiB")
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()
