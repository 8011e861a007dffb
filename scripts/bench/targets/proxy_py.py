"""proxy.py: pure Python, intercepting, one acceptor and one worker. An anchor for cost: it checks far less."""

from __future__ import annotations

from bench.site import Site, free_port
from bench.target import Target, forward_routes


def start(site: Site) -> list[Target]:
    """Start it; names are the origin's real ones, because it can't be told where others lead."""
    python = site.bench_python("proxy")
    port = free_port()
    (site.folder / "proxy-py-leaves").mkdir()
    command = [
        python, "-m", "proxy", "--hostname", "127.0.0.1", "--port", str(port), "--num-acceptors", "1",
        "--num-workers", "1", "--log-level", "ERROR", "--timeout", "600",
        "--ca-cert-file", "proxy-ca.pem", "--ca-key-file", "proxy-ca.key", "--ca-signing-key-file", "proxy-ca.key",
        "--ca-cert-dir", "proxy-py-leaves", "--ca-file", "origin-ca.pem",
        "--data-dir", str(site.folder / "proxy-py"),
    ]  # fmt: skip
    target = Target("proxy.py", "1 acceptor, 1 worker; nothing swapped", [site.start("proxy.py", *command)])
    target.routes = forward_routes(
        port, site.folder / "proxy-ca.pem", plain=f"localhost:{site.origin_plain}", authority="localhost",
        tls_port=site.origin_tls,
    )  # fmt: skip
    return [target.wait(site, port)]
