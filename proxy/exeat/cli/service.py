"""``exeat service``: the catalogue as the proxy would read it.

Must not know: how requests are recognised.
"""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line, pairs, say, table
from exeat.errors import NotFoundError

if TYPE_CHECKING:
    from exeat.model.service import Service

app = typer.Typer(name="service", help="Look at the services.", no_args_is_help=True, rich_markup_mode=None)


@app.command("list")
def list_services(config: ConfigOption = None, as_json: JsonOption = False) -> None:
    """Show every configured service."""
    from exeat.cli.bundle import catalogue

    services = catalogue(load_settings(config)).services
    if as_json:
        emit({"schema": SCHEMA, "services": [_as_dict(service) for service in services]})
    elif not services:
        say("no [[service]] is configured; hosts without one are reached by http:read, http:write and http:delete only")
    else:
        table(
            ("SERVICE", "HOSTS", "OPERATIONS", "ISSUER", "SENSITIVITY"),
            [
                (
                    service.name,
                    ",".join(service.hosts),
                    len(service.operations),
                    service.issuer.kind if service.issuer else "none",
                    service.sensitivity,
                )
                for service in services
            ],
        )


@app.command("show")
def show(
    name: Annotated[str, typer.Argument(metavar="NAME")], config: ConfigOption = None, as_json: JsonOption = False
) -> None:
    """Show one service with its operations, as missions and policies name them."""
    from exeat.cli.bundle import catalogue

    services = {service.name: service for service in catalogue(load_settings(config)).services}
    service = services.get(name)
    if service is None:
        close = get_close_matches(name, services, 1)
        raise NotFoundError(
            f"there is no service {name!r}", f"did you mean {close[0]!r}?" if close else "see exeat service list"
        )
    described = _as_dict(service)
    if as_json:
        emit({"schema": SCHEMA, **described})
        return
    place, issuer, shared = service.credential, service.issuer, service.shared
    pairs(
        {
            "service": service.name,
            "namespace": service.namespace,
            "hosts": [f"{host}:{port}" for host in service.hosts for port in service.ports],
            "credential": f"{place.kind} {place.name} {place.scheme}".strip() if place else "none",
            "shared": f"{shared.source}, never shown" if shared else "",
            "issuer": f"{issuer.kind}, {issuer.ttl:g} s, {issuer.audience}".rstrip(", ") if issuer else "none",
            "resources": [each.name for each in service.resources],
            "sensitivity": service.sensitivity,
            "environment": service.environment,
            "tag": service.tag,
            "unlisted": "the strictest group of their method" if service.unlisted else "refused",
        }
    )
    line()
    table(
        ("OPERATION", "GROUP", "MATCHES", "ON"),
        [
            (f"{service.name}:{each.action}", each.group, f"{','.join(each.methods)} {each.template}", each.resource)
            for each in service.operations
        ],
    )


def _as_dict(service: Service) -> dict[str, Any]:
    """A service for JSON: where its secret is kept, never the secret."""
    from dataclasses import asdict

    return asdict(service) | {
        "operations": [
            asdict(each) | {"action": f"{service.name}:{each.action}", "methods": list(each.methods)}
            for each in service.operations
        ]
    }
