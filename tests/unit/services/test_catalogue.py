"""The catalogue is checked as a whole: every mistake is named at once, and nothing half-understood is compiled."""

from __future__ import annotations

import pytest
from catalogue_kit import EXAMPLE, build, example, operations

from exeat.errors import ConfigurationError
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.issuing.jwt import SignedToken
from exeat.model.service import PlaceKind, Sensitivity
from exeat.services.catalogue import built_in


def test_a_service_is_built_as_its_table_says():
    (service,) = build(EXAMPLE).services
    assert (service.name, service.namespace, service.ports) == ("example", "Example", (443,))
    assert service.credential is not None
    assert (service.credential.kind, service.credential.name) == (PlaceKind.HEADER, "authorization")
    assert service.issuer == IssuerSpec("jwt", 60.0, "https://api.example.test", SignedToken("access"), Grade.A)
    assert service.operations[1].methods == ("GET", "HEAD")
    assert service.operations[0].scope == "refunds/create"
    assert service.resources[0].sensitivity is Sensitivity.HIGH
    assert service.foreign == "refuse"
    assert not service.unlisted


@pytest.mark.parametrize(
    ("service", "resource", "expected"),
    [
        (None, None, "normal"), (None, "low", "low"), (None, "critical", "critical"), ("critical", None, "critical"),
        ("critical", "low", "critical"), ("low", "high", "high"), ("low", None, "low"), ("normal", "low", "normal"),
    ],
)  # fmt: skip
def test_of_what_is_said_about_a_resource_the_highest_holds(service, resource, expected):
    told = {} if service is None else {"sensitivity": service}
    kind = {"type": "Refund", "id": "{id}"} | ({} if resource is None else {"sensitivity": resource})
    (built,) = build(example(resource=[kind], **told)).services
    assert built.resources[0].sensitivity is Sensitivity(expected)


def test_a_shared_credential_without_an_issuer_is_kept_in_custody():
    (service,) = build(example(issuer=None)).services
    assert service.issuer == IssuerSpec("stored_key", 60.0, grade=Grade.C)


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
        {
            "name": "github",
            "sensitivity": "high",
            "operation": [{"match": "*", "remove": True}, *operations(("GET /x", "x", "read"))],
        }
    ).services
    assert service.namespace == "GitHub"
    assert service.sensitivity is Sensitivity.HIGH
    assert [operation.action for operation in service.operations] == ["x"]
    assert {kind.name for kind in service.resources} >= {"Org", "Repo"}


def test_the_built_in_github_is_sound():
    index = build({"name": "github"})
    compiled = index.for_host("api.github.com", 443)
    assert compiled is not None
    matched = compiled.matcher.match("PUT", ("repos", "Acme", "Site", "pulls", "7", "merge"))
    assert matched is not None
    assert matched.operation.action == "pulls/merge"
    assert len(compiled.service.operations) >= 15
    assert compiled.service.issuer is None


def test_an_unknown_service_is_not_built_in():
    assert built_in("no-such-service") is None


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
