"""An OpenAPI description becomes a service file; importing again keeps what people wrote and says what changed."""

from __future__ import annotations

import tomllib

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.config.tables.service import ServiceTable
from exeat.errors import ConfigurationError
from exeat.services.catalogue import build_catalogue
from exeat.services.openapi.document import Endpoint
from exeat.services.openapi.importing import import_description
from exeat.services.openapi.naming import action_of, group_of, template_of

PATHS = {
    "/repos": {"get": {"operationId": "repos/list", "tags": ["repos"], "summary": "List\nrepos"}},
    "/repos/{owner}/{repo}": {
        "get": {"operationId": "repos/get", "tags": ["repos"]},
        "delete": {"operationId": "repos/delete", "tags": ["repos"]},
        "patch": {"operationId": "repos/update", "tags": ["repos"]},
    },
    "/repos/{owner}/{repo}/hooks": {"post": {"operationId": "repos/create-webhook", "tags": ["repos"]}},
    "/repos/{owner}/{repo}/contents/{path}": {
        "parameters": [{"name": "path", "in": "path", "x-multi-segment": True}],
        "get": {"operationId": "repos/get-content", "tags": ["repos"]},
    },
}


def described(paths=PATHS, **more):
    root = {
        "openapi": "3.1.0",
        "info": {"title": "Forge"},
        "servers": [{"url": "https://api.forge.test/v1"}],
        "paths": paths,
    }
    return orjson.dumps(root | more)


def built(text):
    return build_catalogue([ServiceTable.model_validate(tomllib.loads(text))])


def rows(text):
    return {row["match"]: row for row in tomllib.loads(text)["operation"]}


def test_a_description_becomes_a_service_that_loads():
    imported = import_description(described(), "forge")
    (service,) = built(imported.text).services
    assert service.hosts == ("api.forge.test",)
    assert (imported.count, imported.changes, imported.notes) == (6, (), ())
    found = rows(imported.text)
    assert found["GET /v1/repos/{owner}/{repo}"] == {
        "match": "GET /v1/repos/{owner}/{repo}", "action": "repos/get", "group": "read", "resource": "Repo",
    }  # fmt: skip
    assert found["POST /v1/repos/{owner}/{repo}/hooks"]["group"] == "admin"
    assert found["DELETE /v1/repos/{owner}/{repo}"]["group"] == "delete"
    assert "resource" not in found["GET /v1/repos"]
    assert "GET /v1/repos/{owner}/{repo}/contents/{path...}" in found
    assert "# List repos\n[[operation]]" in imported.text


def test_importing_the_same_again_changes_nothing():
    first = import_description(described(), "forge").text
    again = import_description(described(), "forge", existing=first)
    assert (again.text, again.changes) == (first, ())


def test_what_was_edited_by_hand_stands_and_the_difference_is_said():
    first = import_description(described(), "forge").text
    edited = (
        first.replace("{owner}", "{org}")
        .replace("{repo}", "{name}")
        .replace(
            'action = "repos/update"\ngroup = "write"', 'action = "repos/change"\ngroup = "admin"\nscope = "repo:admin"'
        )
        .replace('id = "{org}/{name}"', 'id = "{org}/{name}"\nfold = true # ours')
    )
    edited = edited.replace('name = "forge"\n', 'name = "forge"\nsensitivity = "high"\n')
    again = import_description(described(), "forge", existing=edited)
    assert "fold = true # ours" in again.text
    row = rows(again.text)["PATCH /v1/repos/{org}/{name}"]
    assert (row["action"], row["group"], row["scope"]) == ("repos/change", "admin", "repo:admin")
    assert [str(change) for change in again.changes] == [
        "= PATCH /v1/repos/{org}/{name}  GROUP admin kept; the import says write",
        "= PATCH /v1/repos/{org}/{name}  action repos/change kept; the import says repos/update",
    ]
    fresh = import_description(described(), "forge", existing=edited, fresh=True)
    assert rows(fresh.text)["PATCH /v1/repos/{org}/{name}"]["group"] == "write"
    assert "~ PATCH /v1/repos/{org}/{name}  GROUP admin -> write" in map(str, fresh.changes)
    built(again.text)


def test_an_added_operation_takes_its_neighbours_captures_and_resource():
    first = import_description(described(), "forge").text.replace("{owner}", "{org}")
    more = PATHS | {
        "/repos/{owner}/{repo}/tags": {"post": {"operationId": "repos/tag"}},
        "/repos/{owner}/{repo}/share/{org}": {"post": {"operationId": "repos/share"}},
    }
    again = import_description(described(more), "forge", existing=first)
    assert rows(again.text)["POST /v1/repos/{org}/{repo}/tags"]["resource"] == "Repo"
    assert "resource" not in rows(again.text)["POST /v1/repos/{owner}/{repo}/share/{org}"]
    assert "+ POST /v1/repos/{org}/{repo}/tags  repos/tag, WRITE on Repo" in map(str, again.changes)
    built(again.text)


def test_an_operation_that_went_is_kept_until_it_is_pruned():
    first = import_description(described(), "forge").text
    fewer = {path: item for path, item in PATHS.items() if "hooks" not in path}
    kept = import_description(described(fewer), "forge", existing=first)
    assert [change.kind for change in kept.changes] == ["gone"]
    pruned = import_description(described(fewer), "forge", existing=first, prune=True)
    assert [change.kind for change in pruned.changes] == ["removed"]
    assert (kept.count, pruned.count) == (6, 5)


