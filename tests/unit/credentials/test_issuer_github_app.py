"""What a token must open, read from a request; and whether what GitHub answers is that. No network."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.credentials.github.granted import check_granted_token
from exeat.credentials.github.wanted import LEVELS, Wanted, wanted_by
from exeat.errors import RefusalError
from exeat.model.issuing.github_app import GitHubApp
from exeat.model.reason import Reason
from exeat.model.service import EntityUid
from unit.credentials.requests_kit import REQUEST

APP = GitHubApp("Iv1", "env:KEY", "https://api.github.com", permissions={"graphql/query": "contents:read issues:read"})
WANTED = Wanted("acme", frozenset({"site"}), {"issues": "write"})
NOW = 1_800_000_000.0
ANSWER = {
    "token": "ghs_1_" + "x" * 900, "expires_at": "2027-01-15T09:00:00Z", "permissions": {"issues": "write", "metadata": "read"},
    "repository_selection": "selected", "repositories": [{"full_name": "Acme/Site"}],
}  # fmt: skip


def asking(resource, scope="issues:write"):
    return replace(REQUEST, resource=resource, scope=scope)


def test_the_resource_names_the_repository():
    """A branch lies in its repository; several of one owner are asked for together; permissions add up to the highest."""
    both = asking(
        'GitHubGit::Ref::"acme/site/refs/heads/a b" GitHub::Repo::"acme/docs"',
        "contents:read contents:write issues:read",
    )
    assert wanted_by(both, APP) == Wanted("acme", frozenset({"site", "docs"}), {"contents": "write", "issues": "read"})
    mapped = wanted_by(asking('GitHub::Repo::"acme/site"', "graphql/query"), APP)
    assert mapped.permissions == {"contents": "read", "issues": "read"}
    assert wanted_by(asking('GitHub::Org::"acme"', "members:read"), APP) == Wanted(
        "acme", frozenset(), {"members": "read"}
    )


@pytest.mark.parametrize(
    ("resource", "scope"),
    [
        ('GitHub::Repo::"acme/site" GitHub::Repo::"other/site"', "issues:read"),
        ('GitHub::Repo::"acme"', "issues:read"),
        ('GitHub::Repo::"acme/site"', "issues/create"),
        ('GitHub::Repo::"acme/site"', ""),
        ('GitHub::Org::"acme"', "issues:read"),
        ('Exeat::Service::"github"', "contents:read"),
        ('GitHub::Gist::"acme/site"', "contents:read"),
        ('GitHub::Repo::"acme/site" GitHub::Org::"acme"', "contents:read"),
        ('GitHub::Repo::"acme/site', "issues:read"),
        ("", "issues:read"),
    ],
)
def test_what_cant_be_narrowed_gets_no_token(resource, scope):
    """Two owners, no repository, an unknown permission, or one that would hold for all repositories."""
    with pytest.raises(RefusalError) as refused:
        wanted_by(asking(resource, scope), APP)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


@given(st.text(min_size=1, max_size=40), st.text(min_size=1, max_size=40))
def test_no_id_is_read_as_another_repository(owner, name):
    """However an id is spelled: either it is refused, or what is asked for is exactly its first two parts."""
    try:
        wanted = wanted_by(asking(str(EntityUid("GitHub::Repo", f"{owner}/{name}"))), APP)
    except RefusalError:
        return
    assert [wanted.owner, *wanted.repositories] == [part.lower() for part in f"{owner}/{name}".split("/")[:2]]


def changed(**fields):
    return {name: value for name, value in {**ANSWER, **fields}.items() if value is not None}


@pytest.mark.guard("github-granted-repositories")
@pytest.mark.guard("github-permissions")
@pytest.mark.parametrize(
    "fields",
    [
        {"repository_selection": "all"},
        {"repositories": [{"full_name": "acme/site"}, {"full_name": "acme/other"}]},
        {"repositories": [{"full_name": "other/site"}]},
        {"repositories": [{}]},
        {"repositories": []},
        {"repositories": None},
        {"permissions": {"issues": "admin"}},
        {"permissions": {"issues": "write", "contents": "read"}},
        {"permissions": {"metadata": "write"}},
        {"permissions": {"issues": "everything"}},
        {"permissions": None},
        {"expires_at": "2027-01-15T10:00:00Z"},
        {"expires_at": "2027-01-15T09:00:00"},
        {"expires_at": "soon"},
        {"expires_at": None},
    ],
)
def test_a_wider_or_unclear_grant_is_too_wide(fields):
    """Another repository, a higher permission, a longer life, or not saying."""
    with pytest.raises(RefusalError) as refused:
        check_granted_token(changed(**fields), WANTED, sent=NOW, now=NOW)
    assert refused.value.reason is Reason.TOKEN_TOO_WIDE


@pytest.mark.parametrize(
    "fields", [{"token": None}, {"token": ""}, {"token": "a b"}, {"expires_at": "2026-01-15T09:00:00Z"}]
)
def test_no_token_or_a_dead_one_is_none(fields):
    """Nothing that could be sent."""
    with pytest.raises(RefusalError) as refused:
        check_granted_token(changed(**fields), WANTED, sent=NOW, now=NOW)
    assert refused.value.reason is Reason.TOKEN_UNAVAILABLE


@given(st.sampled_from(LEVELS), st.sampled_from(LEVELS))
def test_a_level_includes_those_below_it_and_no_other(asked, granted):
    """What comes may be less than what was asked, never more."""
    wanted = Wanted("acme", frozenset({"site"}), {"issues": asked})
    answer = changed(permissions={"issues": granted})
    if LEVELS.index(granted) <= LEVELS.index(asked):
        assert check_granted_token(answer, wanted, sent=NOW, now=NOW).expires_at == NOW + 3600
    else:
        with pytest.raises(RefusalError):
            check_granted_token(answer, wanted, sent=NOW, now=NOW)
