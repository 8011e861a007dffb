"""The built-in services on the wire: what a request means there is judged, and the credential goes where the service reads it."""

from __future__ import annotations

import base64
import json

import pytest

from rig.wire import ask

REAL = {"github": "ghp_real_c0ffee1234567", "github-git": "ghp_git_c0ffee1234567", "anthropic": "sk-ant-real-c0ffee1234", "gemini": "AIza_real_c0ffee1234567"}  # fmt: skip
HOST = {name: f"{name}.example.test" for name in (*REAL, "mcp")}
POLICY = """\
@id("no-secret-repository")
forbid (principal, action, resource in GitHub::Repo::"acme/secret");
@id("no-secret-clone")
forbid (principal, action, resource in GitHubGit::Repo::"acme/secret");
@id("no-push-to-main")
forbid (principal, action, resource == GitHubGit::Ref::"acme/site/refs/heads/main");
@id("no-opus")
forbid (principal, action, resource == Anthropic::Model::"claude-opus-4-1");
@id("no-pro")
forbid (principal, action, resource == Gemini::Model::"gemini-2.5-pro");
@id("no-shell")
forbid (principal, action, resource == MCP::Tool::"shell");
"""


def configure(config, origin):
    for name, key in REAL.items():
        variable = name.upper().replace("-", "_") + "_KEY"
        config.environ[variable] = key
        config.tables["service"].append({"name": name, "hosts": [HOST[name]], "shared": {"source": f"env:{variable}"}})
    config.tables["service"].append(
        {"name": "mcp", "hosts": [HOST["mcp"]], "issuer": {"kind": "jwt", "audience": "https://mcp", "ttl": "60s"}}
    )
    for host in HOST.values():
        config.allow(host)
    config.policies["catalogue.cedar"] = POLICY
    config.template["operations"] += [
        "github:read", "github:issues/create", "github-git:git/fetch", "github-git:git/push-update", "anthropic:write", "gemini:write", "mcp:*",
    ]  # fmt: skip


@pytest.fixture
def call(exeat, mission, origin):
    """One request to a service with its placeholder: (status, code, the request the origin saw or None)."""

    def run(name, method, path, *headers, body=None):
        origin.clear()
        text = body if isinstance(body, bytes) else json.dumps(body).encode() if body is not None else b""
        kind = ("Content-Type: application/json",) if text and text is not body else ()
        before = len(exeat.audit_records("decision"))
        answer = ask(exeat, mission, method, path, *headers, *kind, host=HOST[name], body=text)
        (record,) = exeat.audit_records("decision")[before:]
        return answer.status, record, origin.last if origin.requests else None

    return run


def basic(user, password):
    return "Authorization: Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize("scheme", ["Bearer", "token"])
def test_github_takes_a_bearer_or_a_token_and_the_origin_gets_a_bearer(call, mission, scheme):
    held = f"Authorization: {scheme} {mission['placeholders']['github']}"
    status, _, seen = call("github", "POST", "/repos/Acme/Site/issues", held, body={"title": "x"})
    assert status < 300
    assert seen.one("authorization") == f"Bearer {REAL['github']}"


@pytest.mark.parametrize(
    ("method", "path", "reason"),
    [
        ("GET", "/repos/Acme/SECRET/contents/a/b", "policy_denied"),
        ("GET", "/repos/acme/secret", "policy_denied"),
        ("DELETE", "/repos/acme/site", "policy_denied"),
        ("PUT", "/repos/acme/site/collaborators/eve", "policy_denied"),
        ("GET", "/repositories/1296269", "operation_unknown"),
        ("POST", "/repos/acme/site/issues/", "operation_unknown"),
    ],
)
def test_github_refuses_what_the_mission_or_a_policy_does_not_allow(call, origin, method, path, reason):
    status, record, _ = call("github", method, path)
    assert (status, record["code"]) == (403, reason)
    assert origin.requests == []


@pytest.mark.parametrize("path", ["/Acme/site.git", "/acme/site"])
def test_a_clone_is_allowed_and_a_push_to_one_branch(call, mission, origin, path):
    held = basic("bot", mission["placeholders"]["github-git"])
    status, _, seen = call("github-git", "GET", f"{path}/info/refs?service=git-upload-pack", held)
    assert status < 300
    assert seen.one("authorization") == basic("x-access-token", REAL["github-git"]).partition(": ")[2]
    assert seen.target == f"{path}/info/refs?service=git-upload-pack"
    status, record, _ = call("github-git", "GET", f"{path}/info/refs?service=git-receive-pack", held)
    assert (status, record["code"], origin.requests) == (403, "policy_denied", [])


