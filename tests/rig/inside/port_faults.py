"""Faults at the product's ports, from moment to moment: while a file holds ``PORT MODE``, that port fails so.

``MODE`` is ``raise``, ``refuse`` (the port's own error), ``panic`` (no Exception), ``cancel``, ``late``, ``hang``, or the name
of a lie in ``LIES``: a function of the true answer. Each fault that struck adds a line to ``FILE.struck``.
"""

from __future__ import annotations

import asyncio
import importlib
import inspect
import time
from dataclasses import replace
from pathlib import Path

LATE = 0.3
LONGEST = 30.0
"""No hang outlives its test by more than this, whatever happened to the file."""
HANGS = 1.5
"""Seconds that a port without waiting in it can hang: longer stops the whole worker."""

PORTS = {
    "policy": ("exeat.decision.engine", "", "is_authorized"),
    "judge": ("exeat.decision.engine", "Engine", "judge"),
    "passes": ("exeat.identity.passes", "PassVerifier", "verify"),
    "store.add": ("exeat.store.store", "Store", "add"),
    "store.get": ("exeat.store.store", "Store", "get"),
    "store.replace": ("exeat.store.store", "Store", "replace"),
    "store.live": ("exeat.store.store", "Store", "live"),
    "resolver": ("exeat.enforcement.lookup", "SystemResolver", "resolve"),
    "issuer": ("exeat.credentials.issuers.jwt", "JwtIssuer", "mint"),
    "broker": ("exeat.credentials.broker", "TokenBroker", "token"),
    "cache": ("exeat.credentials.broker", "TokenBroker", "cached"),
    "secrets": ("exeat.credentials.sources", "Sources", "load"),
    "audit": ("exeat.audit.log", "AuditLog", "append"),
    "checkpoint": ("exeat.audit.log", "AuditLog", "checkpoint"),
    "disk": ("os", "", "write"),
    "clock": ("exeat.clock", "SystemClock", "time"),
    "monotonic": ("exeat.clock", "SystemClock", "monotonic"),
    "feed": ("exeat.fleet.crew", "Crew", "apply"),
}


class Panic(BaseException):
    """What a native library may raise: no Exception."""


def _refusal(port):
    from exeat.errors import RefusalError, StartError, UnavailableError
    from exeat.model.reason import Reason

    reasons = {"audit": Reason.AUDIT_UNAVAILABLE, "checkpoint": Reason.AUDIT_UNAVAILABLE, "issuer": Reason.TOKEN_UNAVAILABLE,
               "broker": Reason.TOKEN_UNAVAILABLE, "passes": Reason.IDENTITY_INVALID, "resolver": Reason.UPSTREAM_UNREACHABLE}  # fmt: skip
    if port in reasons:
        return RefusalError(reasons[port], "the rig says so")
    return (StartError if port == "secrets" else UnavailableError)("the rig says so")


def _faults(port):
    return {
        "raise": lambda: RuntimeError("the rig says so"),
        "refuse": lambda: _refusal(port),
        "os": lambda: OSError(5, "the rig says so"),
        "panic": lambda: Panic("the rig says so"),
        "cancel": lambda: asyncio.CancelledError("the rig says so"),
    }


class _Answer:
    """A policy engine's answer, as the test wants it."""

    def __init__(self, decision, reasons=(), errors=()):
        from cedarpy import Decision

        self.decision = getattr(Decision, decision)
        self.allowed = decision == "Allow"
        self.diagnostics = type("Diagnostics", (), {"reasons": list(reasons), "errors": list(errors)})


def _label(true):
    return list(true.diagnostics.reasons)


