"""mitmproxy twice: stock mitmdump with its default addons, and the minimal master without any of them.

Equal flags: lazy connections, no look at the origin's certificate, the origin verified, a P-256 CA. mitmdump is quiet
(-q), so that writing a line for each flow to a terminal doesn't count.
"""

from __future__ import annotations

from pathlib import Path

from bench.site import INSIDE, Site, free_port
from bench.target import Target, forward_routes


def start(site: Site) -> list[Target]:
    """Start both."""
    return [stock(site), minimal(site, "minimal")]


def _pin(site: Site) -> str:
    confdir = site.folder / "confdir"
    confdir.mkdir(exist_ok=True)
    pem = (site.folder / "proxy-ca.key").read_bytes() + (site.folder / "proxy-ca.pem").read_bytes()
    (confdir / "mitmproxy-ca.pem").write_bytes(pem)
    return f"{site.origin_plain},{site.origin_tls}"


def stock(site: Site, name: str = "mitmdump", *flags: str) -> Target:
    """mitmdump as it comes."""
    port = free_port()
    command = [
        site.python, *flags, str(Path(site.python).with_name("mitmdump")), "-q", "-s", str(INSIDE / "pin.py"),
        "--listen-host", "127.0.0.1", "-p", str(port),
        "--set", f"confdir={site.folder}/confdir", "--set", "connection_strategy=lazy",
        "--set", "upstream_cert=false", "--set", f"ssl_verify_upstream_trusted_ca={site.folder}/origin-ca.pem",
    ]  # fmt: skip
    target = Target(
        name, "default addons, quiet; nothing swapped", [site.start(name, *command, environ={"PIN": _pin(site)})]
    )
    target.routes = forward_routes(port, site.folder / "proxy-ca.pem")
    return target.wait(site, port)


def minimal(site: Site, name: str, *flags: str) -> Target:
    """The least mitmproxy that proxies."""
    port = free_port()
    command = [site.python, *flags, str(INSIDE / "minimal.py"), str(port)]
    target = Target(
        name, "mitmproxy's minimal master; nothing swapped", [site.start(name, *command, environ={"PIN": _pin(site)})]
    )
    target.routes = forward_routes(port, site.folder / "proxy-ca.pem")
    return target.wait(site, port)
