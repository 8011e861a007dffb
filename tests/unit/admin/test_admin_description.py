"""The OpenAPI description: valid, complete, and true of every answer these tests get (``conftest`` holds them against it)."""

from __future__ import annotations

import re
from typing import Any

from jsonschema import Draft202012Validator


async def test_the_description_is_valid_and_describes_every_route(api: Any) -> None:
    served = (await api.call("GET", "/v1/openapi.json")).body
    paths = served["paths"]
    router = api.server._runner.app.router
    known = {(route.method.lower(), route.resource.canonical) for route in router.routes()}
    assert {(method, path) for path, calls in paths.items() for method in calls} == known
    names = [call["operationId"] for calls in paths.values() for call in calls.values()]
    assert len(set(names)) == len(names)
    for reference in set(re.findall(r"#/components/schemas/(\w+)", repr(served))):
        Draft202012Validator.check_schema(served["components"]["schemas"][reference])


async def test_a_body_is_described_as_it_is_read(api: Any) -> None:
    served = (await api.call("GET", "/v1/openapi.json")).body
    body = served["components"]["schemas"]["OpenBody"]
    assert body["additionalProperties"] is False
    assert body["properties"]["agents"]["maxItems"] == 64
    assert served["paths"]["/v1/missions/{id}/revoke"]["post"]["x-permission"] == "operate"
    assert {"401", "403", "404", "409", "421", "422", "503"} <= set(
        served["paths"]["/v1/missions/{id}/revoke"]["post"]["responses"]
    )
