"""An OpenAPI description, reduced to the facts that say what a request means.

Read: paths, methods, operationId, tags, summaries, parameters' names, servers, security schemes (OpenAPI 3.1 §4). Nothing
is fetched: a reference to another document is reported. Must not know: groups, actions, the catalogue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson

from exeat.errors import ConfigurationError, Finding

METHODS = ("get", "head", "post", "put", "patch", "delete", "options")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One method on one path; ``path`` starts with the server's base path. ``deep`` are parameters that hold slashes."""

    method: str
    path: str
    operation_id: str = ""
    tag: str = ""
    summary: str = ""
    deep: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Description:
    """What a description says; ``notes`` is what it says that can't be used."""

    title: str
    hosts: tuple[str, ...]
    credential: Mapping[str, str] | None
    endpoints: tuple[Endpoint, ...]
    notes: tuple[str, ...]


def read_description(data: bytes, file: str = "") -> Description:
    """Read a description; raise ConfigurationError when it is none."""
    try:
        root = orjson.loads(data.removeprefix(b"\xef\xbb\xbf"))
    except orjson.JSONDecodeError as error:
        fix = "convert YAML to JSON first, for instance with yq -o json"
        raise ConfigurationError(
            [Finding(file, f"isn't JSON: {error.msg}", error.lineno, error.colno, fix=fix)]
        ) from None
    version = root.get("openapi") if isinstance(root, dict) else None
    if not isinstance(version, str) or not version.startswith(("3.0", "3.1")):
        said = "Swagger 2.0" if isinstance(root, dict) and "swagger" in root else "no OpenAPI 3.0 or 3.1"
        raise ConfigurationError([Finding(file, f"is {said} description", fix="convert it to OpenAPI 3.0 or 3.1")])
    notes: list[str] = []
    hosts, base = _servers(_list(root.get("servers")), notes)
    paths = root.get("paths")
    if not isinstance(paths, dict) or not paths:
        raise ConfigurationError([Finding(file, "has no paths", fix="name the description of a REST API")])
    endpoints = tuple(_endpoints(root, paths, hosts, base, notes))
    info = _dict(root.get("info"))
    return Description(str(info.get("title", "")), hosts, _credential(root, notes), endpoints, tuple(notes))


def _dict(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: Any) -> list[dict[str, Any]]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _servers(servers: Sequence[dict[str, Any]], notes: list[str]) -> tuple[tuple[str, ...], str]:
    """All hosts, and the base path of the first server that can be used; servers with another base path are left out."""
    hosts: list[str] = []
    base: str | None = None
    unused: list[str] = []
    for server in servers:
        url = _text(server.get("url"))
        for name, variable in _dict(server.get("variables")).items():
            url = url.replace(f"{{{name}}}", _text(_dict(variable).get("default")))
        parts = urlsplit(url)
        path = parts.path.rstrip("/")
        if "{" in url or (parts.scheme and parts.scheme != "https"):
            notes.append(f"server {url} isn't used: not a plain https address")
            unused.append(path)
        elif base is not None and path != base:
            notes.append(f"server {url} isn't used: another base path than the first one's")
        else:
            base = path
            if parts.hostname and parts.hostname not in hosts:
                hosts.append(parts.hostname)
    return tuple(hosts), next(iter(unused), "") if base is None else base


def _resolve(root: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """What a local reference stands for; anything else stands for nothing."""
    for _ in range(8):
        reference = _text(value.get("$ref"))
        if not reference:
            return value
        if not reference.startswith("#/"):
            return {}
        found: Any = root
        for part in reference[2:].split("/"):
            found = _dict(found).get(part.replace("~1", "/").replace("~0", "~"))
        value = _dict(found)
    return {}


def _endpoints(
    root: dict[str, Any], paths: dict[str, Any], hosts: tuple[str, ...], base: str, notes: list[str]
) -> Iterator[Endpoint]:
    for path, item in paths.items():
        inside = _resolve(root, _dict(item))
        if not inside:
            notes.append(f"{path} isn't used: it is described in another document")
        common = _list(inside.get("parameters"))
        for method, operation in inside.items():
            if method == "trace":
                notes.append(f"TRACE {path} isn't used: no request may use this method")
            if method not in METHODS or not isinstance(operation, dict):
                continue
            servers = _list(operation.get("servers") or inside.get("servers"))
            others = {urlsplit(_text(server.get("url"))).hostname for server in servers} - {None, *hosts}
            if others:
                notes.append(
                    f"{method.upper()} {path} isn't used: it is served by {', '.join(sorted(map(str, others)))}"
                )
                continue
            parameters = [_resolve(root, each) for each in (*common, *_list(operation.get("parameters")))]
            deep = {_text(each.get("name")) for each in parameters if each.get("x-multi-segment") is True}
            tags = operation.get("tags")
            yield Endpoint(
                method.upper(),
                base + path,
                _text(operation.get("operationId")),
                _text(tags[0]) if isinstance(tags, list) and tags else "",
                _text(operation.get("summary")),
                frozenset(deep),
            )


def _credential(root: dict[str, Any], notes: list[str]) -> Mapping[str, str] | None:
    """Where the credential sits: the first scheme that the description demands, else the first it knows."""
    known = {
        name: place
        for name, scheme in _dict(_dict(root.get("components")).get("securitySchemes")).items()
        if (place := _place(_resolve(root, _dict(scheme)))) is not None
    }
    asked = [name for each in _list(root.get("security")) for name in each if name in known]
    chosen = next(iter([*asked, *known]), None)
    others = [name for name in known if chosen is not None and known[name] != known[chosen]]
    if others:
        notes.append(f"the credential is taken where '{chosen}' puts it; also described: {', '.join(others)}")
    return None if chosen is None else known[chosen]


def _place(scheme: dict[str, Any]) -> Mapping[str, str] | None:
    match scheme:
        case {"type": "http", "scheme": str(word)} if word.lower() == "bearer":
            return {"in": "header", "name": "Authorization", "scheme": "Bearer"}
        case {"type": "http", "scheme": str(word)} if word.lower() == "basic":
            return {"in": "basic"}
        case {"type": "apiKey", "in": "header" | "query" | "cookie" as where, "name": str(name)}:
            return {"in": where, "name": name}
        case {"type": "oauth2" | "openIdConnect"}:
            return {"in": "header", "name": "Authorization", "scheme": "Bearer"}
    return None
