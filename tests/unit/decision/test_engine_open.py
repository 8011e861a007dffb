"""Sessions and ids at the door of the engine."""

from __future__ import annotations

import pytest
from engine_kit import CONTEXT, GRANT, PERMIT_ALL, blob, engine, mission, principal, session

from exeat.decision import fitting
from exeat.decision.verdict import Allowed, Denied, Failed
from exeat.errors import PolicyError

FORGE_BLOB = '@id("no") forbid (principal, action, resource == Forge::Blob::"Straße");'


@pytest.mark.parametrize(
    ("changes", "operations", "groups"),
    [
        ({}, ["forge:nope"], ["build"]),
        ({}, ["forge:write"], ["build"]),
        ({}, ["read"], ["build"]),
        ({}, [], ["buidl"]),
        ({"template": "refnds"}, [], []),
        ({"read_only": "false"}, [], []),
        ({"labels": {"ticket": 7}}, [], []),
        ({"agents": ("other",)}, [], []),
        ({"id": "m2"}, [], []),
        ({"environment": "staging"}, [], []),
    ],
)
@pytest.mark.guard("fit-operations")
@pytest.mark.guard("fit-names")
def test_a_session_that_does_not_fit_is_not_opened(changes, operations, groups):
    """Unknown operations, groups, templates, types and foreign missions are refused at open, whatever was opened before."""
    judge = engine(PERMIT_ALL)
    for fresh in (judge, judge):
        with pytest.raises(PolicyError):
            principal(fresh, *operations, groups=groups, **changes)
        principal(judge, "forge:blobs/get", groups=["build"], template="refunds", labels={"team": "a"})
        principal(judge)


def test_sessions_written_alike_are_checked_once(monkeypatch):
    """A thousand missions of one template cost one check; each keeps an identity of its own."""
    checked = []
    real = fitting.Entities.from_json_str

    class Counting:
        @staticmethod
        def from_json_str(text, *schema):
            checked.append(text)
            return real(text, *schema)

    monkeypatch.setattr(fitting, "Entities", Counting)
    judge = engine('@id("one") permit (principal in Exeat::Mission::"m7", action, resource);')
    opened = [
        judge.open(session(mission_id=f"m{number}"), mission(id=f"m{number}"), frozenset({"forge:blobs/get"}))
        for number in range(20)
    ]
    assert len(checked) == 2
    allowed = [type(judge.judge(who, "forge:blobs/get", blob("b"), CONTEXT)) is Allowed for who in opened]
    assert allowed == [number == 7 for number in range(20)]


def test_what_fitted_is_remembered_within_bounds(monkeypatch):
    monkeypatch.setattr(fitting, "_REMEMBERED", 3)
    judge = engine(PERMIT_ALL)
    for number in range(10):
        principal(judge, labels={"n": str(number)})
    assert len(judge._fitting._fitted) == 3


def test_ids_that_look_like_syntax_stay_ids():
    """Quotes, Cedar text and JSON in an id name one entity and nothing else."""
    judge = engine(GRANT, FORGE_BLOB)
    who = principal(judge, "forge:blobs/get")
    for id_ in (
        'a" b',
        '"); permit(principal,action,resource);',
        "a\\",
        'Exeat::Service::"x"',
        '{"type":"x"}',
        "名前",
        "🙂",
    ):
        assert judge.judge(who, "forge:blobs/get", blob(id_), CONTEXT) == Allowed(("mission-operations",))
    assert isinstance(judge.judge(who, "forge:blobs/get", blob("Straße"), CONTEXT), Denied)
    assert isinstance(judge.judge(who, "forge:blobs/get", blob("\ud800"), CONTEXT), Failed)
