"""Service tables for the tests of the catalogue."""

from __future__ import annotations

from exeat.config.tables.service import ServiceTable
from exeat.services.catalogue import build_catalogue

EXAMPLE = {
    "name": "example",
    "hosts": ["api.example.test"],
    "credential": {"in": "header", "name": "Authorization", "scheme": "Bearer"},
    "shared": {"source": "env:EXAMPLE_KEY", "retire_by": "2027-03-31"},
    "issuer": {"kind": "jwt", "audience": "https://api.example.test", "ttl": "60s"},
    "operation": [
        {"match": "POST /v1/refunds", "action": "refunds/create", "group": "write"},
        {"match": "GET,HEAD /v1/refunds/{id}", "action": "refunds/get", "group": "read", "resource": "Refund"},
    ],
    "resource": [{"type": "Refund", "id": "{id}", "sensitivity": "high"}],
}


def build(*tables):
    return build_catalogue([ServiceTable.model_validate(table) for table in tables])


def example(**changes):
    return EXAMPLE | changes


def operations(*rows):
    return [dict(zip(("match", "action", "group", "resource"), row, strict=False)) for row in rows]
