"""What is unwise or unfinished in a service is found, and only that; the built-in services are clean."""

from __future__ import annotations

import pytest
from test_builtin_services import NAMES, table

from exeat.config.tables.service import ServiceTable
from exeat.services.lint import lint_service

SOUND = {
    "name": "acme",
    "hosts": ["api.acme.test"],
    "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
    "attainable": {"issuer": "stored_key", "grade": "C", "setup": "a key"},
    "refusal": "json",
    "resource": [{"type": "Thing", "id": "{thing}"}],
    "operation": [
        {"match": "GET /things/{thing}", "action": "things/get", "group": "read", "resource": "Thing"},
        {"match": "PUT /things/{thing}", "action": "things/put", "group": "write", "resource": "Thing"},
    ],
    "example": [
        {"request": "GET /things/1", "action": "things/get", "resource": 'Acme::Thing::"1"'},
        {"request": "PUT /things/1", "action": "things/put", "resource": 'Acme::Thing::"1"'},
        {"request": "GET /", "refused": "operation_unknown"},
    ],
}


def rules(**changes):
    return {each.key for each in lint_service(ServiceTable.model_validate(SOUND | changes))}


def more(match, group, **fields):
    return {"operation": [*SOUND["operation"], {"match": match, "action": "it", "group": group} | fields]}


@pytest.mark.parametrize("name", NAMES)
def test_the_built_in_services_are_clean(name):
    found = {each.key for each in lint_service(table(name))}
    if name.startswith("aws-"):  # their credential is a signature
        found -= {"no-credential", "no-issuer", "no-example:delete", "no-example:admin"}
    assert found == set()


def test_a_sound_service_has_no_findings():
    assert rules() == set()


@pytest.mark.parametrize(
    ("changes", "rule"),
    [
        ({"credential": None}, "no-credential"),
        ({"credential": {"in": "query", "name": "key"}}, "query-credential"),
        ({"attainable": None}, "no-issuer"),
        ({"unlisted": "strictest"}, "unlisted"),
        ({"resource": []}, "no-resource"),
        ({"example": SOUND["example"][:2]}, "no-example:refused"),
        ({"example": SOUND["example"][1:]}, "no-example:read"),
        (more("POST /search", "read"), "write-as-read:it"),
        (more("DELETE /things/{thing}", "write"), "delete-as-write:it"),
        (more("POST /things/{thing}/permissions", "write"), "rights:it"),
        (more("PUT /things/{thing}/members/{user}", "write"), "rights:it"),
        (more("GET /things/{thing}/secrets", "read"), "secrets:it"),
        (more("POST /access_tokens", "write"), "secrets:it"),
        (more("POST /$batch", "write"), "unread-batch:it"),
        (more("POST /things:batch", "write"), "unread-batch:it"),
        (more("POST /admin", "admin"), "admin-sensitivity:it"),
        ({"lint": {"write-as-read": "no reason"}}, "stale-excuse"),
    ],
)
def test_a_rule_finds_what_it_is_for(changes, rule):
    assert rule in rules(**changes)


def test_a_refusal_form_has_to_be_said():
    assert {
        each.key
        for each in lint_service(ServiceTable.model_validate({k: v for k, v in SOUND.items() if k != "refusal"}))
    } == {"no-refusal"}


def test_an_excuse_with_its_reason_is_taken_for_one_action_only():
    two = [
        *SOUND["operation"],
        {"match": "POST /search", "action": "search", "group": "read"},
        {"match": "POST /count", "action": "count", "group": "read"},
    ]
    excuse = {"write-as-read:search": "a search"}
    assert rules(operation=two, lint=excuse) == {"write-as-read:count"}
