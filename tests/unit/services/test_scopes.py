"""Scopes by path: which rule is meant, and what the built-in GitHub services say."""

from __future__ import annotations

import pytest

from exeat.config.tables.service import ScopeTable
from exeat.services.catalogue import build_catalogue, built_in
from exeat.services.scopes import ScopesByPath

RULES = ScopesByPath(
    ScopeTable(path=path, read=read, write=write)
    for path, read, write in (
        ("/a", "exact", ""),
        ("/a/*", "below", "change"),
        ("/a/{x}/b", "named", ""),
        ("/a/{x}/{y}", "any", "deep"),
        ("/a/{x}/b/*", "further", ""),
    )
)


@pytest.mark.parametrize(
    ("method", "template", "word"),
    [
        ("GET", "/a", "exact"), ("POST", "/a", "change"), ("GET", "/a/c", "below"), ("GET", "/a/{id}/b", "named"),
        ("HEAD", "/a/{id}/c?x=1", "any"), ("PUT", "/a/{id}/b", "deep"), ("GET", "/a/{id}/b/c", "further"),
        ("GET", "/ab", ""), ("GET", "/", ""), ("DELETE", "/a/1/2/3", "change"),
    ],
)  # fmt: skip
def test_the_most_specific_rule_counts(method, template, word):
    """The longest path that has a word for the method; of two as long, the one that ends there or names the segment."""
    assert RULES.of([method], template) == word


@pytest.mark.parametrize(
    ("service", "action", "scope"),
    [
        ("github", "issues/create", "issues:write"),
        ("github", "repos/get-content", "contents:read"),
        ("github", "pulls/merge", "contents:write"),
        ("github", "repos/delete", "administration:write"),
        ("github", "graphql/query", "graphql/query"),
        ("github-git", "git/fetch", "contents:read"),
        ("github-git", "git/push", "contents:write"),
        ("github-git", "git/push-update", "contents:write"),
        ("github-raw", "files/get", "contents:read"),
        ("github-uploads", "releases/upload-asset", "contents:write"),
    ],
)
def test_what_an_app_needs_on_github(service, action, scope):
    """Spot checks against GitHub's page of permissions."""
    (found,) = build_catalogue([built_in(service)]).services
    assert {each.scope for each in found.operations if each.action == action} == {scope}
