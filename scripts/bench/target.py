"""What a target is: processes, and a route for each scenario it can do."""

from __future__ import annotations

import os
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.site import HOST, KEY, PLAIN_HOST, Site, SkippedError

SCENARIOS = {
    "A": "keep-alive, plain HTTP",
    "B": "keep-alive, TLS",
    "C": "new tunnel for each request",
    "D": "keep-alive, TLS, 100 KB answers",
}
NUMBER = "@" * 12
"""In a request: becomes a number never used before."""
_TICKS = os.sysconf("SC_CLK_TCK")
_PAGE = os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Route:
    """How the load reaches a target: what is sent first, over which TLS, and the request."""

    port: int
    request: bytes
    connect: bytes = b""
    ca: Path | None = None
    name: str = HOST


@dataclass
class Target:
    """A started target."""

    name: str
    note: str
    processes: list[subprocess.Popen[bytes]]
    routes: dict[str, Route] = field(default_factory=dict)
    why_not: dict[str, str] = field(default_factory=dict)
    """Scenarios it can't do, and why."""
    seen: dict[str, str] = field(default_factory=dict)
    """Which fields the origin saw, asked once."""

    def _tree(self) -> Iterator[int]:
        parents: dict[int, list[int]] = {}
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                with suppress(OSError):
                    parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
                    parents.setdefault(parent, []).append(int(entry.name))
        left = [process.pid for process in self.processes]
        while left:
            pid = left.pop()
            yield pid
            left.extend(parents.get(pid, ()))

    def cpu(self) -> float:
        """Seconds of processor time of the process tree, waited-for children included."""
        total = 0
        for pid in self._tree():
            with suppress(OSError):
                fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
                total += sum(int(number) for number in fields[11:15])
        return total / _TICKS

    def resident(self) -> float:
        """MiB of resident memory of the process tree (shared pages count in each)."""
        total = 0
        for pid in self._tree():
            with suppress(OSError):
                total += int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * _PAGE
        return total / 2**20

    def wait(self, site: Site, *ports: int, seconds: float = 15) -> Target:
        """Until it listens everywhere; raise SkippedError with its log when it doesn't."""
        until = time.monotonic() + seconds
        for port in ports:
            while not _listens(port):
                dead = any(process.poll() is not None for process in self.processes)
                if dead or time.monotonic() > until:
                    self.stop()
                    raise SkippedError(f"did not start: {site.log_of(self.name).strip()[-400:]}")
                time.sleep(0.05)
        return self

    def stop(self) -> None:
        """End its processes."""
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait(5)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(0.2)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def head(target: str, host: str, *fields: str, key: str | None = KEY) -> bytes:
    """A small GET as an SDK would send it."""
    lines = [f"GET {target} HTTP/1.1", f"Host: {host}", "User-Agent: bench", "Accept: */*", *fields]
    if key is not None:
        lines.append(f"Authorization: Bearer {key}")
    return "\r\n".join([*lines, "", ""]).encode()


def forward_routes(
    port: int,
    ca: Path,
    *,
    credentials: tuple[str, ...] = (),
    plain: str = PLAIN_HOST,
    authority: str = HOST,
    tls_port: int = 443,
    items: str = "/v1/items",
    plain_items: str = "/v1/items",
    large: str = "/v1/large",
    key: str = KEY,
) -> dict[str, Route]:
    """The four scenarios and the probe ``seen`` for a forward proxy that intercepts."""
    opening = "\r\n".join(
        [f"CONNECT {authority}:{tls_port} HTTP/1.1", f"Host: {authority}:{tls_port}", *credentials, "", ""]
    ).encode()
    host = authority if tls_port == 443 else f"{authority}:{tls_port}"

    def inside(path: str) -> Route:
        return Route(port, head(path, host, key=key), opening, ca, authority)

    return {
        "A": Route(port, head(f"http://{plain}{plain_items}", plain, *credentials, key=None)),
        "B": inside(items),
        "C": inside(items),
        "D": inside(large),
        "seen": inside("/v1/seen"),
    }
