"""What would have to change for a refused request to be permitted, as commands and lines to write.

Nothing here judges: it compares a record with the configuration and names the nearest limit. Must not know: how it is
shown.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import orjson

from exeat.cli.output import printable
from exeat.errors import ExeatError
from exeat.model.destination import DestinationPattern

if TYPE_CHECKING:
    from exeat.config.loading import Loaded
    from exeat.services.index import ServiceIndex

Record = Mapping[str, Any]


def remedies(decision: Record, mission: Record, loaded: Loaded) -> list[str]:
    """Steps, nearest first; none where the request itself is at fault. ``mission`` is empty where it isn't known."""
    code = str(decision.get("code") or "")
    if code == "destination_not_allowed":
        return list(_destination(decision, mission, loaded))
    if code == "operation_unknown":
        return list(_operation(decision, loaded))
    if code == "policy_denied":
        return list(_policy(decision, mission, loaded))
    return [_filled(step, decision, mission) for step in _STEPS.get(code, ())]


_STEPS: Mapping[str, tuple[str, ...]] = {
    "identity_missing": ("exeat run --mission TEMPLATE --agent NAME -- CMD gives a command its pass",),
    "identity_invalid": ("exeat mission open TEMPLATE --agent NAME returns a pass that is valid",),
    "identity_conflict": ("open one mission for each program: exeat run --mission TEMPLATE --agent NAME -- CMD",),
    "mission_missing": ("exeat mission open {template} --agent {agent}",),
    "mission_ended": ("exeat mission show {mission} says how it ended", "exeat mission open {template} --agent {agent}"),
    "mission_suspended": ("exeat mission resume {mission}",),
    "mission_not_fresh": ("exeat mission open {template} --agent {agent}", "exeat.toml, [policy] fresh says how long is fresh"),
    "approval_required": ("exeat approval list", "exeat approval approve {approval}", "then send the request again"),
    "approval_denied": ("exeat approval list --state denied --mission {mission} says who denied it, and why",),
    "address_not_allowed": ('for an inner service by name, in exeat.toml: [upstream.resolve] "{where}" = "ADDRESS:PORT"',),
    "model_not_allowed": (
        "in exeat.toml: add it to models of the template {template}, and open a new mission",
        "exeat mission show {mission} says which models it is pinned to",
    ),
    "policy_error": ("exeat policy check",),
    "credential_foreign": (
        "remove the credential from the program; exeat run gives it the placeholder of each service it may use",
        'or register it: exeat.toml, service {service}: shared = {{ source = "env:NAME" }}',
    ),
    "credential_retired": ("start the program with exeat run, or with what exeat env prints: both hold the placeholder",),
    "budget_exhausted": ("exeat mission show {mission}",),
    "token_unavailable": ("exeat service show {service} names the issuer", "exeat doctor"),
    "token_too_wide": ("exeat service show {service} names the issuer; narrow what it grants",),
    "audit_unavailable": ("exeat doctor", "exeat audit verify"),
    "state_stale": ("exeat doctor",),
    "protocol_not_allowed": ("plain HTTP needs plain_http = true at a service with this host",),
    "upstream_untrusted": ('if its CA is a private one, in exeat.toml: [upstream] ca_file = "FILE"',),
    "upstream_unreachable": ("exeat doctor",),
    "internal_error": ("the log of exeat serve names the decision; report it",),
}  # fmt: skip


def _filled(step: str, decision: Record, mission: Record) -> str:
    agent = str(decision.get("agent") or "").rpartition("/")[2]
    return step.format(
        template=_word(mission.get("template")) or "TEMPLATE",
        agent=_word(agent) or "NAME",
        mission=_word(decision.get("mission")) or "ID",
        service=_word(decision.get("service")) or "NAME",
        approval=_word(decision.get("approval")) or "ID",
        where=_where(decision),
    )


