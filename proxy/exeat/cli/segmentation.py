"""The checks behind ``exeat doctor --inside``: run where an agent runs, each tries a way out that should be closed.

Only here does Exeat send anything to find out, so only when asked. Must not know: how a probe works, how rows are shown.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from exeat.cli.probes import DNS_QUERY, INVALID, QUIC_HELLO, Probe, connects, opens, resolves, tcp, udp
from exeat.cli.row import Row

TARGETS: Final = ("1.1.1.1", "2606:4700:4700::1111")
"""A public resolver that answers on TCP 443, UDP 53 and UDP 443: only where somebody answers does silence mean anything."""
NAME: Final = "example.com"
_METADATA: Final = ("169.254.169.254", "fd00:ec2::254")
_WAYS: Final = "docs/segmentation.md: exeat run --jail, exeat network nftables, or an internal network"
_CAPABILITIES: Final = {"NET_ADMIN": 12, "NET_RAW": 13, "SYS_PTRACE": 19, "SYS_ADMIN": 21}
"""Each takes a wall down: change rules and addresses, write packets, enter other processes, enter namespaces."""
_SOCKETS: Final = (
    "/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock", "/run/containerd/containerd.sock",
    "/run/crio/crio.sock", "/run/user/{uid}/docker.sock", "/run/user/{uid}/podman/podman.sock", "/run/user/{uid}/bus",
    "/run/dbus/system_bus_socket", "/run/systemd/resolve/io.systemd.Resolve", "/run/nscd/socket", "/var/run/nscd/socket",
)  # fmt: skip
"""Who answers there acts outside: starts containers or units, resolves names."""

Check = Callable[[], Iterator[Row]]


def inside(targets: Sequence[str], name: str, limit: float) -> list[Row]:
    """Try every way out at once; ``limit`` is seconds for one attempt, and three times that for all."""
    addresses = [ip_address(target) for target in targets]
    checks: list[Check] = [partial(_egress, each, limit) for each in addresses]
    checks += [partial(_metadata, each, limit) for each in _METADATA]
    checks += [partial(_names, name, limit), _sockets, _privileges, partial(_files, limit), partial(_proxy, limit)]
    with ThreadPoolExecutor(len(checks)) as pool:
        return [row for rows in pool.map(lambda check: list(check()), checks) for row in rows]


def _egress(address: IPv4Address | IPv6Address, limit: float) -> Iterator[Row]:
    at = str(address)
    probes: tuple[tuple[str, Callable[[], Probe]], ...] = (
        ("tcp 443", partial(tcp, at, 443, limit)),
        ("udp 53 (dns)", partial(udp, at, 53, DNS_QUERY, limit)),
        ("udp 443 (quic)", partial(udp, at, 443, QUIC_HELLO, limit)),
    )
    for name, probe in probes:
        yield _closed(f"ipv{address.version} {name}", at, probe())


def _metadata(address: str, limit: float) -> Iterator[Row]:
    version = ip_address(address).version
    yield _closed(f"ipv{version} metadata", address, tcp(address, 80, limit))


def _closed(name: str, target: str, probe: Probe) -> Row:
    if probe.out:
        return Row(name, "fail", f"{target}: {probe.detail}; there is a way around Exeat", _WAYS)
    return Row(name, "ok", f"{target}: {probe.detail}")


def _names(name: str, limit: float) -> Iterator[Row]:
    if resolves(INVALID, limit):
        yield Row("names", "ok", "answered by Exeat, which forwards none")
        return
    if found := resolves(name, limit):
        fix = (
            "give agents no resolver: names are Exeat's business; in Docker use 25.0.5 or later with internal networks"
        )
        yield Row("names", "fail", f"{name} is {found[0]}: what is asked for leaves, a tunnel through DNS", fix)
    else:
        yield Row("names", "ok", f"{name} doesn't resolve")


def _sockets() -> Iterator[Row]:
    raw = [
        word
        for word, family in (("raw", socket.AF_INET), ("raw IPv6", socket.AF_INET6), ("packet", socket.AF_PACKET))
        if opens(family, socket.SOCK_RAW, 1 if family != socket.AF_INET6 else 58)
    ]
    if raw:
        yield Row("raw sockets", "fail", f"can be opened: {', '.join(raw)}", "take CAP_NET_RAW away (cap_drop: ALL)")
    else:
        yield Row("raw sockets", "ok", "can't be opened")
    if opens(socket.AF_VSOCK, socket.SOCK_STREAM):
        detail = "can be opened: in a virtual machine it leads to the machine below, whatever the network"
        yield Row("vsock", "warn", detail, "exeat run --jail, or a seccomp profile that refuses AF_VSOCK")
    else:
        yield Row("vsock", "ok", "can't be opened")


def _privileges() -> Iterator[Row]:
    status = dict(line.split(":\t", 1) for line in Path("/proc/self/status").read_text().splitlines() if ":\t" in line)
    held = int(status["CapEff"], 16)
    dangerous = [name for name, bit in _CAPABILITIES.items() if held >> bit & 1]
    if dangerous:
        fix = "run agents without them, and not as root (cap_drop: ALL, user: …)"
        yield Row("privileges", "fail", f"this process has {', '.join(dangerous)}", fix)
    elif status.get("NoNewPrivs", "0").strip() != "1":
        detail = "none, but a set-uid program could give some back"
        yield Row("privileges", "warn", detail, "set no-new-privileges (NoNewPrivileges=yes)")
    else:
        yield Row("privileges", "ok", "none, and no way to get any")


def _files(limit: float) -> Iterator[Row]:
    paths = [path.format(uid=os.getuid()) for path in _SOCKETS]
    if os.environ.get("SSH_AUTH_SOCK"):
        paths.append(os.environ["SSH_AUTH_SOCK"])
    found = sorted({str(Path(path).resolve()) for path in paths if connects(path, limit)})
    if found:
        fix = "keep them out of the agent's file system, or its user out of their groups; exeat run --jail does"
        yield Row("socket files", "fail", f"answered: {', '.join(found)}; who answers acts outside", fix)
    else:
        yield Row("socket files", "ok", "no container engine, bus or resolver answers")


def _proxy(limit: float) -> Iterator[Row]:
    url = next((os.environ[key] for key in ("HTTPS_PROXY", "https_proxy") if os.environ.get(key)), "")
    where = urlsplit(url)
    if not where.hostname:
        yield Row("exeat", "skip", "HTTPS_PROXY isn't set; nothing to try")
        return
    shown = f"{where.hostname}:{where.port or 80}"
    probe = tcp(where.hostname, where.port or 80, limit)
    if probe.ours or (probe.out and where.scheme == "https"):
        yield Row("exeat", "ok", f"{shown} answers: the one way out")
    else:
        yield Row("exeat", "fail", f"{shown}: {probe.detail}, and it isn't Exeat", "start it: exeat serve")
