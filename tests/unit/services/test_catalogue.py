"""The catalogue is checked as a whole: every mistake is named at once, and nothing half-understood is compiled."""

from __future__ import annotations

import pytest

from exeat.config.settings import ServiceTable
from exeat.errors import ConfigurationError
from exeat.model.service import Grade, Group, IssuerSpec, PlaceKind, Sensitivity
from exeat.services.catalogue import build_catalogue, built_in

EXAMPLE = {
    "name": "example",
    "hosts": ["api.example.test"],
    "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
    "shared": {"source": "env:EXAMPLE_KEY", "retire_by": "2027-03-31"},
    "issuer": {"kind": "jwt", "audience": "https://api.example.test", "ttl": "60s"},
    "operation": [
        {"match": "POST /v1/refunds", "action": "refunds/create", "group": "write"},
        {"match": "GET,HEAD /v1/refunds/{id}", "action": "refunds/get", "group": "read", "resource": "Refund"},
    ],
    "resource": [{"type": "Refund", "id": "{id}", "sensitivity": "high"}],
}


def build(*tables):
    return build_catalogue([ServiceTable.model_validate(table) for table in tables])


def example(**changes):
    return EXAMPLE | changes


def operations(*rows):
    return [dict(zip(("match", "action", "group", "resource"), row, strict=False)) for row in rows]


def test_a_service_is_built_as_its_table_says():
    (service,) = build(EXAMPLE).services
    assert (service.name, service.namespace, service.ports) == ("example", "Example", (443,))
    assert service.credential is not None
    assert (service.credential.kind, service.credential.name) == (PlaceKind.HEADER, "authorization")
    assert service.issuer == IssuerSpec("jwt", 60.0, "https://api.example.test")
    assert service.operations[1].methods == ("GET", "HEAD")
    assert service.operations[0].scope == "refunds/create"
    assert service.resources[0].sensitivity is Sensitivity.HIGH
    assert service.foreign == "refuse"
    assert not service.unlisted


def test_a_shared_credential_without_an_issuer_is_kept_in_custody():
    (service,) = build(example(issuer=None)).services
    assert service.issuer == IssuerSpec("stored_key", 60.0)
    assert Grade.C == "C"


def test_basic_credentials_sit_in_the_authorization_header():
    (service,) = build(example(credential={"in": "basic", "user": "token"})).services
    assert service.credential is not None
    assert (service.credential.kind, service.credential.name, service.credential.user) == (
        PlaceKind.BASIC,
        "authorization",
        "token",
    )


def test_a_name_of_several_words_becomes_a_camel_case_namespace():
    assert build(example(name="my-own.api_v2")).services[0].namespace == "MyOwnApiV2"


def test_plain_http_without_ports_means_port_80_too():
    index = build(example(plain_http=True))
    assert index.for_host("api.example.test", 80) is index.for_host("api.example.test", 443)
    assert build(example(plain_http=True, ports=[8080])).for_host("api.example.test", 80) is None


def test_a_built_in_service_needs_only_its_name_and_each_given_field_replaces_it():
    (service,) = build(
        {"name": "github", "sensitivity": "high", "operation": operations(("GET /x", "x", "read"))}
    ).services
    assert service.namespace == "GitHub"
    assert service.sensitivity is Sensitivity.HIGH
    assert [operation.action for operation in service.operations] == ["x"]
    assert {kind.name for kind in service.resources} == {"Org", "Repo"}


def test_the_built_in_github_is_sound():
    index = build({"name": "github"})
    compiled = index.for_host("api.github.com", 443)
    assert compiled is not None
    matched = compiled.matcher.match("PUT", ("repos", "Acme", "Site", "pulls", "7", "merge"))
    assert matched is not None
    assert matched.operation.action == "pulls/merge"
    assert len(compiled.service.operations) >= 15
    assert compiled.service.issuer is None


def test_the_exact_host_wins_then_the_longest_suffix():
    index = build(
        example(name="one", hosts=["*.example.test"]),
        example(name="two", hosts=["*.eu.example.test"]),
        example(name="three", hosts=["a.eu.example.test"]),
    )

    def at(host, port=443):
        compiled = index.for_host(host, port)
        return compiled and compiled.service.name

    assert at("x.example.test") == "one"
    assert at("x.y.example.test") == "one"
    assert at("b.eu.example.test") == "two"
    assert at("a.eu.example.test") == "three"
    assert at("example.test") is None
    assert at("evilexample.test") is None
    assert at("x.example.test", 8443) is None


def test_patterns_expand_to_actions_and_unknown_ones_to_none():
    index = build(example(unlisted="strictest"))
    assert index.expand("example:refunds/create") == {"example:refunds/create"}
    assert index.expand("example:read") == {"example:refunds/get", "example:unlisted/read"}
    assert index.expand("example:admin") == {"example:unlisted/admin"}
    assert index.expand("example:delete") == frozenset()
    assert index.expand("example:*") == set(index.actions()) - {"http:read", "http:write", "http:delete"}
    assert index.expand("http:*") == {"http:read", "http:write", "http:delete"}
    assert index.expand("http:read") == {"http:read"}
    assert index.expand("write") == {"example:refunds/create", "http:write"}
    for unknown in ("example:nothing", "nothing:*", "*", "", "example", "http:admin"):
        assert index.expand(unknown) is None


def test_actions_know_their_service_group_and_type():
    info = build(EXAMPLE).actions()["example:refunds/get"]
    assert (info.service, info.group, info.resource_type) == ("example", Group.READ, "Example::Refund")


def test_an_unknown_service_is_not_built_in():
    assert built_in("no-such-service") is None


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


def test_every_mistake_is_reported_at_once():
    with pytest.raises(ConfigurationError) as caught:
        build(example(hosts=["X"], operation=operations(("GET //", "read", "read"))), example(name="http"))
    assert len(caught.value.findings) == 4  # host, action, template, reserved name


@pytest.mark.parametrize(
    ("other", "field"),
    [
        ({"name": "example"}, "service.example"),
        ({"name": "other"}, "service.other.hosts"),
        ({"name": "other", "namespace": "Example", "hosts": ["b.test"]}, "service.other.namespace"),
    ],
)
def test_two_services_never_share_a_name_a_host_or_a_namespace(other, field):
    with pytest.raises(ConfigurationError) as caught:
        build(EXAMPLE, example(**other))
    assert [finding.field for finding in caught.value.findings] == [field]


def test_a_resource_needs_the_captures_of_its_parents_too():
    with pytest.raises(ConfigurationError, match=r"\{org\}"):
        build(
            example(
                resource=[{"type": "Org", "id": "{org}"}, {"type": "Refund", "id": "{id}", "in": "Org"}],
                operation=operations(("GET /a/{id}", "x", "read", "Refund")),
            )
        )
