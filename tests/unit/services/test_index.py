"""A host finds its one service, a pattern its actions, and the unknown nothing."""

from __future__ import annotations

import pytest
from catalogue_kit import EXAMPLE, build, example

from exeat.model.service import Group, Service
from exeat.services import index as module
from exeat.services.index import index_services


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


def test_patterns_together_are_their_union_and_shared_by_who_wrote_alike(monkeypatch):
    index = build(EXAMPLE)
    both = index.expand_all(("example:read", "nobody:knows", "http:read"))
    assert both == index.expand("example:read") | index.expand("http:read")
    assert index.expand_all(("example:read", "nobody:knows", "http:read")) is both
    assert index.expand_all(()) == frozenset()
    monkeypatch.setattr(module, "_EXPANDED", 2)
    for number in range(10):
        assert index.expand_all((f"gone:{number}", "http:read")) == {"http:read"}
    assert len(index._expanded) <= 2


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


def test_a_claim_the_checks_missed_is_still_refused():
    one, two = (Service(name, name.title(), ("api.example.test",)) for name in ("one", "two"))
    with pytest.raises(ValueError, match="claim"):
        index_services([one, two])
