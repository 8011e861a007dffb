"""A network of the test's own: this thread in a new namespace, and an internet behind a pair of virtual devices.

What is started while ``Internet`` is entered (origins, ``exeat serve``, agents) lives in that namespace; nothing of it can
reach the machine's network, nor be reached. Needs root, iproute2 and a kernel that allows it: ``why_not`` says what is missing.
"""

from __future__ import annotations

import functools
import json
import os
import queue
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

V4, V6, METADATA = "203.0.113.1", "2001:db8:53::1", "169.254.169.254"
"""The internet's addresses (RFC 5737, RFC 3849), and the one at which clouds hand out credentials."""
HERE4, HERE6 = "203.0.113.2", "2001:db8:53::2"
"""This machine's."""
REQUEST = """
import os, urllib.request
asked = urllib.request.Request("https://api.example.test/v1/refunds", headers={"Authorization": "Bearer " + os.environ["EXAMPLE_KEY"]})
with urllib.request.urlopen(asked, timeout=20) as answer:
    print(answer.status)
"""
"""What an agent runs: one permitted request, with nothing but the environment to tell it how."""


@functools.cache
def why_not() -> str:
    """Why no test of this kind can run here; "" when it can."""
    if os.geteuid() != 0:
        return "needs root for network namespaces"
    if shutil.which("ip") is None:
        return "ip (iproute2) is missing"
    tried = subprocess.run(["unshare", "-n", "ip", "link", "add", "exeat0", "type", "veth", "peer", "name", "exeat1"], capture_output=True, text=True)  # fmt: skip
    return "" if tried.returncode == 0 else f"no network namespaces or virtual devices: {tried.stderr.strip()}"


class Internet:
    """See the module. ``contacts`` are the connections and datagrams that reached it."""

    def __init__(self) -> None:
        self._before = -1
        self._there = ""
        self._process: subprocess.Popen[str] | None = None
        self._lines: queue.Queue[dict[str, Any]] = queue.Queue()
        self._seen: list[dict[str, Any]] = []

    def __enter__(self) -> Self:
        self._before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        os.unshare(os.CLONE_NEWNET)
        try:
            self._build()
        except BaseException:
            self.__exit__()
            raise
        return self

    def _build(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("internet.py"))],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        threading.Thread(target=self._read, daemon=True).start()
        there = self._there = str(self._next()["pid"])
        self.ip("", "link", "set", "lo", "up")
        self.ip("", "link", "add", "wan", "type", "veth", "peer", "name", "far", "netns", there)
        for place, device, four, six in (("", "wan", HERE4, HERE6), (there, "far", V4, V6)):
            self.ip(place, "addr", "add", f"{four}/24", "dev", device)
            self.ip(place, "-6", "addr", "add", f"{six}/64", "dev", device, "nodad")
            self.ip(place, "link", "set", device, "up")
        self.ip(there, "link", "set", "lo", "up")
        self.ip(there, "addr", "add", f"{METADATA}/32", "dev", "far")
        self.ip("", "route", "add", "default", "via", V4)
        self.ip("", "-6", "route", "add", "default", "via", V6)
        self._say("go")
        assert self._next()["ready"]

    @staticmethod
    def ip(there: str, *words: str) -> None:
        """Run ``ip`` in the namespace of a process; "" is this thread's."""
        enter = ["nsenter", "-t", there, "-n"] if there else []
        done = subprocess.run([*enter, "ip", *words], capture_output=True, text=True)
        assert done.returncode == 0, f"ip {' '.join(words)}: {done.stderr}"

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            assert self._process.stdin is not None
            self._process.stdin.close()
            self._process.wait(10)
        with open(self._before, "rb") as before:  # noqa: PTH123 a descriptor
            os.setns(before.fileno(), os.CLONE_NEWNET)

    def _say(self, word: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        self._process.stdin.write(word + "\n")
        self._process.stdin.flush()

    def _read(self) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                self._lines.put(json.loads(line))  # noqa: TID251

    def _next(self) -> dict[str, Any]:
        return self._lines.get(timeout=10)

    def routes(self, networks: Sequence[str]) -> None:
        """Let it answer networks behind this machine."""
        for network in networks:
            self.ip(self._there, "route", "add", network, "via", HERE6 if ":" in network else HERE4)

    def contacts(self) -> list[dict[str, Any]]:
        """Who came since it was last asked. A contact of our own marks the end, so nothing is missed or waited for."""
        with socket.create_connection((V4, 22), 5) as marker:
            marker.send(b"x")
        found: list[dict[str, Any]] = []
        deadline = time.monotonic() + 10
        while time.monotonic() < deadline:
            contact = self._next()
            if contact["port"] == 22:
                return found
            found.append(contact)
        raise AssertionError("the internet doesn't answer")