def _destination(decision: Record, mission: Record, loaded: Loaded) -> Iterator[str]:
    host, port = _host(decision)
    if not host:
        return
    now = time.time()
    covering = [
        (entry, now < entry.expires)
        for entry in loaded.settings.destination
        if DestinationPattern(entry.host, entry.port).matches(host, port)
    ]
    if not any(live for _, live in covering):
        for entry, _ in covering:
            yield f"the admins' ceiling had {entry.host}:{entry.port} until it expired; ask {printable(entry.owner)}"
        if not covering:
            yield (
                f"the admins' ceiling hasn't got it; in {loaded.file}: [[destination]] host = {_quoted(host)}, "
                f"port = {port}, owner, reason, expires"
            )
    yield from _templates(mission, loaded, "destinations", f"{host}:{port}", lambda wanted: _covers(wanted, host, port))


def _covers(pattern: str, host: str, port: int) -> bool:
    try:
        return DestinationPattern.parse(pattern, 443).matches(host, port)
    except ValueError:
        return False


def _templates(mission: Record, loaded: Loaded, field: str, wanted: str, covers: Any) -> Iterator[str]:
    """Which templates already have it; else where to add it."""
    own = str(mission.get("template") or "")
    having = [each.name for each in loaded.settings.mission_template if any(map(covers, getattr(each, field)))]
    if own and own in having:
        yield f"template {own} has it; the mission was opened with less, or before: exeat mission open {own} --agent NAME"
    elif having:
        yield f"missions from these templates have it: {', '.join(having)}"
    else:
        name = own if own in {each.name for each in loaded.settings.mission_template} else "NAME"
        yield f'in {loaded.file}: add {_quoted(wanted)} to {field} of [[mission_template]] name = "{name}"'
    yield "then restart exeat serve and open a new mission; an open one is never widened"


def _operation(decision: Record, loaded: Loaded) -> Iterator[str]:
    host, port = _host(decision)
    try:
        services = _services(loaded)
    except ExeatError:
        yield "exeat config check"
        return
    found = services.for_host(host, port) if host else None
    name = found.service.name if found else "NAME"
    method = _word(decision.get("method")) or "GET"
    match = f"{method} {str(decision.get('path') or '/')[:200]}"
    yield f"exeat service show {name} lists what is known"
    yield (
        f"in {loaded.file}, under service {name}: [[service.operation]] match = {_quoted(match)}, "
        'action = "…", group = "read|write|delete|admin" ({name} stands for one segment of the path)'
    )


def _policy(decision: Record, mission: Record, loaded: Loaded) -> Iterator[str]:
    action = str(decision.get("action") or "")
    if decision.get("policies"):
        yield "the policies above forbid it: change one, then exeat policy check"
        return
    yield f"no policy permits {_quoted(action)}"
    try:
        services = _services(loaded)
    except ExeatError:
        yield "exeat config check"
        return
    granted = mission.get("operations")
    if isinstance(granted, list) and any(action in (services.expand(str(each)) or ()) for each in granted):
        yield "the mission includes this operation; the policies must permit it: exeat policy check"
        return
    ceiling = loaded.settings.ceilings.operations
    if ceiling and not any(action in (services.expand(each) or ()) for each in ceiling):
        yield f"in {loaded.file}: [ceilings] operations has to include it"
    yield from _templates(mission, loaded, "operations", action, lambda each: action in (services.expand(each) or ()))


def _services(loaded: Loaded) -> ServiceIndex:
    from exeat.cli.bundle import catalogue

    return catalogue(loaded)


def _host(decision: Record) -> tuple[str, int]:
    """Host and port as recorded; a record of something that was no request has none."""
    port = decision.get("port")
    return str(decision.get("host") or "")[:253], port if isinstance(port, int) and port else 443


def _where(decision: Record) -> str:
    host, port = _host(decision)
    return printable(f"{host or 'HOST'}:{port}")


def _word(value: object) -> str:
    """A value that may stand in a command, or "": what a record holds may be hostile."""
    text = str(value or "")
    return text if text.replace("-", "").replace("_", "").replace(".", "").isalnum() and text.isascii() else ""


def _quoted(text: str) -> str:
    return printable(orjson.dumps(printable(text)).decode())
