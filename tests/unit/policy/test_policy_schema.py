"""The schema is complete, strict, and a site's additions can't make the engine blind."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exeat.model.service import Group, Operation, ResourceType
from exeat.policy.schema import build_schema
from exeat.policy.values import SchemaNames

APPLIES = "appliesTo {{ principal: [Exeat::Session], resource: [{}], context: Exeat::Context }}"
TEAM = "namespace Forge { entity Team in [Org, Exeat::Service] { environment: Exeat::Environment, sensitivity: Exeat::Sensitivity }; }\n"


def test_every_operation_is_a_leaf_in_its_groups(forge, names):
    """Leaf actions carry all their groups, one resource type and the parents it needs."""
    schema, findings = build_schema([forge], names)
    assert findings == []
    assert set(schema.actions) == {
        *("http:read", "http:write", "http:delete"),
        *("forge:issues/list", "forge:issues/create", "forge:user/get", "forge:unlisted/read", "forge:unlisted/admin"),
    }
    leaf = schema.actions["forge:issues/create"]
    assert leaf.groups == {"forge:write", "forge:*", "write"}
    assert (leaf.resource_type, leaf.service) == ("Forge::Repo", "forge")
    assert leaf.parent_types == {"Forge::Org", "Exeat::Service"}
    assert schema.actions["http:delete"].groups == {"http:*", "delete"}
    assert schema.actions["http:delete"].parent_types == frozenset()
    assert schema.actions["forge:unlisted/admin"].resource_type == "Exeat::Service"
    assert schema.folded == {"Forge::Org", "Forge::Repo"}


def test_all_four_groups_exist_for_every_service(forge, names):
    """A policy may speak of a group that no operation is in yet."""
    schema, _ = build_schema([forge], names)
    for group in Group:
        assert f'action "forge:{group}" in [Action::"forge:*", Action::"{group}"];' in schema.text


def test_the_schema_is_the_same_every_time(forge, names):
    """Replicas with one configuration have one schema text."""
    assert build_schema([forge], names)[0].text == build_schema([forge], names)[0].text


def test_empty_lists_of_names_still_make_a_schema():
    """Without any configured name the enumerations hold one that nothing has."""
    schema, findings = build_schema([], SchemaNames())
    assert findings == []
    assert 'entity Group enum ["none"]' in schema.text
    assert 'entity Environment enum ["any", "none"]' in schema.text


def test_names_with_quotes_stay_names(names):
    """A name is quoted, never pasted."""
    schema, findings = build_schema([], replace(names, groups=frozenset({'a"]; entity X; //', "b\n"})))
    assert findings == []
    assert "entity X" not in schema.text.replace('\\"]; entity X', "")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"namespace": "Exeat"}, "namespace"),
        ({"namespace": "forge"}, "namespace"),
        ({"environment": "prd"}, "'prd' is no environment"),
        ({"resources": (ResourceType("Org", "x", environment="prd"),)}, "'prd' is no environment"),
        ({"resources": (ResourceType("repo", "x"),)}, "proper name"),
        ({"resources": (ResourceType("A", "x", parent="B"), ResourceType("B", "x", parent="A"))}, "chain"),
        ({"resources": (ResourceType("A", "x", parent="Gone"),)}, "chain"),
        ({"operations": (Operation("x", Group.READ, ("GET",), "/", resource="Gone"),)}, "unknown resource"),
        (
            {"operations": (Operation("x", Group.READ, ("GET",), "/a"), Operation("x", Group.WRITE, ("POST",), "/a"))},
            "means two things",
        ),
        ({"operations": (Operation("read", Group.READ, ("GET",), "/a"),)}, "declared twice"),
    ],
)
def test_a_service_that_makes_no_sense_is_a_finding(forge, names, changes, message):
    """Whatever can't be said in a schema is refused with the service's name."""
    schema, findings = build_schema([replace(forge, **changes)], names)
    assert schema is None
    assert any(message in finding.message for finding in findings), findings


def test_two_services_can_not_share_a_namespace(forge, names):
    """Resource types of one service belong to no other."""
    schema, findings = build_schema([forge, replace(forge, name="other")], names)
    assert schema is None
    assert "another service's" in findings[0].message


def test_a_site_can_add_types_and_actions_to_a_generated_namespace(forge, names):
    """Additions are merged by namespace, comments and annotations included, and get their groups."""
    site = (
        '// ours; really\n@doc("a; namespace")\n'
        + TEAM
        + '@doc("b")\naction "forge:teams/read" in [Action::"forge:read"] '
        + APPLIES.format("Forge::Team")
        + "; // end"
    )
    schema, findings = build_schema([forge], names, site, "schema.cedarschema")
    assert findings == []
    leaf = schema.actions["forge:teams/read"]
    assert leaf.groups == {"forge:read", "forge:*", "read"}
    assert leaf.parent_types == {"Forge::Org", "Exeat::Service"}


@pytest.mark.parametrize(
    ("site", "message", "place"),
    [
        ("entity A in [Nope];", "Nope", (1, 14)),
        ("\nentity A;\n  entity A;", "declared twice", (2, 8)),
        ("entity ;", "unexpected token", (1, 8)),
        ("namespace Forge {\n entity Repo;\n}", "declared twice", (2, 9)),
        ("namespace Forge { entity X;", "unexpected end", (1, 28)),
        ("entity A", "unexpected end", (1, 9)),
        ("namespace Exeat { type Context = {}; }", "declared twice", (1, 24)),
        ('action "forge:x" ' + APPLIES.format("Forge::Repo") + ";", "exactly one of the groups", (1, 8)),
        ('action "forge:x" in [Action::"read"] ' + APPLIES.format("Forge::Repo") + ";", 'in Action::"forge:*"', (1, 8)),
        (
            'action "forge:x" in [Action::"forge:read", Action::"write"] ' + APPLIES.format("Forge::Repo") + ";",
            "exactly one of",
            (1, 8),
        ),
        (
            'action "forge:x" in [Action::"forge:read"] ' + APPLIES.format("Forge::Repo, Forge::Org") + ";",
            "one resource type",
            (1, 8),
        ),
        ('action "forge:x" in [Action::"forge:read"] ' + APPLIES.format("Exeat::Agent") + ";", "attributes", (1, 8)),
        (
            'action "forge:x" in [Action::"forge:read"] appliesTo { principal: [Exeat::Agent], resource: [Forge::Repo], context: Exeat::Context };',
            "its principal",
            (1, 8),
        ),
        (
            'action "forge:x" in [Action::"forge:read"] appliesTo { principal: [Exeat::Session], resource: [Forge::Repo], context: {} };',
            "its context",
            (1, 8),
        ),
        (
            TEAM.replace("sensitivity:", "sensitivity?:")
            + 'action "forge:x" in [Action::"forge:read"] '
            + APPLIES.format("Forge::Team")
            + ";",
            "both required",
            (2, 8),
        ),
        (
            TEAM.replace(" in [Org, Exeat::Service]", "")
            + 'action "forge:x" in [Action::"forge:read"] '
            + APPLIES.format("Forge::Team")
            + ";",
            "has to be in Exeat::Service",
            (2, 8),
        ),
        (
            TEAM.replace("; }", " tags String; }")
            + 'action "forge:x" in [Action::"forge:read"] '
            + APPLIES.format("Forge::Team")
            + ";",
            "just the attributes",
            (2, 8),
        ),
        ('namespace Forge { action "x"; }', "actions stand outside", (0, 0)),
        ("namespace Forge { entity X { who: Exeat::Session }; }", "can't stand without", (0, 0)),
    ],
)
def test_an_addition_that_would_blind_the_engine_is_refused(forge, names, site, message, place):
    """Additions obey the same rules as what is generated; a fault is found in the site's file."""
    schema, findings = build_schema([forge], names, site, "schema.cedarschema")
    assert schema is None
    assert message in findings[0].message, findings
    assert findings[0].file == "schema.cedarschema"
    assert (findings[0].line, findings[0].column) == place


def test_a_site_schema_is_read_from_the_folder(findings):
    """Policies may use what the site's schema adds, and can't without it."""
    policy = '@id("x") permit (principal, action == Action::"forge:teams/read", resource in Forge::Org::"acme");'
    assert any("teams/read" in finding.message for finding in findings(policy))
    site = TEAM + 'action "forge:teams/read" in [Action::"forge:read"] ' + APPLIES.format("Forge::Team") + ";"
    assert findings(policy, site) == []


def test_an_addition_that_changes_the_meaning_of_core_words_is_noticed(findings):
    """A site type that shadows a core one can't slip through: the canaries no longer get their answers."""
    assert any(not finding.warning for finding in findings("", "namespace Exeat { type String = Long; }"))
