"""A request means one action on one resource, or it is refused."""

from __future__ import annotations

import pytest
from decision_world import request, services

from exeat.decision.classify import classify
from exeat.model.decision import Deny
from exeat.model.reason import Reason
from exeat.model.service import EntityUid


def meaning(method, target, host="api.example.test", **changes):
    return classify(request(method, target, host=host), services(**changes))


def test_a_listed_operation_has_its_action_resource_and_scope():
    found = meaning("GET", "/v1/refunds/r1")
    assert (found.action, found.scope) == ("example:refunds/get", "refunds/get")
    assert found.resource.uid == EntityUid("Example::Refund", "r1")
    assert found.resource.parents == (EntityUid("Exeat::Service", "example"),)
    assert meaning("POST", "/v1/refunds").scope == "refunds.write"


@pytest.mark.parametrize(
    ("method", "target"),
    [("DELETE", "/v1/refunds/r1"), ("GET", "/v1/refunds/r1/"), ("GET", "/v1/Refunds/r1"), ("GET", "/"), ("GET", "/v1/refunds/r%CC%81"),
     ("GET", "/v1/refunds/r1%20")],
)  # fmt: skip
def test_what_is_not_listed_or_has_no_plain_resource_is_unknown(method, target):
    verdict = meaning(method, target)
    assert isinstance(verdict, Deny)
    assert (verdict.reason, verdict.question.service) == (Reason.OPERATION_UNKNOWN, "example")


@pytest.mark.parametrize(
    ("method", "action"),
    [
        ("GET", "read"),
        ("HEAD", "read"),
        ("OPTIONS", "read"),
        ("POST", "admin"),
        ("PUT", "admin"),
        ("PATCH", "admin"),
        ("DELETE", "admin"),
    ],
)
def test_a_service_may_take_unlisted_requests_at_their_strictest(method, action):
    found = meaning(method, "/elsewhere", unlisted="strictest")
    assert found.action == f"example:unlisted/{action}"
    assert found.resource.uid == EntityUid("Exeat::Service", "example")


def test_a_listed_request_whose_resource_cant_be_told_is_never_taken_as_unlisted():
    verdict = meaning("GET", "/v1/refunds/r1%20", unlisted="strictest")
    assert isinstance(verdict, Deny)


@pytest.mark.parametrize(
    ("method", "action"),
    [("GET", "http:read"), ("HEAD", "http:read"), ("OPTIONS", "http:read"), ("DELETE", "http:delete"), ("POST", "http:write"),
     ("PUT", "http:write"), ("PATCH", "http:write")],
)  # fmt: skip
def test_a_host_without_a_service_is_known_by_its_name(method, action):
    found = meaning(method, "/any", host="www.example.test")
    assert (found.service, found.action) == (None, action)
    assert (found.resource.uid, found.resource.parents) == (EntityUid("Exeat::Host", "www.example.test"), ())


@pytest.mark.parametrize("target", ["/v1%2frefunds%2Fr1", "/v1/refunds%2Fr1", "/v1/refunds/r%2F1"])
def test_an_encoded_slash_is_refused_where_no_service_says_how_it_reads_one(target):
    for host in ("api.example.test", "unknown.example.test"):
        verdict = classify(request(target=target, host=host), services())
        assert isinstance(verdict, Deny)
        assert verdict.reason is Reason.REQUEST_MALFORMED


def test_an_encoded_slash_means_what_the_service_reads_it_as():
    index = services(encoded_slash="separator")
    plain = classify(request(target="/v1/refunds/r1"), index)
    assert classify(request(target="/v1%2frefunds%2Fr1"), index) == plain
    assert isinstance(classify(request(target="/v1/refunds/r%2F1"), index), Deny)
