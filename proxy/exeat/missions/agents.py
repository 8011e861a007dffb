"""Which agents a mission is for. Pure.

Must not know: where agents are configured, how they prove who they are.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping

from exeat.errors import NotFoundError
from exeat.missions.errors import CeilingExceededError, FieldError, InvalidFieldsError
from exeat.missions.request import OpenRequest
from exeat.model.identity import Agent
from exeat.model.mission import Mission, MissionTemplate


def resolve(request: OpenRequest, template: MissionTemplate | None, agents: Mapping[str, Agent]) -> tuple[Agent, ...]:
    """Return the agents a request names, in its order, all of one environment; ``agents`` is keyed by ``Agent.key``.

    Raise NotFoundError for an unknown one, InvalidFieldsError for none, an ambiguous name or two environments, and
    CeilingExceededError for one that the template isn't for.
    """
    if not request.agents:
        raise InvalidFieldsError([FieldError("agents", "name at least one agent")])
    found: dict[str, Agent] = {}
    for index, name in enumerate(request.agents):
        agent = _one(f"agents[{index}]", name, request.environment, agents)
        if template is not None and template.agents and agent.name not in template.agents:
            message = f"template {template.name!r} is not for {agent.name!r}; it is for {', '.join(template.agents)}"
            raise CeilingExceededError([FieldError(f"agents[{index}]", message)])
        found[agent.key] = agent
    environments = sorted({agent.environment for agent in found.values()})
    if len(environments) > 1:
        message = f"a mission is in one environment, and these agents are in {', '.join(environments)}"
        raise InvalidFieldsError([FieldError("agents", message)], "Open one mission for each environment.")
    return tuple(found.values())


def agents_of(mission: Mission, agents: Mapping[str, Agent]) -> tuple[Agent, ...]:
    """Return a mission's agents; raise NotFoundError when one is no longer configured."""
    keys = [f"{mission.environment}/{name}" for name in mission.agents]
    for key in keys:
        if key not in agents:
            raise NotFoundError(f"agent {key!r} is no longer configured", "Add it again, or open another mission.")
    return tuple(agents[key] for key in keys)


def _one(field: str, name: str, environment: str, agents: Mapping[str, Agent]) -> Agent:
    if "/" in name:
        if environment and not name.startswith(f"{environment}/"):
            raise InvalidFieldsError([FieldError(field, f"{name!r} is not in environment {environment!r}")])
        choices = [agent for key, agent in agents.items() if key == name]
    else:
        choices = [agent for agent in agents.values() if agent.name == name and environment in ("", agent.environment)]
    if not choices:
        where = f" in environment {environment!r}" if environment else ""
        known = sorted(agents) if "/" in name else sorted({agent.name for agent in agents.values()})
        close = difflib.get_close_matches(name, known, n=1)
        raise NotFoundError(
            f"there is no agent {name!r}{where}", f"Did you mean {close[0]!r}?" if close else "Add it as an [[agent]]."
        )
    if len(choices) > 1:
        keys = ", ".join(sorted(agent.key for agent in choices))
        raise InvalidFieldsError([FieldError(field, f"{name!r} could be any of {keys}")], f"Write one of {keys}.")
    return choices[0]
