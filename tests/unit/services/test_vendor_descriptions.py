"""Our descriptions beside what the vendors' own packages know, where those are installed (requirements/clients.in).

Each path that we describe is one of theirs, and none of theirs that we don't describe is taken for another operation of ours: a literal that
a capture swallows (``/tickets/update_many`` as a ticket) would be judged as the wrong thing.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import orjson
import pytest

from exeat.services.catalogue import build_catalogue, built_in

ROOT = Path(__file__).parents[3]
PACKAGES = [
    *ROOT.glob(".venv-clients/lib/python3*/site-packages"),
    *ROOT.glob(".venv-servers/lib/python3*/site-packages"),
]


def package(name: str) -> Path:
    found = [each / name for each in PACKAGES if (each / name).is_dir()]
    if not found:
        pytest.skip(f"the package {name} is not installed in .venv-clients")
    return found[0]


def sources(name: str, pattern: str, expression: str) -> set[tuple[str, str]]:
    """(method, path) pairs that an expression finds in a package's sources; its groups are called so."""
    found = set()
    for file in package(name).glob(pattern):
        found |= {
            (each["method"].upper(), each["path"])
            for each in re.finditer(expression, file.read_text("utf-8"), re.DOTALL)
        }
    return found


def google(name: str) -> set[tuple[str, str]]:
    """Discovery documents, which the client carries."""
    document: dict[str, Any] = orjson.loads(
        (package("googleapiclient") / f"discovery_cache/documents/{name}.json").read_text("utf-8")
    )
    found: set[tuple[str, str]] = set()
    waiting = [document]
    while waiting:
        each = waiting.pop()
        waiting += each.get("resources", {}).values()
        for method in each.get("methods", {}).values():
            found.add((method["httpMethod"], f"/{document['servicePath']}{method.get('flatPath', method['path'])}"))
            for protocol in method.get("mediaUpload", {}).get("protocols", {}).values():
                found.add((method["httpMethod"], protocol["path"]))
                found.add(("PUT", protocol["path"]))  # the parts of a resumable upload go to where it began
    return found


VENDORS = {
    "bigquery": lambda: google("bigquery.v2"),
    "gmail": lambda: google("gmail.v1"),
    "google-calendar": lambda: google("calendar.v3"),
    "google-drive": lambda: google("drive.v3"),
    "stripe": lambda: sources("stripe", "**/_*_service.py", r'"(?P<method>get|post|delete)",\s*"(?P<path>/v1/[^"]*)"'),
    "datadog": lambda: sources(
        "datadog_api_client",
        "v*/api/*.py",
        r'"endpoint_path": "(?P<path>[^"]+)",.*?"http_method": "(?P<method>[A-Z]+)"',
    ),
    "kubernetes": lambda: sources(
        "kubernetes", "client/api/*.py", r"method='(?P<method>[A-Z]+)',\s*resource_path='(?P<path>[^']+)'"
    ),
}
ELSEWHERE = {
    "kubernetes": re.compile(r"/version|/readyz|/livez|/openapi/.*|/apis?|/api/v1|/apis/\{\}(/\{\})?|.*/exec"),
}
"""What the package's sources write in another way: discovery below a slash, health, and the WebSocket of a POST."""


def shape(path: str) -> str:
    return re.sub(r"\{[^}]*\}", "{}", path.partition("?")[0])


@pytest.mark.parametrize("name", VENDORS)
def test_what_we_describe_is_what_the_vendor_knows(name):
    theirs = {(method, shape(path)) for method, path in VENDORS[name]()}
    assert len(theirs) > 30
    table = built_in(name)
    assert table is not None
    if not table.hosts:
        table = table.model_copy(update={"hosts": ("cluster.example.test",)})
    described = [each.match.partition(" ") for each in table.operation]
    ours = {(method, shape(path)) for methods, _, path in described for method in methods.split(",")}
    known = ELSEWHERE.get(name, re.compile("(?!)"))
    assert sorted((method, path) for method, path in ours - theirs if not known.fullmatch(path)) == []

    compiled = build_catalogue([table]).services[0]
    matcher = build_catalogue([table]).for_host(compiled.hosts[0], 443, ())
    assert matcher is not None
    swallowed = []
    for method, path in sorted(theirs - ours):
        segments = tuple(path.replace("{}", "x1")[1:].split("/"))
        if (found := matcher.matcher.match(method, segments)) is not None:
            swallowed.append((method, path, found.operation.action))
    assert swallowed == []
