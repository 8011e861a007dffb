"""Loaded by Python inside ``exeat serve`` when ``rig.faults`` asks for it: a small hostile world below the product.

``RIG_INSIDE`` is JSON: ``names`` answers name lookups (any other name fails, nothing is ever asked outside), ``divert``
connects an address to another one behind the caller's back, ``dials`` is a file that gets one line per lookup and
connection, ``full_disk`` and ``slow_mint`` are files whose existence makes audit writes fail and mints wait; ``ports`` is a file
that says which port fails, and how (``port_faults.py``), ``engine`` one whose content says how the policy engine fails.
"""

from __future__ import annotations

import json
import os
import socket
import sys

_world = json.loads(os.environ.get("RIG_INSIDE", "{}"))  # noqa: TID251 nothing else is importable yet


def _note_dials(file: str) -> None:
    descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def hook(event: str, arguments: tuple[object, ...]) -> None:
        if event in {"socket.getaddrinfo", "socket.gethostbyname"}:
            os.write(descriptor, f"lookup {arguments[0]}\n".encode())
        elif event in {"socket.connect", "socket.sendto"}:
            os.write(descriptor, f"{event[7:]} {arguments[1]}\n".encode())

    sys.addaudithook(hook)


def _answer_names(names: dict[str, list[str]]) -> None:
    real = socket.getaddrinfo

    def getaddrinfo(host, port, *arguments, **keywords):
        name = host.decode() if isinstance(host, bytes) else host
        known = names.get((name or "").rstrip("."))
        if known is None:
            try:
                return real(host, port, *arguments, **{**keywords, "flags": socket.AI_NUMERICHOST})
            except TypeError:
                return real(host, port, *arguments[:3], flags=socket.AI_NUMERICHOST)
        sys.audit("socket.getaddrinfo", host, port, 0, 0, 0)
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port)) for one in known
        ]

    socket.getaddrinfo = getaddrinfo


def _divert(routes: dict[str, str]) -> None:
    real = socket.socket.connect

    def connect(self, address):
        if isinstance(address, tuple) and (other := routes.get(f"{address[0]}:{address[1]}")):
            host, _, port = other.rpartition(":")
            address = (host, int(port))
        return real(self, address)

    socket.socket.connect = connect


def _full_disk(flag: str) -> None:
    real = os.write

    def write(descriptor, data):
        if os.path.exists(flag) and ".jsonl" in os.readlink(f"/proc/self/fd/{descriptor}"):  # noqa: PTH110, PTH115
            raise OSError(28, "No space left on device (the rig says so)")
        return real(descriptor, data)

    os.write = write


def _slow_mint(flag: str) -> None:
    import asyncio

    from exeat.credentials.issuers.jwt import JwtIssuer

    real = JwtIssuer.mint

    async def mint(self, request, spec):
        while os.path.exists(flag):  # noqa: PTH110
            with open(f"{flag}.waiting", "a") as file:  # noqa: PTH123 tells the test that a mint is under way
                file.write(".")
            await asyncio.sleep(0.02)
        return await real(self, request, spec)

    JwtIssuer.mint = mint


def _port_faults(file: str) -> None:
    import traceback

    import port_faults

    try:
        port_faults.install(file)
    except Exception:
        traceback.print_exc()
        os._exit(70)  # Python would say so and go on without the faults


def _engine(flag: str) -> None:
    from types import SimpleNamespace

    from cedarpy import Decision

    from exeat.decision import engine

    real = engine.is_authorized

    def answer(decision, *reasons, errors=()):
        return SimpleNamespace(
            decision=decision, diagnostics=SimpleNamespace(reasons=list(reasons), errors=list(errors))
        )

    def asked(*arguments):
        try:
            with open(flag) as file:  # noqa: PTH123
                kind = file.read()
        except OSError:
            return real(*arguments)
        good = real(*arguments)
        label = (good.diagnostics.reasons or ["none"])[0]
        if kind == "raises":
            raise RuntimeError("the rig says so")
        if kind == "panics":
            raise BaseException("the rig says so")  # noqa: TRY002 as a panic of the native engine does
        return {
            "nothing": None, "true": True, "no decision": answer(Decision.NoDecision, label), "allow without a reason": answer(Decision.Allow),
            "allow with an error": answer(Decision.Allow, label, errors=["skipped"]), "allow for another policy": answer(Decision.Allow, "no-payouts"),
            "allow for no known policy": answer(Decision.Allow, "made-up"), "a word": answer("Allow", label), "no diagnostics": SimpleNamespace(decision=Decision.Allow),
        }[kind]  # fmt: skip

    engine.is_authorized = asked


for _key, _install in {
    "dials": _note_dials, "names": _answer_names, "divert": _divert, "full_disk": _full_disk, "slow_mint": _slow_mint,
    "ports": _port_faults, "engine": _engine,
}.items():  # fmt: skip
    if _key in _world:
        _install(_world[_key])
