"""What a mission may hand on to another agent: a mission of its own that is never wider and never lives longer. Pure.

What isn't said is the parent's. Policies are not a mission's to hand on: what they grant to an agent, a group or a template by
name holds in a child too. Must not know: ceilings, ids, what a change of the parent sets off.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exeat.missions.ceilings import Expand, outside
from exeat.missions.errors import CeilingExceededError, FieldError, InvalidFieldsError
from exeat.missions.request import OpenRequest
from exeat.missions.times import rfc3339
from exeat.model.mission import Mission

LEVELS = 4
"""Missions one below the other, at most, under the one that an operator opened."""
CHILDREN = 64
"""Live missions that one mission may have delegated to at a time."""


def inherit(request: OpenRequest, parent: Mission) -> OpenRequest:
    """Return the request with what an ad hoc mission has to say taken from its parent where it doesn't say it.

    Raise InvalidFieldsError when it names another owner or ticket, or when the parent has no one agent who delegates.
    """
    errors = [
        FieldError(field, f"a delegated mission has its parent's, {theirs!r}")
        for field, asked, theirs in (("owner", request.owner, parent.owner), ("ticket", request.ticket, parent.ticket))
        if asked and theirs and asked != theirs
    ]
    if len(parent.agents) != 1:
        errors.append(FieldError("parent", "a mission of several agents has no one agent who delegates"))
    if errors:
        raise InvalidFieldsError(errors)
    request = replace(
        request,
        environment=request.environment or parent.environment,
        owner=parent.owner or request.owner,
        ticket=parent.ticket or request.ticket,
    )
    if request.template:
        return request
    return replace(
        request,
        destinations=request.destinations or tuple(map(str, parent.destinations)),
        operations=request.operations or parent.operations,
        purpose=request.purpose or parent.purpose,
    )


def below(mission: Mission, parent: Mission, request: OpenRequest, expand: Expand) -> Mission:
    """Return a planned mission as a child of ``parent``; raise CeilingExceededError naming everything in which it is wider."""
    child = replace(
        mission,
        parent=parent.id,
        owner=parent.owner,
        ticket=parent.ticket or mission.ticket,
        labels={**parent.labels, **mission.labels},
        read_only=mission.read_only or parent.read_only,
        models=mission.models or parent.models,
        idle=parent.idle if mission.idle is None else mission.idle,
        budget=mission.budget.within(parent.budget),
        expires_at=mission.expires_at if request.ttl is not None else min(mission.expires_at, parent.expires_at),
    )
    wider = excess(child, parent, expand)
    wider += [
        FieldError(f"labels.{key}", "a delegated mission has its parent's labels")
        for key, value in request.labels.items()
        if parent.labels.get(key) != value
    ]
    wider += [
        FieldError(f"labels.{key}", f"the parent's is {parent.labels[key]!r}")
        for key, value in mission.labels.items()
        if key not in request.labels and parent.labels.get(key, value) != value
    ]
    if wider:
        raise CeilingExceededError(wider, "Ask for less, or have its owner open a mission of its own.")
    return child


def excess(child: Mission, parent: Mission, expand: Expand) -> list[FieldError]:
    """Return everything in which a mission is wider than its parent."""
    found = [
        FieldError("destinations", f"the parent may not go to {pattern}")
        for pattern in child.destinations
        if not any(pattern.within(theirs) for theirs in parent.destinations)
    ]
    found += [
        FieldError("operations", f"the parent may not do {operation!r}")
        for operation in outside(child.operations, parent.operations, expand)
    ]
    found += _terms(child, parent)
    return found


def _terms(child: Mission, parent: Mission) -> Sequence[FieldError]:
    if child.environment != parent.environment:
        elsewhere = f"the parent is in {parent.environment!r}, and these agents are in {child.environment!r}"
        return [FieldError("agents", elsewhere)]
    found = [FieldError(f"budget.{kind}", "the parent has less") for kind in child.budget.beyond(parent.budget)]
    if child.expires_at > parent.expires_at:
        found.append(FieldError("ttl", f"the parent ends at {rfc3339(parent.expires_at)}"))
    if not set(child.models) <= set(parent.models or child.models):
        found.append(FieldError("models", f"the parent may only use {', '.join(parent.models)}"))
    if parent.idle is not None and (child.idle is None or child.idle > parent.idle):
        found.append(FieldError("idle", f"the parent ends after {parent.idle:g}s without a request"))
    if parent.read_only and not child.read_only:
        found.append(FieldError("read_only", "the parent may only read"))
    return found
