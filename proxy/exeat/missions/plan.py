"""From a request to the mission it would open. Pure.

A template may be narrowed, never widened. Must not know: ceilings, ids, passes.
"""

from __future__ import annotations

from collections.abc import Sequence

from exeat.missions.ceilings import Expand, outside
from exeat.missions.errors import CeilingExceededError, FieldError, InvalidFieldsError
from exeat.missions.request import OpenRequest
from exeat.model.destination import DestinationPattern
from exeat.model.identity import Agent
from exeat.model.mission import IDLE_LEAST, Mission, MissionTemplate

DEFAULT_TTL = 3600.0
"""An ad hoc mission's life in seconds when nobody says: the same hour as a template's."""


def plan(
    request: OpenRequest, template: MissionTemplate | None, agents: Sequence[Agent], now: float, expand: Expand
) -> Mission:
    """Return the mission, still without an id, that a request for these agents asks for.

    Raise InvalidFieldsError naming everything missing or malformed, CeilingExceededError naming everything in which
    the request is wider than its template.
    """
    patterns = _read(request, expand)
    if template is None:
        _complete(request)
        ttl = DEFAULT_TTL if request.ttl is None else request.ttl
        operations, labels = _unique(request.operations), dict(request.labels)
    else:
        _narrower(request, template, patterns, expand)
        ttl = template.ttl if request.ttl is None else request.ttl
        patterns = patterns or template.destinations
        operations = _unique(request.operations) or template.operations
        labels = {**request.labels, **template.labels}
    return Mission(
        id="",
        environment=agents[0].environment,
        agents=tuple(agent.name for agent in agents),
        destinations=patterns,
        operations=operations,
        opened_at=now,
        expires_at=now + ttl,
        template=template.name if template else "",
        purpose=request.purpose or (template.purpose if template else ""),
        owner=request.owner or (template.owner if template else ""),
        ticket=request.ticket,
        read_only=request.read_only or (template is not None and template.read_only),
        labels=labels,
        models=_unique(request.models) or (template.models if template else ()),
        idle=template.idle if template is not None and request.idle is None else request.idle,
        budget=request.budget.within(template.budget) if template else request.budget,
    )


def _read(request: OpenRequest, expand: Expand) -> tuple[DestinationPattern, ...]:
    patterns: list[DestinationPattern] = []
    errors: list[FieldError] = []
    for index, text in enumerate(request.destinations):
        try:
            patterns.append(DestinationPattern.parse(text, 443))
        except ValueError as error:
            errors.append(FieldError(f"destinations[{index}]", str(error)))
    errors += [
        FieldError(f"operations[{index}]", f"no service knows {operation!r}")
        for index, operation in enumerate(request.operations)
        if expand(operation) is None
    ]
    if request.ttl is not None and not request.ttl > 0:
        errors.append(FieldError("ttl", "a mission lives longer than nothing"))
    if request.idle is not None and not request.idle >= IDLE_LEAST:
        errors.append(FieldError("idle", f"give it {IDLE_LEAST:g}s or more"))
    if errors:
        raise InvalidFieldsError(errors)
    return tuple(dict.fromkeys(patterns))


def _complete(request: OpenRequest) -> None:
    needed = {
        "destinations": (request.destinations, "say where the agents may go, as in 'api.example.com:443'"),
        "operations": (request.operations, "say what they may do, as in 'github:read'"),
        "purpose": (request.purpose.strip(), "a mission without a template needs a purpose"),
        "owner": (request.owner.strip(), "a mission without a template needs an owner"),
    }
    inherited = {"purpose", "owner"} if request.parent else set()
    errors = [
        FieldError(field, message) for field, (value, message) in needed.items() if not value and field not in inherited
    ]
    if errors:
        raise InvalidFieldsError(errors)


def _narrower(
    request: OpenRequest, template: MissionTemplate, patterns: Sequence[DestinationPattern], expand: Expand
) -> None:
    errors = [
        FieldError("destinations", f"template {template.name!r} doesn't include {pattern}")
        for pattern in patterns
        if not any(pattern.within(wider) for wider in template.destinations)
    ]
    errors += [
        FieldError("operations", f"template {template.name!r} doesn't include {operation!r}")
        for operation in outside(request.operations, template.operations, expand)
    ]
    if request.ttl is not None and request.ttl > template.ttl:
        errors.append(FieldError("ttl", f"template {template.name!r} allows {template.ttl:g}s, not {request.ttl:g}s"))
    errors += [
        FieldError(f"labels.{key}", f"template {template.name!r} sets this label")
        for key, value in request.labels.items()
        if template.labels.get(key, value) != value
    ]
    if template.idle is not None and request.idle is not None and request.idle > template.idle:
        errors.append(
            FieldError("idle", f"template {template.name!r} allows {template.idle:g}s, not {request.idle:g}s")
        )
    errors += [
        FieldError("models", f"template {template.name!r} doesn't include {model!r}")
        for model in request.models
        if template.models and model not in template.models
    ]
    allowed = template.budget.bounds()
    errors += [
        FieldError(f"budget.{kind}", f"template {template.name!r} allows {allowed[kind]}")
        for kind in request.budget.beyond(template.budget)
    ]
    if errors:
        raise CeilingExceededError(errors, "Ask for less, or open a mission without a template.")


def _unique(texts: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(texts))
