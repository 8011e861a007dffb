"""What to do next about a credential, in one line for whoever looks after it. Pure.

Must not know: counts beyond the line it is given, how it is shown.
"""

from __future__ import annotations

from collections.abc import Sequence

from exeat.migration.report import AgentLine, Line, State

_NAMED = 3
"""Agents that a line names; the report lists them all."""


def advice(line: Line) -> str:
    """Return one plain line."""
    services = ", ".join(line.services) or "no service"
    senders = line.senders
    match line.state:
        case State.UNREGISTERED:
            where = f"as shared of {services}" if any(line.services) else "with the service it belongs to"
            return f"find out who gave it to {_who(line.agents)}; register it {where}, or have it taken away"
        case State.IN_USE:
            date = "" if _dated(line) else "; set retire_by"
            return f"give {_who(senders)} the placeholder (exeat env){date}"
        case State.RETIRED if line.was_replaced and not senders:
            return "nothing, once it is revoked at the vendor: another value stands in its place"
        case State.PLACEHOLDER_ONLY | State.SCOPED_TOKENS | State.UNUSED | State.NEVER_SEEN if line.was_replaced:
            return "nothing: another value stands in its place, and nobody sends this one"
        case State.PLACEHOLDER_ONLY:
            return _beyond_custody(line, services)
        case State.SCOPED_TOKENS:
            return f"nobody needs it: take shared out of {services} and revoke it at the vendor"
        case State.RETIRED if senders:
            return f"give {_who(senders)} the placeholder: what it sends is refused"
        case State.RETIRED if line.blocked:
            return f"every call of {services} is refused: give it another issuer, or a new value with a new retire_by"
        case State.RETIRED if line.registered is not None:
            return f"revoke it at the vendor and take shared out of {services}"
        case State.RETIRED:
            return "nothing, once it is revoked at the vendor"
        case State.UNUSED:
            return f"ask whether {services} is needed; if not, revoke it at the vendor and take shared out"
        case State.NEVER_SEEN:
            return "find out who uses it past Exeat; if nobody does, revoke it at the vendor and take shared out"


def _beyond_custody(line: Line, services: str) -> str:
    attainable = "" if line.registered is None else line.registered.attainable
    if attainable in ("A", "B"):
        return f"give {services} an issuer of scoped tokens: grade {attainable} can be had"
    if _dated(line):
        return f"no issuer of {services} is narrower than custody: have another value made before retire_by, or another issuer"
    return f"no issuer of {services} is narrower than custody: set retire_by, and change its value by then"


def _dated(line: Line) -> bool:
    return line.registered is not None and line.registered.retire_by is not None


def _who(agents: Sequence[AgentLine]) -> str:
    names = [each.agent.rpartition("/agent/")[2] or "an unknown agent" for each in agents]
    if not names:
        return "nobody"
    shown = ", ".join(names[:_NAMED])
    return shown if len(names) <= _NAMED else f"{shown} and {len(names) - _NAMED} more"
