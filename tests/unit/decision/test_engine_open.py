"""Sessions and ids at the door of the engine."""

from __future__ import annotations

import pytest
from engine_kit import CONTEXT, GRANT, PERMIT_ALL, blob, engine, principal

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
def test_a_session_that_does_not_fit_is_not_opened(changes, operations, groups):
    """Unknown operations, groups, templates, types and foreign missions are refused at open."""
    with pytest.raises(PolicyError):
        principal(engine(PERMIT_ALL), *operations, groups=groups, **changes)


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
