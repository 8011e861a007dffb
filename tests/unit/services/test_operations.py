"""Path templates find exactly one operation, or none."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.model.service import Group, Operation
from exeat.services.operations import METHODS, Matcher, unlisted_group
from exeat.services.templates import parse_template


def operation(action: str, template: str, *methods: str) -> Operation:
    return Operation(action, Group.READ, methods or ("GET",), template)


MATCHER = Matcher(
    [
        operation("root", "/"),
        operation("list", "/v1/refunds"),
        operation("create", "/v1/refunds", "POST"),
        operation("get", "/v1/refunds/{id}"),
        operation("latest", "/v1/refunds/latest"),
        operation("lines", "/v1/refunds/{id}/lines"),
        operation("tree", "/v1/files/{path...}"),
        operation("readme", "/v1/files/{name}/readme"),
        operation("slashed", "/v1/slashed/"),
    ]
)


@pytest.mark.parametrize(
    ("method", "segments", "action", "captures"),
    [
        ("GET", (), "root", {}),
        ("GET", ("v1", "refunds"), "list", {}),
        ("HEAD", ("v1", "refunds"), "list", {}),
        ("POST", ("v1", "refunds"), "create", {}),
        ("GET", ("v1", "refunds", "r1"), "get", {"id": "r1"}),
        ("GET", ("v1", "refunds", "latest"), "latest", {}),
        ("GET", ("v1", "refunds", "latest", "lines"), "lines", {"id": "latest"}),
        ("GET", ("v1", "files", "a"), "tree", {"path": "a"}),
        ("GET", ("v1", "files", "a", "b", "c"), "tree", {"path": "a/b/c"}),
        ("GET", ("v1", "files", "a", "readme"), "readme", {"name": "a"}),
        ("GET", ("v1", "files", "readme", "b"), "tree", {"path": "readme/b"}),
        ("GET", ("v1", "slashed", ""), "slashed", {}),
    ],
)
def test_the_most_literal_template_wins(method, segments, action, captures):
    matched = MATCHER.match(method, segments)
    assert matched is not None
    assert (matched.operation.action, matched.captures) == (action, captures)


@pytest.mark.parametrize(
    ("method", "segments"),
    [
        ("DELETE", ("v1", "refunds")),
        ("HEAD", ("v1", "nothing")),
        ("POST", ("v1", "refunds", "r1")),
        ("GET", ("V1", "refunds")),
        ("GET", ("v1", "refunds", "")),
        ("GET", ("v1", "refunds", "r1", "")),
        ("GET", ("v1", "files")),
        ("GET", ("v1", "files", "")),
        ("GET", ("v1", "files", "a", "")),
        ("GET", ("v1", "slashed")),
        ("GET", ("v1", "refunds", "r1", "lines", "more")),
    ],
)
def test_a_path_no_template_describes_has_no_operation(method, segments):
    """Another case, a trailing slash, a part more or less: none of it is close enough."""
    assert MATCHER.match(method, segments) is None


def test_head_has_its_own_operation_where_one_is_listed():
    matcher = Matcher([operation("get", "/a"), operation("probe", "/a", "HEAD")])
    matched = matcher.match("HEAD", ("a",))
    assert matched is not None
    assert matched.operation.action == "probe"


@pytest.mark.parametrize(
    "template",
    [
        "v1",
        "",
        "//",
        "/a//b",
        "/a/{rest...}/b",
        "/a/{id}/{id}",
        "/a/x{id}",
        "/a/{id}json",
        "/a/{id}.json.gz",
        "/a/{id}-{x}",
        "/a/@{rest...}",
        "/a/{ID}",
        "/a/{}",
        "/a/{0}",
        "/a/%2f",
        "/a/b?c=",
        "/a/b#c",
        "/a/b;c",
        "/a/..",
        "/a/./b",
        "/a/b c",
        "/a\\b",
        "/é",
        "/" + "a/" * 40,
    ],
)
def test_a_template_that_could_be_misread_is_refused(template):
    with pytest.raises(ValueError, match=r"\S"):
        parse_template(template)


@pytest.mark.parametrize(("first", "second"), [("/a/{x}", "/a/{y}"), ("/a/{x...}", "/a/{y...}"), ("/a", "/a")])
def test_two_templates_of_one_shape_are_refused(first, second):
    with pytest.raises(ValueError, match="same shape"):
        Matcher([operation("one", first), operation("two", second)])


@pytest.mark.parametrize("method", sorted(METHODS))
def test_an_unlisted_request_is_read_or_else_admin(method):
    expected = Group.READ if method in ("GET", "HEAD", "OPTIONS") else Group.ADMIN
    assert unlisted_group(method) is expected


SEGMENT = st.text(alphabet="ab", min_size=1, max_size=2)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.lists(st.one_of(SEGMENT, st.sampled_from(["{x}", "{y}", "{z}"])), max_size=4), max_size=6),
    st.lists(SEGMENT, max_size=4),
)
def test_the_trie_agrees_with_trying_every_template(templates, segments):
    """What matches is what some template literally describes, and nothing is missed."""
    texts = {}
    for parts in templates:
        named = [f"{{c{n}}}" if part.startswith("{") else part for n, part in enumerate(parts)]
        texts["/" + "/".join(named)] = named
    matched = Matcher([operation(text, text) for text in texts]).match("GET", tuple(segments))
    fitting = [
        text
        for text, parts in texts.items()
        if len(parts) == len(segments)
        and all(part.startswith("{") or part == got for part, got in zip(parts, segments, strict=True))
    ]
    assert (matched is None) == (not fitting)
    if matched is not None:
        assert matched.operation.template in fitting
        filled = [matched.captures.get(part[1:-1], part) for part in texts[matched.operation.template]]
        assert filled == segments


GIT = Matcher(
    [
        operation("fetch", "/{owner}/{repo}.git/info/refs?service=git-upload-pack"),
        operation("push", "/{owner}/{repo}.git/info/refs?service=git-receive-pack"),
        operation("page", "/{owner}/{repo}/page"),
        operation("acl", "/objects/{key...}?acl=full"),
        operation("object", "/objects/{key...}"),
        operation("both", "/two?a=1&b=2"),
        operation("one", "/two?a=1"),
    ]
)


@pytest.mark.parametrize(
    ("path", "query", "action"),
    [
        ("acme/site.git/info/refs", "service=git-upload-pack", "fetch"),
        ("acme/site.git/info/refs", "x=1&service=git-receive-pack", "push"),
        ("acme/site.git/info/refs", "", None),
        ("acme/site.git/info/refs", "service=other", None),
        ("acme/site.git/info/refs", "service=git-upload-pack&service=git-receive-pack", None),
        ("acme/site.git/info/refs", "service=git-upload-pack&Service=git-receive-pack", None),
        ("acme/site.git/info/refs", "service=git-upload-pack&service[]=git-receive-pack", None),
        ("acme/site.git/info/refs", "service=git-upload-pack;service=git-receive-pack", None),
        ("acme/site.git/info/refs", "service=git-upload-pack&a=b;service=git-receive-pack", None),
        ("acme/site.git/info/refs", "service=git%2Dupload-pack", None),
        ("acme/site.git/info/refs", "SERVICE=git-upload-pack", None),
        ("acme/site.git/info/refs", "servic%65=git-upload-pack", None),
        ("objects/a/b", "acl=full", "acl"),
        ("objects/a/b", "", "object"),
        ("objects/a/b", "other=1", "object"),
        ("objects/a/b", "ACL=full", None),
        ("objects/a/b", "acl", None),
        ("objects/a/b", "acl=", None),
        ("two", "a=1&b=2", "both"),
        ("two", "b=2&a=1&c=3", "both"),
        ("two", "a=1", "one"),
        ("two", "a=1&b=3", None),
    ],
)
def test_a_query_decides_only_when_it_has_one_reading(path, query, action):
    """And never leads to the operation without conditions while it says something about a key that is judged."""
    matched = GIT.match("GET", tuple(path.split("/")), query)
    assert (matched and matched.operation.action) == action


@pytest.mark.parametrize(
    ("path", "captures"),
    [
        ("acme/site.git/info/refs", {"owner": "acme", "repo": "site"}),
        ("acme/site.GIT/info/refs", None),
        ("acme/site.git.git/info/refs", None),
        ("acme/.git/info/refs", None),
        ("acme/site/page", {"owner": "acme", "repo": "site"}),
        ("acme/site.git/page", None),
        ("acme/site.Git/page", None),
    ],
)
def test_a_name_with_an_extension_is_the_name_without_it_or_nothing(path, captures):
    """Two spellings of one repository must not become two resources."""
    matched = GIT.match("GET", tuple(path.split("/")), "service=git-upload-pack")
    assert (matched and matched.captures) == captures


MARKS = Matcher(
    [
        operation("generate", "/models/{model}:generate", "POST"),
        operation("get", "/models/{model}"),
        operation("scoped", "/@{scope}/{name}"),
        operation("plain", "/{name}/{version}"),
    ]
)


@pytest.mark.parametrize(
    ("method", "path", "found"),
    [
        ("POST", "models/m-1:generate", ("generate", {"model": "m-1"})),
        ("POST", "models/m-1:other", None),
        ("POST", "models/a:b:generate", None),
        ("POST", "models/:generate", None),
        ("GET", "models/m-1", ("get", {"model": "m-1"})),
        ("GET", "models/m-1:generate", None),
        ("GET", "@types/node", ("scoped", {"scope": "types", "name": "node"})),
        ("GET", "node/1", ("plain", {"name": "node", "version": "1"})),
        ("GET", "@/node", None),
        ("GET", "@@a/node", None),
    ],
)
def test_a_mark_is_never_part_of_a_plain_name(method, path, found):
    matched = MARKS.match(method, tuple(path.split("/")))
    assert (matched and (matched.operation.action, matched.captures)) == found


@pytest.mark.parametrize(
    "query", ["", "a=", "a&", "a={A}", "=b", "a=1&a=2", "a=1&A=2", "a b=1", "a=%20", "a=1&", "a=1;b=2"]
)
def test_a_condition_that_could_be_misread_is_refused(query):
    with pytest.raises(ValueError, match=r"\S"):
        Matcher([operation("x", f"/a?{query}")])


def test_two_templates_with_one_shape_and_query_are_refused():
    with pytest.raises(ValueError, match="same shape"):
        Matcher([operation("one", "/a/{x}?k=1"), operation("two", "/a/{y}?k=1")])
