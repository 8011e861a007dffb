"""Several services at one host: each has its paths, and what belongs to none is nobody's."""

from __future__ import annotations

import pytest
from catalogue_kit import build, operations

from exeat.cli.examples import try_examples
from exeat.config.tables.service import ServiceTable
from exeat.errors import ConfigurationError
from exeat.services.catalogue import build_catalogue, merge


def service(name, *paths, hosts=("api.example.test",), **more):
    first = paths[0] if paths else ""
    return {
        "name": name,
        "hosts": list(hosts),
        "paths": list(paths),
        "operation": operations((f"GET {first}/x", "x", "read")),
    } | more


def means(index, path):
    table = ServiceTable.model_validate(
        {"name": "none", "hosts": ["api.example.test"], "example": [{"request": f"GET {path}"}]}
    )
    (tried,) = try_examples(table, index)
    return tried.found


@pytest.mark.guard("shared-host-prefix")
def test_a_path_chooses_the_service():
    index = build(service("drive", "/drive", "/upload/drive"), service("calendar", "/calendar"))
    assert means(index, "/drive/x").startswith("drive:x on")
    assert means(index, "/calendar/x").startswith("calendar:x on")


@pytest.mark.parametrize(
    "path", ["/other/x", "/", "/calendarx/x", "/Calendar/x", "/drive%2Fx", "/upload/calendar/x", "/calendar/../drive/x"]
)
def test_what_is_below_no_path_is_refused(path):
    index = build(service("drive", "/drive", "/upload/drive"), service("calendar", "/calendar"))
    assert means(index, path) in ("refused: operation_unknown", "refused: request_malformed")


@pytest.mark.guard("shared-host-overlap")
@pytest.mark.parametrize(
    "others",
    [
        (service("a", "/v1"), service("b")),
        (service("a", "/v1"), service("b", "/v1/x")),
        (service("a", "/v1", hosts=["*.example.test"]), service("b", "/v2", hosts=["api.example.test"])),
        (service("a", "/v1", operation=operations(("GET /v2/x", "x", "read"))),),
    ],
)
def test_paths_that_could_be_of_two_services_are_refused_at_load(others):
    with pytest.raises(ConfigurationError):
        build(*others)


def test_google_and_atlassian_share_their_hosts():
    tables = [merge(ServiceTable(name=name)) for name in ("google-drive", "google-calendar", "jira", "confluence")]
    index = build_catalogue(tables)
    wrong = [tried for each in tables for tried in try_examples(each, index) if not tried.holds]
    assert wrong == []