@pytest.mark.parametrize("path", ["/Acme/site.git", "/acme/site"])
@pytest.mark.parametrize(("commands", "code"), [
    (["1 2 refs/heads/topic"], ""), (["1 2 refs/heads/main"], "policy_denied"), (["1 2 refs/heads/Main"], "policy_denied"),
    (["1 2 refs/heads/topic", "1 2 refs/heads/main"], "policy_denied"), (["0 2 refs/heads/new"], "policy_denied"),
    (["1 0 refs/heads/topic"], "policy_denied"), ([], "policy_denied"),
])  # fmt: skip
def test_a_push_is_judged_by_its_refs(call, mission, origin, path, commands, code):
    lines = [f"{old * 40} {new * 40} {ref}" for old, new, ref in map(str.split, commands)]
    body = "".join(f"{len(line) + 4:04x}{line}" for line in lines).encode() + b"0000PACK"
    held = basic("bot", mission["placeholders"]["github-git"])
    kind = "Content-Type: application/x-git-receive-pack-request"
    status, record, seen = call("github-git", "POST", f"{path}/git-receive-pack", held, kind, body=body)
    if code:
        assert (status, record["code"], origin.requests) == (403, code, [])
    else:
        assert (status, seen.length) == (200, len(body))
        assert (record["action"], record["resource"]) == (
            "github-git:git/push-update",
            'GitHubGit::Ref::"acme/site/refs/heads/topic"',
        )


@pytest.mark.parametrize(
    ("path", "query", "reason"),
    [
        ("/acme/secret", "service=git-upload-pack", "policy_denied"),
        ("/Acme/Secret.git", "service=git-upload-pack", "policy_denied"),
        ("/acme/secret.GIT", "service=git-upload-pack", "operation_unknown"),
        ("/acme/secret.git.git", "service=git-upload-pack", "operation_unknown"),
        ("/acme/site", "service=git-upload-pack&service=git-receive-pack", "operation_unknown"),
        ("/acme/site", "service=git-upload-pack&Service=git-receive-pack", "operation_unknown"),
        ("/acme/site", "", "operation_unknown"),
    ],
)
def test_no_spelling_of_a_repository_or_query_gets_around_the_policy(call, origin, path, query, reason):
    status, record, _ = call("github-git", "GET", f"{path}/info/refs" + (f"?{query}" if query else ""))
    assert (status, record["code"]) == (403, reason)
    assert origin.requests == []


@pytest.mark.parametrize("header", ["x-api-key: {}", "Authorization: Bearer {}"])
def test_anthropic_finds_the_key_in_either_place_and_sends_it_in_one(call, mission, header):
    held = header.format(mission["placeholders"]["anthropic"])
    body = {"model": "claude-haiku-4-5", "max_tokens": 1, "messages": []}
    status, record, seen = call("anthropic", "POST", "/v1/messages", held, body=body)
    assert status < 300
    assert seen.one("x-api-key") == REAL["anthropic"]
    assert seen.header("authorization") == []
    assert record["resource"] == 'Anthropic::Model::"claude-haiku-4-5"'


def test_a_model_that_is_forbidden_is_refused_before_anything_is_dialled(call, origin):
    body = {"model": "claude-opus-4-1", "messages": []}
    status, record, _ = call("anthropic", "POST", "/v1/messages", body=body)
    assert (status, record["code"]) == (403, "policy_denied")
    assert origin.requests == []


def test_two_keys_are_refused(call, mission, origin):
    held = mission["placeholders"]["anthropic"]
    both = (f"x-api-key: {held}", f"Authorization: Bearer {held}")
    status, record, _ = call("anthropic", "POST", "/v1/messages", *both, body={"model": "m", "messages": []})
    assert (status, record["code"]) == (403, "credential_foreign")
    assert origin.requests == []


def test_gemini_takes_the_key_from_the_query_and_sends_it_in_the_header(call, mission):
    path = "/v1beta/models/gemini-2.5-flash:streamGenerateContent?alt=sse&key="
    status, record, seen = call("gemini", "POST", path + mission["placeholders"]["gemini"], body={"contents": []})
    assert status < 300
    assert seen.one("x-goog-api-key") == REAL["gemini"]
    assert seen.target == path.removesuffix("&key=")
    assert record["resource"] == 'Gemini::Model::"gemini-2.5-flash"'
    status, record, _ = call("gemini", "POST", "/v1beta/models/gemini-2.5-pro%3AgenerateContent", body={})
    assert (status, record["code"]) == (403, "policy_denied")


def test_an_mcp_tool_is_judged_by_its_name(call, origin):
    def tool(name):
        return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": {}}}

    status, record, seen = call("mcp", "POST", "/mcp", body=tool("search"))
    assert status < 300
    assert record["resource"] == 'MCP::Tool::"search"'
    assert json.dumps(tool("search")).encode() == bytes(seen.body)
    _, record, _ = call("mcp", "POST", "/mcp", body=tool("shell"))
    assert record["code"] == "policy_denied"
    assert origin.requests == []
