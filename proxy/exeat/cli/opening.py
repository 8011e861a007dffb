"""A mission opened for one agent: what ``run`` and ``env`` share.

Must not know: what is done with it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from exeat.cli.client import AdminClient

if TYPE_CHECKING:
    from exeat.config.loading import Loaded


def open_for_one(
    loaded: Loaded, template: str, agent: str, environment: str, ttl: str, **terms: object
) -> tuple[AdminClient, dict[str, Any]]:
    """Open a mission from a template; return the client that can end it, and the API's answer. Raises as the client.

    ``terms`` are further fields of the call; empty ones are left out.
    """
    client = AdminClient.of(loaded)
    body: dict[str, object] = {"template": template, "agents": [agent]}
    if environment:
        body["environment"] = environment
    if ttl:
        body["ttl"] = ttl
    body |= {name: value for name, value in terms.items() if value}
    return client, dict(client.post("/v1/missions", body))
