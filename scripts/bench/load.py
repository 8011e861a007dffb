"""The load: load.c where a compiler and OpenSSL's headers are, else the asyncio client, which costs more."""

from __future__ import annotations

import asyncio
import shutil
import ssl
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from bench.site import LOAD_CORE, Site
from bench.target import NUMBER, Route


@dataclass(frozen=True)
class Load:
    """What was answered within a time."""

    requests: int
    errors: int
    seconds: float
    p50_ms: float
    p99_ms: float
    complaint: str = ""


def command(site: Site) -> list[str]:
    """The load generator of this run, compiled if it can be."""
    source = Path(__file__).with_name("load.c")
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler:
        built = subprocess.run(
            [compiler, "-O2", "-o", str(site.folder / "load"), str(source), "-lssl", "-lcrypto", "-lpthread"],
            capture_output=True,
            check=False,
        )
        if built.returncode == 0:
            return [str(site.folder / "load")]
    return [sys.executable, "-m", "bench.load"]


def run(generator: list[str], site: Site, route: Route, *, fresh: bool, connections: int, seconds: float) -> Load:
    """Send requests for ``seconds`` from the other core."""
    (site.folder / "request").write_bytes(route.request)
    (site.folder / "connect").write_bytes(route.connect)
    pinned = ["taskset", "-c", str(LOAD_CORE)] if shutil.which("taskset") else []
    done = subprocess.run(
        [
            *pinned, *generator, str(route.port), "new" if fresh else "keep", str(connections), str(seconds),
            str(site.folder / "request"), str(site.folder / "connect") if route.connect else "-",
            str(route.ca) if route.ca else "-", route.name,
        ],
        capture_output=True, text=True, check=True, timeout=seconds + 60,
        env=site.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
    )  # fmt: skip
    count, errors, elapsed, p50, p99 = done.stdout.split()
    complaint = done.stderr.strip().splitlines()[:3]
    return Load(int(count), int(errors), float(elapsed), float(p50), float(p99), " | ".join(complaint))


def ask(route: Route) -> bytes:
    """Send one request by itself and return its answer whole."""
    answers: list[bytes] = []
    errors: list[str] = []
    asyncio.run(_client(route, fresh=True, until=time.perf_counter(), times=[], errors=errors, answers=answers))
    if not answers:
        raise ConnectionError(errors[0] if errors else "no answer")
    return answers[0]


async def _open(route: Route) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    reader, writer = await asyncio.open_connection("127.0.0.1", route.port)
    if route.connect:
        writer.write(route.connect)
        if b" 200" not in (await reader.readuntil(b"\r\n\r\n")).split(b"\r\n")[0]:
            raise ConnectionError("the tunnel was refused")
    if route.ca:
        context = ssl.create_default_context(cafile=str(route.ca))
        context.verify_flags &= (
            ~ssl.VERIFY_X509_STRICT
        )  # some proxies' leaves lack what RFC 5280 wants, as load.c lets pass
        await writer.start_tls(context, server_hostname=route.name)
    return reader, writer


async def _answer(reader: asyncio.StreamReader) -> tuple[bytes, bool]:
    start = await reader.readuntil(b"\r\n\r\n")
    fields = start.lower()
    if b"\r\ncontent-length:" in fields:
        body = await reader.readexactly(int(fields.split(b"\r\ncontent-length:")[1].split(b"\r\n")[0]))
    else:
        body = await reader.readuntil(b"0\r\n\r\n")
    if not start.startswith(b"HTTP/1.1 200"):
        raise ConnectionError((start + body)[:300].decode("latin-1"))
    return start + body, b"\r\nconnection: close" not in fields


async def _client(
    route: Route,
    *,
    fresh: bool,
    until: float,
    times: list[float],
    errors: list[str],
    answers: list[bytes] | None = None,
) -> None:
    pair: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None
    number = time.monotonic_ns() % 10**12
    while len(errors) < 20:
        began = time.perf_counter()
        reused = pair is not None
        try:
            reader, writer = pair = pair or await _open(route)
            began = began if fresh else time.perf_counter()
            number += 1
            writer.write(route.request.replace(NUMBER.encode(), b"%012d" % (number % 10**12)))
            whole, stays = await _answer(reader)
        except (OSError, asyncio.IncompleteReadError, ssl.SSLError) as error:
            pair = None
            if not reused:
                errors.append(str(error))
        else:
            times.append(time.perf_counter() - began)
            if answers is not None:
                answers.append(whole)
            if fresh or not stays:
                writer.close()
                pair = None
        if time.perf_counter() >= until:
            break
    if pair is not None:
        pair[1].close()


def main() -> None:
    """As load.c: the same arguments, the same line."""
    port, mode, connections, seconds, request, connect, ca, name = sys.argv[1:]
    opening = b"" if connect == "-" else Path(connect).read_bytes()
    route = Route(int(port), Path(request).read_bytes(), opening, None if ca == "-" else Path(ca), name)
    times: list[float] = []
    errors: list[str] = []

    async def all_of_them() -> None:
        until = time.perf_counter() + float(seconds)
        await asyncio.gather(
            *(
                _client(route, fresh=mode == "new", until=until, times=times, errors=errors)
                for _ in range(int(connections))
            )
        )

    began = time.perf_counter()
    asyncio.run(all_of_them())
    elapsed = time.perf_counter() - began
    p50 = statistics.median(times) * 1e3 if times else 0
    p99 = statistics.quantiles(times, n=100)[98] * 1e3 if len(times) > 1 else 0
    for error in errors[:3]:
        print(error, file=sys.stderr)
    print(len(times), len(errors), f"{elapsed:.4f} {p50:.4f} {p99:.4f}")


if __name__ == "__main__":
    main()
