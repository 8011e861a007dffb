"""A resource has one spelling and all its parents, or the request is refused."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exeat.model.service import EntityUid, Group, Operation, ResourceType, Sensitivity, Service
from exeat.services.resources import compile_chains, id_captures, resource_for

SERVICE = Service(
    "github",
    "GitHub",
    ("api.github.com",),
    resources=(
        ResourceType("Repo", "{owner}/{repo}", "Org", fold=True, sensitivity=Sensitivity.HIGH, environment="prod"),
        ResourceType("Org", "{owner}", fold=True),
        ResourceType("File", "{owner}/{repo}/{path}", "Repo"),
    ),
)
CHAINS = compile_chains(SERVICE)
SERVICE_UID = EntityUid("Exeat::Service", "github")


def on(resource: str) -> Operation:
    return Operation("x", Group.READ, ("GET",), "/", resource)


def test_a_resource_carries_its_whole_chain_of_parents_and_its_own_attributes():
    found = resource_for(CHAINS, on("Repo"), {"owner": "Acme", "repo": "Site"})
    assert found.uid == EntityUid("GitHub::Repo", "acme/site")
    assert found.parents == (EntityUid("GitHub::Org", "acme"), SERVICE_UID)
    assert (found.environment, found.sensitivity) == ("prod", Sensitivity.HIGH)


def test_each_type_folds_its_own_id_only():
    found = resource_for(CHAINS, on("File"), {"owner": "Acme", "repo": "Site", "path": "Doc/A"})
    assert found.uid.id == "Acme/Site/Doc/A"
    assert found.parents[0].id == "acme/site"


def test_an_operation_without_a_resource_acts_on_the_service():
    found = resource_for(CHAINS, on(""), {"owner": "ignored"})
    assert (found.uid, found.parents) == (SERVICE_UID, ())


@pytest.mark.parametrize(
    ("resource", "operation", "expected"),
    [
        ("Repo", "critical", "critical"), ("Repo", "low", "high"), ("Repo", "normal", "high"), ("Org", "high", "high"),
        ("Org", "low", "normal"), ("", "critical", "critical"), ("", "low", "normal"),
    ],
)  # fmt: skip
def test_an_operation_only_ever_raises_how_much_its_resource_matters(resource, operation, expected):
    asked = replace(on(resource), sensitivity=Sensitivity(operation))
    assert resource_for(CHAINS, asked, {"owner": "a", "repo": "b"}).sensitivity is Sensitivity(expected)


@pytest.mark.parametrize(
    "owner",
    ["", "a\nb", "a\x00", "a\x7f", "a\u200db", "a\u202eb", "e\u0301", " a", "a ", "x" * 1025, "\ud800"],
    ids=["empty", "newline", "nul", "del", "joiner", "override", "nfd", "leading", "trailing", "long", "surrogate"],
)
def test_an_id_with_a_second_spelling_is_refused(owner):
    with pytest.raises(ValueError, match="the resource's id"):
        resource_for(CHAINS, on("Org"), {"owner": owner})


@pytest.mark.parametrize("owner", ["a b", "é", "日本", "a\\b", 'a"b', "{repo}", "{owner.__class__}"])
def test_an_odd_but_canonical_id_is_taken_literally(owner):
    assert resource_for(CHAINS, on("Org"), {"owner": owner}).uid.id == owner


@pytest.mark.parametrize(
    "template", ["", "{a}{b}", "{a}-{b}", "{a!r}", "{a.b}", "{a[0]}", "{0}", "{{a}}", "{a", "a}", "a b"]
)
def test_an_id_template_with_two_readings_is_refused(template):
    with pytest.raises(ValueError, match=r"\S"):
        id_captures(template)


def test_a_cycle_of_parents_is_refused():
    service = Service("s", "S", (), resources=(ResourceType("A", "a", "B"), ResourceType("B", "b", "A")))
    with pytest.raises(ValueError, match="lies in itself"):
        compile_chains(service)