LIES = {
    ("policy", "allow-with-errors"): lambda true: _Answer("Allow", _label(true), ["a policy failed"]),
    ("policy", "allow-without-policies"): lambda true: _Answer("Allow"),
    ("policy", "allow-by-unknown-policy"): lambda true: _Answer("Allow", ["nobody's"]),
    ("policy", "no-decision"): lambda true: _Answer("NoDecision", _label(true)),
    ("policy", "deny-by-a-permit"): lambda true: _Answer("Deny", _label(true)),
    ("policy", "nothing"): lambda true: None,
    ("judge", "nothing"): lambda true: None,
    ("judge", "true"): lambda true: True,
    ("judge", "without-policies"): lambda true: type(true)(()),
    ("passes", "nothing"): lambda true: None,
    ("passes", "somebody-else"): lambda true: replace(true, agent="spiffe://example.test/env/prod/agent/report-bot"),
    ("passes", "no-such-mission"): lambda true: replace(true, mission="m_00000000000000000000000000"),
    ("store.get", "gone"): lambda true: None,
    ("resolver", "loopback"): lambda true: ["127.0.0.1"],
    ("resolver", "private"): lambda true: ["10.1.2.3"],
    ("resolver", "metadata"): lambda true: ["169.254.169.254"],
    ("resolver", "other-family"): lambda true: ["::1"],
    ("resolver", "mapped"): lambda true: ["::ffff:10.0.0.1"],
    ("resolver", "none"): lambda true: [],
    ("resolver", "nothing"): lambda true: None,
    ("resolver", "garbage"): lambda true: ["not an address"],
    ("resolver", "a-name"): lambda true: ["localhost"],
    ("issuer", "nothing"): lambda true: None,
    ("issuer", "text"): lambda true: "token",
    ("issuer", "lives-longer"): lambda true: replace(true, expires_at=true.expires_at + 86400),
    ("issuer", "lives-for-ever"): lambda true: replace(true, expires_at=None),
    ("issuer", "is-over"): lambda true: replace(true, expires_at=1.0),
    ("issuer", "not-a-number"): lambda true: replace(true, expires_at=float("nan")),
    ("issuer", "another-grade"): lambda true: replace(true, grade=type(true.grade).C),
    ("clock", "an-hour-ahead"): lambda true: true + 3600,
    ("clock", "an-hour-behind"): lambda true: true - 3600,
    ("clock", "stands-still"): lambda true: int(true) // 1000 * 1000.0,
    ("clock", "not-a-number"): lambda true: float("nan"),
    ("clock", "for-ever"): lambda true: float("inf"),
    ("clock", "nothing"): lambda true: None,
    ("monotonic", "stands-still"): lambda true: 1.0,
    ("monotonic", "backwards"): lambda true: 1e9 - true,
    ("feed", "nothing"): lambda true: None,
}


def install(file: str) -> None:
    """Put a switch into every port."""
    path, struck = Path(file), Path(f"{file}.struck")
    import os

    real_write = os.write
    struck_at = os.open(struck, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def wanted(port):
        try:
            name, mode = path.read_text().split()
        except (OSError, ValueError):
            return ""
        if name != port:
            return ""
        real_write(struck_at, f"{port} {mode}\n".encode())
        return mode

    for port, (module_name, class_name, name) in PORTS.items():
        module = importlib.import_module(module_name)
        owner = getattr(module, class_name) if class_name else module
        setattr(owner, name, _switched(port, getattr(owner, name), wanted, path))


def _switched(port, real, wanted, path):
    if port == "disk":
        return _disk(real, wanted)
    faults = _faults(port)
    if inspect.iscoroutinefunction(real):

        async def port_call(*arguments, **keywords):
            mode = wanted(port)
            if not mode:
                return await real(*arguments, **keywords)
            if mode in faults:
                fault = faults[mode]()
                raise fault
            until = time.monotonic() + (LATE if mode == "late" else LONGEST if mode == "hang" else 0)
            while time.monotonic() < until and (mode == "late" or path.exists()):
                await asyncio.sleep(0.02)
            if mode in ("late", "hang"):
                return await real(*arguments, **keywords)
            try:
                true = await real(*arguments, **keywords)
            except Exception:
                if port != "resolver":  # which finds nothing here
                    raise
                true = None
            return LIES[port, mode](true)
    else:

        def port_call(*arguments, **keywords):
            mode = wanted(port)
            if not mode:
                return real(*arguments, **keywords)
            if mode in faults:
                fault = faults[mode]()
                raise fault
            if mode in ("late", "hang"):
                time.sleep(LATE if mode == "late" else HANGS)
                return real(*arguments, **keywords)
            return LIES[port, mode](real(*arguments, **keywords))

    return port_call


def _disk(real, wanted):
    """Writes to the audit's files: refused, in part, said to be done and not, late."""
    import os

    def write(descriptor, data):
        if ".jsonl" not in os.readlink(f"/proc/self/fd/{descriptor}"):  # noqa: PTH115
            return real(descriptor, data)
        mode = wanted("disk")
        if mode == "full":
            raise OSError(28, "No space left on device (the rig says so)")
        if mode == "read-only":
            raise OSError(30, "Read-only file system (the rig says so)")
        if mode == "partly":
            return real(descriptor, data[: len(data) // 2])
        if mode == "said-but-not":
            return len(data)
        if mode == "late":
            time.sleep(LATE)
        return real(descriptor, data)

    return write
