"""The checks behind ``exeat doctor``. Each looks at one thing, changes nothing and sends nothing off this machine.

Must not know: how rows are shown.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from exeat.cli.clients import clients
from exeat.cli.row import Row
from exeat.cli.surroundings import egress, jail
from exeat.config.endpoints import Listener, parse_listener
from exeat.config.listeners import places
from exeat.errors import AdminError, ExeatError, UnavailableError

if TYPE_CHECKING:
    from exeat.config.loading import Loaded

_DAY = 86400.0
_BEFORE_US = 1_735_689_600.0
"""2025-01-01: earlier than any Exeat; a clock that says less makes every expiry wrong."""


def checkup(config: Path | None) -> list[Row]:
    """Run every check; never raises for what it finds."""
    from exeat.config.loading import load

    rows = [*_guarded("python", _python), *_guarded("clock", _clock), *_guarded("environment", _environment)]
    try:
        loaded = load(config)
    except ExeatError as error:
        return [*rows, Row("configuration", "fail", str(error), "exeat config check"), *_surroundings()]
    checks: tuple[tuple[str, Callable[[Loaded], Iterator[Row]]], ...] = (
        ("configuration", _configuration),
        ("ceilings", _ceilings),
        ("state", _state),
        ("certificate", _certificate),
        ("audit", _audit),
        ("listeners", _listeners),
    )
    for name, check in checks:
        rows += _guarded(name, partial(check, loaded))
    return [*rows, *_surroundings()]


def _surroundings() -> list[Row]:
    """What doesn't depend on the configuration."""
    return [*_guarded("egress", egress), *_guarded("jail", jail), *_guarded("clients", clients)]


def _guarded(name: str, check: Callable[[], Iterator[Row]]) -> list[Row]:
    """A check's rows; what it raises becomes a failed row."""
    rows: list[Row] = []
    try:
        rows += check()
    except ExeatError as error:
        rows.append(Row(name, "fail", str(error), error.hint))
    except OSError as error:
        rows.append(Row(name, "fail", f"{error.filename or name}: {error.strerror or type(error).__name__}"))
    except ValueError as error:
        rows.append(Row(name, "fail", f"can't be read: {type(error).__name__}"))
    return rows


def _python() -> Iterator[Row]:
    version = ".".join(map(str, sys.version_info[:3]))
    good = sys.version_info >= (3, 12)
    yield Row("python", "ok" if good else "fail", version, "" if good else "use Python 3.12 or later")


