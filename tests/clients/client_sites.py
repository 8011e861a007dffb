"""What the installation of the client matrix knows: its hosts, services, operations and missions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from rig.config import SHARED_KEY, Config, operation, service
from rig.origin import Origin

_REPOS = [
    operation("GET /repos/{owner}/{repo}", "repos/get", "read"),
    operation("POST /repos/{owner}/{repo}/issues", "issues/create", "write"),
    operation("GET /repos/{owner}/{repo}/releases/{id}", "releases/get", "read"),
    operation("POST /repos/{owner}/{repo}/releases/{id}/assets", "assets/upload", "write"),
    operation("DELETE /repos/{owner}/{repo}", "repos/delete", "delete"),
]
_SDK = [
    operation("POST /slack/auth.test", "slack/auth", "read"),
    operation("POST /slack/files.getUploadURLExternal", "slack/upload-url", "write"),
    operation("POST /slack/files.completeUploadExternal", "slack/upload-done", "write"),
    operation("POST /slack/chat.delete", "slack/chat-delete", "delete"),
    operation("POST /v1/chat/completions", "llm/chat", "write"),
    operation("POST /v1/messages", "llm/messages", "write"),
    operation("GET /v1/models", "llm/models", "read"),
    operation("DELETE /v1/models/{id}", "llm/model-delete", "delete"),
    operation("POST /v1/files", "llm/file-upload", "write"),
    operation("GET,POST /moved/{rest...}", "moved", "read"),
    operation("PUT /v1/objects/{id}", "objects/put", "write"),
]
_GIT = [
    operation("GET /{repo}/info/refs", "refs", "read"),
    operation("GET /frozen.git/info/refs?service=git-receive-pack", "frozen/push", "admin"),
    operation("POST /frozen.git/info/lfs/objects/batch", "frozen/lfs", "admin"),
    operation("POST /{repo}/git-upload-pack", "fetch", "read"),
    *(
        operation("POST /{repo}/git-receive-pack", "push", "write", reader="git-receive-pack", select=select)
        for select in ("probe", "create:refs/heads/*", "update:refs/heads/*")
    ),
    operation("POST /{repo}/info/lfs/objects/batch", "lfs/batch", "read", hands_out="git_lfs"),
    operation("POST /{repo}/info/lfs/locks/verify", "lfs/locks", "read"),
    operation("GET /lfs/{oid}", "lfs/get", "read"),
    operation("PUT /lfs/{oid}", "lfs/put", "write"),
]


def _service(name: str, operations: list[dict[str, Any]], **more: Any) -> dict[str, Any]:
    return {"name": name, "hosts": [f"{name}.example.test"], "operation": operations, **more}


def describe(config: Config, origin: Origin, rogue: Origin, ports: dict[str, int]) -> None:
    """Add hosts, services and operations to the rig's configuration."""
    retire = (datetime.now(UTC) + timedelta(days=300)).date()
    shared = {"source": "env:EXAMPLE_KEY", "retire_by": retire}
    example = config.service("example")
    example["operation"] = [*example["operation"], *_SDK]
    bearer = {
        name: _service(
            name, operations, credential=example["credential"], shared=shared | {"source": f"env:{name.upper()}_KEY"},
            issuer={"kind": "jwt", "audience": f"https://{name}.example.test", "ttl": "60s"},
        )
        for name, operations in {
            "mcp": [operation("POST,GET,DELETE /mcp", "call", "write"), operation("POST,GET /moved", "moved", "read"),
                    operation("POST,GET,DELETE /frozen", "frozen", "admin")],
            "grpc": [operation(f"POST /test.Echo/{name}", f"echo/{name}", "write") for name in ("Say", "Stream")]
            + [operation("POST /test.Echo/Wipe", "echo/wipe", "delete")],
            "ws": [operation("WEBSOCKET /chat", "chat", "write"), operation("WEBSOCKET /wipe", "wipe", "delete")],
        }.items()
    }  # fmt: skip
    git = service("git", "git.example.test", *_GIT, shared=shared | {"source": "env:GIT_KEY"})
    git["credential"] = {"in": "basic", "user": "agent"}
    s3 = _service(
        "s3", [operation("GET,HEAD /bucket/{key...}", "objects/get", "read"), operation("PUT /bucket/{key...}", "objects/put", "write"),
               operation("DELETE /bucket/{key...}", "objects/delete", "delete")],
    )  # fmt: skip
    pypi = _service(
        "pypi", [operation("GET,HEAD /simple/{name}/", "index", "read"), operation("GET,HEAD /moved/{name}/", "moved", "read"),
                 operation("GET,HEAD /packages/{file}", "files/get", "read")],
    )  # fmt: skip
    repos = service("repos", "repos.example.test", *_REPOS, shared=shared | {"source": "env:REPOS_KEY"})
    repos["credential"] = {"in": "header", "name": "Authorization", "scheme": "token"}
    services = {**bearer, "git": git, "s3": s3, "pypi": pypi, "repos": repos}
    s3["refusal"], services["mcp"]["refusal"] = "s3", "jsonrpc"
    for name, table in services.items():
        config.tables["service"].append(table)
        config.allow(f"{name}.example.test", local=ports.get(name, origin.port))
        table["name"] = f"our-{name}"  # not a change of the built-in service of that name
        config.template["operations"] += [f"our-{name}:read", f"our-{name}:write"]
        config.environ[f"{name.upper()}_KEY"] = f"{name}_live_canary_9f2c77d0aa51"
    config.environ["EXAMPLE_KEY"] = SHARED_KEY
    for table in config.tables["service"]:
        name = table["hosts"][0].partition(".")[0]
        if name in {"api", *services}:
            table["hosts"].append(f"{name}-rogue.example.test")
            config.allow(f"{name}-rogue.example.test", local=rogue.port)
