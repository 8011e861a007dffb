"""Plans: a template may be narrowed, never widened, and an ad hoc mission says who and why."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from mission_world import ACTIONS, AD_HOC, AGENTS, NOW, REFUNDS, TEMPLATES

from exeat.errors import NotFoundError
from exeat.missions.agents import agents_of, resolve
from exeat.missions.errors import CeilingExceededError, InvalidFieldsError
from exeat.missions.plan import plan
from exeat.missions.request import OpenRequest
from exeat.model.mission import Mission


def planned(request: OpenRequest, template: str = "refunds") -> Mission:
    found = TEMPLATES.get(template)
    return plan(request, found, resolve(request, found, AGENTS), NOW, ACTIONS.get)


def test_a_template_fills_in_everything() -> None:
    mission = planned(REFUNDS)
    assert (mission.template, mission.environment, mission.agents) == ("refunds", "prod", ("invoice-bot",))
    assert mission.operations == TEMPLATES["refunds"].operations
    assert mission.destinations == TEMPLATES["refunds"].destinations
    assert (mission.purpose, mission.owner, mission.labels) == ("pay back", "payments", {"team": "payments"})
    assert mission.expires_at == NOW + 1800


@pytest.mark.parametrize(
    "narrowing",
    [
        {"destinations": ("api.example.test:443",)},
        {"destinations": ("api.example.test",)},
        {"destinations": ("x.files.example.test:443",)},
        {"operations": ("example:refunds/get",)},
        {"operations": ("example:write",)},
        {"ttl": 60.0},
        {"ttl": 1800.0},
        {"read_only": True},
        {"labels": {"team": "payments", "case": "7"}},
        {"purpose": "one refund", "ticket": "PAY-7"},
    ],
)
def test_a_template_may_be_narrowed(narrowing: dict[str, Any]) -> None:
    mission = planned(replace(REFUNDS, **narrowing))
    assert mission.expires_at <= NOW + 1800


@pytest.mark.parametrize(
    ("widening", "field"),
    [
        ({"destinations": ("evil.test:443",)}, "destinations"),
        ({"destinations": ("*.example.test:443",)}, "destinations"),
        ({"destinations": ("api.example.test:80",)}, "destinations"),
        ({"operations": ("example:*", "other:*")}, "operations"),
        ({"operations": ("read",)}, "operations"),
        ({"ttl": 1801.0}, "ttl"),
        ({"labels": {"team": "security"}}, "labels.team"),
    ],
)
def test_a_template_may_not_be_widened(widening: dict[str, Any], field: str) -> None:
    with pytest.raises(CeilingExceededError) as caught:
        planned(replace(REFUNDS, **widening))
    assert {error.field for error in caught.value.errors} == {field}


def test_a_read_only_template_stays_read_only() -> None:
    template = replace(TEMPLATES["refunds"], read_only=True)
    assert plan(REFUNDS, template, [AGENTS["prod/invoice-bot"]], NOW, ACTIONS.get).read_only


@pytest.mark.parametrize("missing", ["destinations", "operations", "purpose", "owner"])
def test_an_ad_hoc_mission_names_all_it_needs(missing: str) -> None:
    empty: Any = () if missing in ("destinations", "operations") else "  "
    with pytest.raises(InvalidFieldsError) as caught:
        planned(replace(AD_HOC, **{missing: empty}), "")
    assert [error.field for error in caught.value.errors] == [missing]


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"destinations": ("1.2.3.4:443",)}, "destinations[0]"),
        ({"destinations": ("api.example.test:443", "API.example.test:443")}, "destinations[1]"),
        ({"destinations": ("api.example.test:0",)}, "destinations[0]"),
        ({"operations": ("example:read", "example:reed")}, "operations[1]"),
        ({"ttl": 0.0}, "ttl"),
        ({"ttl": -1.0}, "ttl"),
        ({"ttl": float("nan")}, "ttl"),
    ],
)
def test_malformed_fields_are_named(wrong: dict[str, Any], field: str) -> None:
    for template, request in (("", AD_HOC), ("refunds", REFUNDS)):
        with pytest.raises(InvalidFieldsError) as caught:
            planned(replace(request, **wrong), template)
        assert [error.field for error in caught.value.errors] == [field]


def test_repeated_destinations_and_operations_count_once() -> None:
    mission = planned(
        replace(AD_HOC, destinations=("api.example.test:443", "api.example.test"), operations=("example:read",) * 2), ""
    )
    assert (len(mission.destinations), len(mission.operations)) == (1, 1)


def test_an_ad_hoc_mission_lives_an_hour_when_nobody_says() -> None:
    assert planned(replace(AD_HOC, ttl=None), "").expires_at == NOW + 3600


def names(*written: str, environment: str = "", template: str = "") -> list[str]:
    request = replace(AD_HOC, agents=written, environment=environment)
    return [agent.key for agent in resolve(request, TEMPLATES.get(template), AGENTS)]


def test_agents_are_found_by_name_or_by_environment_and_name() -> None:
    assert names("invoice-bot") == ["prod/invoice-bot"]
    assert names("staging/report-bot") == ["staging/report-bot"]
    assert names("report-bot", environment="staging") == ["staging/report-bot"]
    assert names("invoice-bot", "prod/report-bot", "prod/invoice-bot") == ["prod/invoice-bot", "prod/report-bot"]


def test_an_ambiguous_name_is_refused_with_the_choices() -> None:
    with pytest.raises(InvalidFieldsError, match="prod/report-bot, staging/report-bot"):
        names("report-bot")


@pytest.mark.parametrize(
    ("written", "environment"),
    [(("invoice-bt",), ""), (("prod/nobody",), ""), (("invoice-bot",), "staging"), (("",), ""), (("/",), "")],
)
def test_an_unknown_agent_is_not_found(written: tuple[str, ...], environment: str) -> None:
    with pytest.raises(NotFoundError):
        names(*written, environment=environment)


def test_a_misspelt_agent_is_suggested() -> None:
    with pytest.raises(NotFoundError) as caught:
        names("invoice-bott")
    assert caught.value.hint == "Did you mean 'invoice-bot'?"


@pytest.mark.parametrize(
    ("written", "environment"), [((), ""), (("invoice-bot", "staging/report-bot"), ""), (("prod/late-bot",), "staging")]
)
def test_no_agent_or_two_environments_are_refused(written: tuple[str, ...], environment: str) -> None:
    with pytest.raises(InvalidFieldsError):
        names(*written, environment=environment)


def test_an_agent_the_template_is_not_for_exceeds_it() -> None:
    with pytest.raises(CeilingExceededError, match="late-bot"):
        names("late-bot", template="refunds")


def test_a_mission_whose_agent_was_removed_has_no_agents_any_more() -> None:
    mission = planned(REFUNDS)
    assert [agent.key for agent in agents_of(mission, AGENTS)] == ["prod/invoice-bot"]
    with pytest.raises(NotFoundError):
        agents_of(mission, {})
