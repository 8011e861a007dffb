"""What a site gives is laid over a built-in service field by field."""

from __future__ import annotations

import pytest
from catalogue_kit import build

from exeat.errors import ConfigurationError
from exeat.model.service import Group, Sensitivity


def gitlab(**given):
    (service,) = build({"name": "gitlab"} | given).services
    return service


def operations(service, action):
    return [each for each in service.operations if each.action == action]


BUILT_IN = gitlab()


def test_an_operation_named_by_its_match_changes_only_what_is_given():
    changed = gitlab(operation=[{"match": "DELETE /api/v4/projects/{project}", "group": "delete"}])
    (there,), (now,) = operations(BUILT_IN, "projects/delete"), operations(changed, "projects/delete")
    assert (there.group, now.group) == (Group.ADMIN, Group.DELETE)
    assert (now.resource, now.scope, now.sensitivity) == ("Project", there.scope, Sensitivity.CRITICAL)
    assert len(changed.operations) == len(BUILT_IN.operations)


def test_an_operation_named_by_its_action_changes_wherever_it_stands():
    changed = gitlab(operation=[{"action": "members/list", "scope": "read_members"}])
    assert {each.scope for each in operations(changed, "members/list")} == {"read_members"}
    assert len(operations(changed, "members/list")) == len(operations(BUILT_IN, "members/list")) == 2


def test_the_methods_of_a_match_are_a_set():
    (service,) = build(
        {
            "name": "gmail",
            "operation": [{"match": "PATCH,PUT /gmail/v1/users/{mailbox}/labels/{label}", "group": "admin"}],
        }
    ).services
    assert {each.group for each in operations(service, "labels/update")} == {Group.ADMIN}


@pytest.mark.guard("change-one-operation")
def test_one_of_several_selects_is_changed_alone():
    change = {"match": "POST /graphql", "select": "mutation:issueArchive", "group": "delete"}
    (service,) = build({"name": "linear", "operation": [change]}).services
    assert [each.group for each in operations(service, "issues/archive")] == [Group.DELETE]
    assert [each.group for each in operations(service, "issues/update")] == [Group.WRITE]


def test_operations_are_removed_and_added():
    new = {"match": "GET /api/v4/metadata", "action": "meta/metadata", "group": "read"}
    changed = gitlab(operation=[{"action": "projects/delete", "remove": True}, new])
    assert operations(changed, "projects/delete") == []
    assert len(operations(changed, "meta/metadata")) == 1
    alone = gitlab(operation=[{"match": "*", "remove": True}, new])
    assert [each.action for each in alone.operations] == ["meta/metadata"]


def test_a_resource_is_changed_by_its_type():
    (kind,) = [
        each
        for each in gitlab(resource=[{"type": "Project", "sensitivity": "critical"}]).resources
        if each.name == "Project"
    ]
    assert (kind.id, kind.fold, kind.sensitivity) == ("{project}", True, Sensitivity.CRITICAL)


def test_a_credential_without_in_changes_the_built_in_place():
    (service,) = build({"name": "twilio", "credential": {"user": "AC1"}}).services
    assert service.credential is not None
    assert (service.credential.kind, service.credential.user) == ("basic", "AC1")
    (other,) = build({"name": "twilio", "credential": {"in": "header", "name": "X-Key"}}).services
    assert other.credential is not None
    assert (other.credential.name, other.credential.user) == ("x-key", None)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"action": "nope", "group": "read"}, "operation[1].match"),
        ({"match": "GET /nope", "group": "read"}, "operation[1].action"),
        ({"match": "GET /nope", "remove": True}, "operation[1]"),
        ({"match": "*", "group": "read"}, "operation[1].remove"),
        ({"match": "GET /api/v4/projects/{project}", "resource": "Nope"}, "operation[1].resource"),
    ],
)
def test_a_change_that_meets_nothing_is_named_by_its_place_in_the_sites_file(change, field):
    with pytest.raises(ConfigurationError) as caught:
        gitlab(operation=[{"action": "meta/version", "group": "read"}, change])
    assert f"service.gitlab.{field}" in [finding.field for finding in caught.value.findings]