def test_of_two_operations_with_one_shape_the_first_is_kept_and_the_other_reported():
    paths = {"/a/{x}": {"get": {"operationId": "one"}}, "/a/{y}": {"get": {"operationId": "two"}}}
    imported = import_description(described(paths), "forge")
    assert imported.count == 1
    assert imported.notes == ("GET /v1/a/{y} isn't used: it matches the same as /v1/a/{x}",)


def test_what_stands_behind_the_operations_would_be_lost_so_it_is_refused():
    first = import_description(described(), "forge").text
    with pytest.raises(ConfigurationError, match="behind the operations"):
        import_description(described(), "forge", existing=first + '\n[[example]]\nrequest = "GET /"\n')


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"openapi: 3.1.0",
        b"[]",
        b'{"swagger": "2.0"}',
        b'{"openapi": "3.1.0"}',
        b'{"openapi": "3.1.0", "paths": {}}',
    ],
)
def test_what_is_no_description_is_refused(data):
    with pytest.raises(ConfigurationError):
        import_description(data, "x")


@pytest.mark.parametrize(
    ("scheme", "place"),
    [
        ({"type": "http", "scheme": "bearer"}, {"in": "header", "name": "Authorization", "scheme": "Bearer"}),
        ({"type": "http", "scheme": "Basic"}, {"in": "basic"}),
        ({"type": "apiKey", "in": "query", "name": "key"}, {"in": "query", "name": "key"}),
        ({"type": "oauth2", "flows": {}}, {"in": "header", "name": "Authorization", "scheme": "Bearer"}),
    ],
)
def test_the_credentials_place_comes_from_the_security_scheme(scheme, place):
    text = import_description(
        described(components={"securitySchemes": {"s": scheme}}, security=[{"s": []}]), "forge"
    ).text
    assert tomllib.loads(text)["credential"] == place


def test_what_cannot_be_used_is_said():
    paths = {
        "/up": {"post": {"operationId": "up", "servers": [{"url": "https://uploads.forge.test"}]}, "trace": {}},
        "/other": {"$ref": "other.json#/x"},
        "/bad path": {"get": {"operationId": "bad"}},
    }
    imported = import_description(described(paths), "forge")
    assert imported.count == 0
    assert len(imported.notes) == 4


@pytest.mark.parametrize(
    ("method", "path", "operation", "group"),
    [
        ("GET", "/settings", "get-settings", "read"),
        ("POST", "/items", "createItem", "write"),
        ("PUT", "/items/{id}", "putItem", "write"),
        ("DELETE", "/items/{id}", "deleteItem", "delete"),
        ("POST", "/items/{id}/purge", "", "delete"),
        ("POST", "/items/bulk-delete", "", "delete"),
        ("POST", "/items", "removeItem", "delete"),
        ("DELETE", "/team/{id}/members/{m}", "x", "admin"),
        ("POST", "/projects/{id}/accessTokens", "x", "admin"),
        ("PATCH", "/organization-roles/{id}", "x", "admin"),
        ("PUT", "/repos/{r}/actions/secrets/{n}", "x", "admin"),
    ],
)
def test_a_group_is_the_methods_or_a_graver_one(method, path, operation, group):
    assert str(group_of(Endpoint(method, path, operation))) == group


@pytest.mark.parametrize(
    ("endpoint", "action"),
    [
        (Endpoint("GET", "/a", "issues/list-comments"), "issues/list-comments"),
        (Endpoint("POST", "/a", "createChatCompletion", "Chat"), "chat/create-chat-completion"),
        (Endpoint("GET", "/a/{b}", "", "Big Things"), "big-things/get"),
        (Endpoint("GET", "/a/{b}/c"), "a-c/get"),
        (Endpoint("GET", "/"), "root/get"),
        (Endpoint("GET", "/a", "read"), "operations/read"),
        (Endpoint("GET", "/a", "unlisted/x"), "operations/unlisted-x"),
        (Endpoint("GET", "/a", "getHTTPStatus"), "get-http-status"),
    ],
)
def test_an_action_is_named_canonically(endpoint, action):
    assert action_of(endpoint) == action


@pytest.mark.parametrize(
    ("path", "template"),
    [
        ("/a/{someId}/{some_id}", "/a/{some_id}/{some_id2}"),
        ("/teams/{enterprise-team}", "/teams/{enterprise_team}"),
        ("/m/{model}:generate", "/m/{model}:generate"),
        ("/f/{id}.json", "/f/{id}.json"),
        ("/c/{base}...{head}", "/c/{base_head}"),
        ("/x/{1}", "/x/{p_1}"),
    ],
)
def test_captures_get_names_a_template_can_have(path, template):
    assert template_of(Endpoint("GET", path)) == template


NAME = st.text(st.characters(codec="utf-8", exclude_characters="/"), max_size=8)
PIECE = st.one_of(NAME, NAME.map(lambda name: f"{{{name}}}"))
OPERATION = st.fixed_dictionaries({}, optional={"operationId": st.text(max_size=20), "tags": st.lists(NAME, max_size=2), "summary": st.text(max_size=20)})  # fmt: skip
ITEM = st.dictionaries(st.sampled_from(["get", "post", "delete"]), OPERATION, max_size=3)


@settings(max_examples=150, deadline=None)
@given(
    st.dictionaries(st.lists(PIECE, max_size=4).map(lambda parts: "/" + "/".join(parts)), ITEM, min_size=1, max_size=6)
)
def test_whatever_a_description_says_the_file_loads_or_nothing_is_written(paths):
    """Names, tags and summaries are anybody's text: none of them gets out of its place in the file."""
    imported = import_description(described(paths), "forge")
    values = tomllib.loads(imported.text)
    assert set(values) <= {"name", "hosts", "resource", "operation"}
    built(imported.text)
    assert import_description(described(paths), "forge", existing=imported.text).changes == ()