def _clock() -> Iterator[Row]:
    now = time.time()
    shown = datetime.fromtimestamp(now, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    good = now > _BEFORE_US
    yield Row("clock", "ok" if good else "fail", shown, "" if good else "set the clock: timedatectl set-ntp true")


def _environment() -> Iterator[Row]:
    if os.environ.get("SSLKEYLOGFILE"):
        yield Row("environment", "fail", "SSLKEYLOGFILE is set: TLS keys would be written out", "unset SSLKEYLOGFILE")
    else:
        yield Row("environment", "ok", "SSLKEYLOGFILE is unset")


def _configuration(loaded: Loaded) -> Iterator[Row]:
    from exeat.cli.bundle import catalogue, policy_findings, template_findings

    services = catalogue(loaded)
    unknown = template_findings(loaded, services)
    for finding in unknown:
        yield Row("configuration", "fail", str(finding), "exeat config check")
    if not unknown:
        yield Row("configuration", "ok", f"{loaded.file}, {len(services.services)} services")
    findings = policy_findings(loaded, services)
    errors = [finding for finding in findings if not finding.warning]
    if errors:
        yield Row("policies", "fail", f"{len(errors)} findings, first: {errors[0]}", "exeat policy check")
    else:
        yield Row("policies", "ok", f"valid, {len(findings)} warnings")


def _ceilings(loaded: Loaded) -> Iterator[Row]:
    now = time.time()
    wrong = False
    for entry in loaded.settings.destination:
        if entry.expires < now + 14 * _DAY:
            wrong = True
            word = "has expired" if entry.expires <= now else "expires within 14 days"
            yield Row(
                "ceilings", "warn", f"destination {entry.host}:{entry.port} {word}", f"ask {entry.owner} to renew it"
            )
    for service in loaded.settings.service:
        if service.shared is not None and service.shared.retire_by is not None and service.shared.retire_by <= now:
            wrong = True
            yield Row(
                "ceilings",
                "warn",
                f"the shared credential of {service.name} is past its date",
                "revoke it at the service",
            )
    if not wrong:
        yield Row("ceilings", "ok", f"{len(loaded.settings.destination)} destinations, none about to expire")


def _state(loaded: Loaded) -> Iterator[Row]:
    from exeat.files import check_private, private_folder

    folder = loaded.path(loaded.settings.state.path)
    if not folder.is_dir():
        yield Row("state", "skip", f"{folder} isn't there yet; the first exeat serve makes it")
        return
    private_folder(folder)
    token = loaded.path(loaded.settings.admin.token_file)
    private = [*folder.glob("*.key"), *folder.glob("passes/*.json"), *([token] if token.exists() else [])]
    for file in private:
        check_private(file)
    yield Row("state", "ok", f"{folder}: {len(private)} private files, readable by their owner only")


def _certificate(loaded: Loaded) -> Iterator[Row]:
    from cryptography import x509

    file = loaded.path(loaded.settings.state.path) / "ca.pem"
    if not file.exists():
        yield Row("certificate", "skip", "not made yet")
        return
    certificate = x509.load_pem_x509_certificate(file.read_bytes())
    left = certificate.not_valid_after_utc - datetime.now(UTC)
    if certificate.not_valid_before_utc > datetime.now(UTC):
        yield Row(
            "certificate", "fail", "isn't valid yet: the clock is wrong", "set the clock: timedatectl set-ntp true"
        )
    elif left.total_seconds() < _DAY:
        yield Row(
            "certificate", "fail", f"{file} has expired or does so today", f"rm {file} {file.with_suffix('.key')}"
        )
    else:
        yield Row("certificate", "ok" if left.days >= 30 else "warn", f"valid for {left.days} more days")


def _audit(loaded: Loaded) -> Iterator[Row]:
    from exeat.audit.verify import verify
    from exeat.files import read_private

    state = loaded.path(loaded.settings.state.path)
    if not (state / "audit-seal.key").exists():
        yield Row("audit", "skip", "nothing written yet")
        return
    verdict = verify(
        loaded.path(loaded.settings.audit.path), state / "audit-heads", read_private(state / "audit-seal.key")
    )
    records = sum(chain.records for chain in verdict.chains)
    detail = f"{records} records, chain intact" if verdict.ok else "somebody changed the log, or it was cut off"
    yield Row("audit", "ok" if verdict.ok else "fail", detail, "" if verdict.ok else "exeat audit verify")


def _listeners(loaded: Loaded) -> Iterator[Row]:
    admin = parse_listener(loaded.settings.admin.listen)
    taken = _taken(admin)
    serving = taken and _answers(loaded)
    if serving:
        yield Row("admin", "ok", f"serving at {admin}")
    elif taken:
        yield Row("admin", "fail", f"something else listens at {admin}", "stop it, or change admin.listen")
    else:
        yield Row("admin", "skip", f"not running; {admin} is free")
    for place in places(loaded.settings):
        listener = place.address
        taken = _taken(listener)
        if serving:
            state, detail = ("ok", "serving") if taken else ("fail", "not listening although admin is")
        else:
            state, detail = ("fail", "something else listens here") if taken else ("ok", "free")
        fix = "stop it, or change this listener's port" if state == "fail" else ""
        yield Row("proxy", state, f"{listener}: {detail}", fix)


def _answers(loaded: Loaded) -> bool:
    """Whether it is our own proxy that listens: it knows our token."""
    from exeat.cli.client import AdminClient

    try:
        AdminClient.of(loaded).get("/v1/status")
    except (AdminError, UnavailableError):
        return False
    return True


def _taken(listener: Listener) -> bool:
    try:
        socket.create_connection((listener.host, listener.port), timeout=2).close()
    except OSError:
        return False
    return True
