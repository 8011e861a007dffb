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
        "/a/{id}.json",
        "/a/{ID}",
        "/a/{}",
        "/a/{0}",
        "/a/%2f",
        "/a/b?c",
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
