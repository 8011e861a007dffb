"""Every mistake in a service's table is named by its field."""

from __future__ import annotations

import pytest
from catalogue_kit import build, example, operations

from exeat.errors import ConfigurationError


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"name": "http"}, "service.http"),
        ({"name": "read"}, "service.read"),
        ({"name": "exeat"}, "service.exeat.namespace"),
        ({"name": "1api"}, "service.1api.namespace"),
        ({"namespace": "Exeat"}, "service.example.namespace"),
        ({"hosts": []}, "service.example.hosts"),
        ({"hosts": ["API.example.test"]}, "service.example.hosts[0]"),
        ({"hosts": ["ok.test", "*"]}, "service.example.hosts[1]"),
        ({"hosts": ["127.0.0.1"]}, "service.example.hosts[0]"),
        ({"hosts": ["a.test:443"]}, "service.example.hosts[0]"),
        ({"hosts": ["a.test", "a.test"]}, "service.example.hosts"),
        ({"ports": [0]}, "service.example.ports[0]"),
        ({"credential": None}, "service.example.credential"),
        ({"credential": {"in": "query"}}, "service.example.credential.name"),
        ({"credential": {"in": "query", "name": "k", "scheme": "B"}}, "service.example.credential.scheme"),
        ({"credential": {"in": "header", "scheme": "Bearer "}}, "service.example.credential.scheme"),
        ({"credential": {"in": "header", "name": "X Key"}}, "service.example.credential.name"),
        ({"credential": {"in": "header", "name": "Host"}}, "service.example.credential.name"),
        ({"credential": {"in": "header", "name": "Exeat-Agent"}}, "service.example.credential.name"),
        ({"credential": {"in": "header", "user": "u"}}, "service.example.credential.user"),
        ({"credential": {"in": "basic", "user": "a:b"}}, "service.example.credential.user"),
        ({"issuer": {"kind": "stored_key"}, "shared": None}, "service.example.issuer.kind"),
        ({"issuer": {"kind": "jwt"}, "hosts": ["*.example.test"]}, "service.example.issuer.audience"),
        ({"operation": operations(("GET /a", "read", "read"))}, "service.example.operation[0].action"),
        ({"operation": operations(("GET /a", "unlisted/x", "read"))}, "service.example.operation[0].action"),
        ({"operation": operations(("GET /a", "x", "read", "Nope"))}, "service.example.operation[0].resource"),
        ({"operation": operations(("GET /a", "x", "read", "Refund"))}, "service.example.operation[0].match"),
        ({"operation": operations(("BREW /a", "x", "read"))}, "service.example.operation[0].match"),
        ({"operation": operations(("TRACE /a", "x", "read"))}, "service.example.operation[0].match"),
        ({"operation": operations(("GET,GET /a", "x", "read"))}, "service.example.operation[0].match"),
        ({"operation": operations(("GET /a/{x}/../b", "x", "read"))}, "service.example.operation[0].match"),
        (
            {"operation": operations(("GET /a/{x}", "x", "read"), ("POST,GET /a/{y}", "y", "read"))},
            "service.example.operation[1].match",
        ),
        (
            {"operation": operations(("GET /a", "x", "read"), ("POST /a", "x", "write"))},
            "service.example.operation[1].action",
        ),
        ({"resource": [{"type": "Refund", "id": "{id}", "in": "Nope"}]}, "service.example.resource[0].in"),
        ({"resource": [{"type": "Refund", "id": "{id}", "in": "Refund"}]}, "service.example.resource[0].in"),
        ({"resource": [{"type": "Refund", "id": "{id}{x}"}]}, "service.example.resource[0].id"),
        ({"resource": [{"type": "Refund", "id": "{id}"}] * 2}, "service.example.resource[1].type"),
        (
            {
                "resource": [{"type": "Refund", "id": "{rest}/{id}"}],
                "operation": operations(("GET /a/{id}/{rest...}", "x", "read", "Refund")),
            },
            "service.example.operation[0].match",
        ),
    ],
)
def test_a_mistake_is_named_by_its_field(changes, field):
    with pytest.raises(ConfigurationError) as caught:
        build(example(**changes))
    assert [finding.field for finding in caught.value.findings] == [field]
    assert caught.value.exit_code == 2


def test_a_resource_needs_the_captures_of_its_parents_too():
    with pytest.raises(ConfigurationError, match=r"\{org\}"):
        build(
            example(
                resource=[{"type": "Org", "id": "{org}"}, {"type": "Refund", "id": "{id}", "in": "Org"}],
                operation=operations(("GET /a/{id}", "x", "read", "Refund")),
            )
        )
