"""``exeat service``: the catalogue as the proxy would read it, and how a service gets into it.

Must not know: how requests are recognised, how a description is read.
"""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from exeat.cli import service_import, service_lint
from exeat.cli.exits import Exit
from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line, pairs, say, table
from exeat.errors import NotFoundError

if TYPE_CHECKING:
    from exeat.config.tables.service import ServiceTable
    from exeat.model.service import Service

BuiltInOption = Annotated[bool, typer.Option("--builtin", help="The built-in services, whatever is configured.")]

app = typer.Typer(
    name="service", help="Look at the services, import and test them.", no_args_is_help=True, rich_markup_mode=None
)
service_import.register(app)
service_lint.register(app)


@app.command("list")
def list_services(
    config: ConfigOption = None,
    as_json: JsonOption = False,
    builtin: BuiltInOption = False,
    markdown: Annotated[
        bool, typer.Option("--markdown", help="A Markdown table of the built-in services, for the documentation.")
    ] = False,
) -> None:
    """Show every configured service."""
    if markdown:
        from exeat.cli.catalogue_table import markdown_table

        line(markdown_table())
        return
    services = _services(config, builtin=builtin)
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
    name: Annotated[str, typer.Argument(metavar="NAME")],
    config: ConfigOption = None,
    builtin: BuiltInOption = False,
    as_json: JsonOption = False,
) -> None:
    """Show one service with its operations, as missions and policies name them."""
    services = {service.name: service for service in _services(config, builtin=builtin)}
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
    from exeat.credentials.sources import shown

    place, issuer, shared = service.credential, service.issuer, service.shared
    pairs(
        {
            "service": service.name,
            "namespace": service.namespace,
            "hosts": [f"{host}:{port}" for host in service.hosts for port in service.ports],
            "credential": [f"{each.kind} {each.name} {each.scheme}".strip() for each in (place, *place.also)]
            if place
            else "none",
            "shared": f"{shown(shared.source)}, never shown" if shared else "",
            "issuer": f"{issuer.kind}, {issuer.ttl:g} s, {issuer.audience}".rstrip(", ") if issuer else "none",
            "resources": [each.name for each in service.resources],
            "sensitivity": service.sensitivity,
            "environment": service.environment,
            "tag": service.tag,
            "refusal": service.refusal,
            "unlisted": "the strictest group of their method" if service.unlisted else "refused",
        }
    )
    line()
    table(
        ("OPERATION", "GROUP", "MATCHES", "ON"),
        [
            (
                f"{service.name}:{each.action}",
                each.group,
                f"{','.join(each.methods)} {each.template} {each.select}".rstrip(),
                each.resource,
            )
            for each in service.operations
        ],
    )


@app.command("test")
def run_examples(
    name: Annotated[
        str, typer.Argument(metavar="[NAME]", help="One service, or a service file (*.toml); without it all services.")
    ] = "",
    config: ConfigOption = None,
    builtin: BuiltInOption = False,
    as_json: JsonOption = False,
) -> None:
    """Run the sample requests of the services; exit 1 when one means something else than its file says."""
    from exeat.cli.examples import try_examples
    from exeat.services.catalogue import build_catalogue, merge

    if name.endswith(".toml"):
        tables = [service_import.read_service(Path(name))]
        name = ""
    else:
        tables = _built_in() if builtin else [merge(each) for each in load_settings(config).settings.service]
    chosen = [each for each in tables if name in ("", each.name)]
    if not chosen:
        close = get_close_matches(name, [each.name for each in tables], 1)
        raise NotFoundError(
            f"there is no service {name!r}" if name else "no [[service]] is configured",
            f"did you mean {close[0]!r}?" if close else "add --builtin for the built-in ones",
        )
    index = build_catalogue(tables)
    tried = [each for service in chosen for each in try_examples(service, index)]
    failed = [each for each in tried if not each.holds]
    if as_json:
        rows = [
            {"service": each.service, "request": each.request, "expected": each.expected, "found": each.found}
            | {"detail": each.detail, "holds": each.holds}
            for each in tried
        ]
        emit({"schema": SCHEMA, "examples": rows, "failed": len(failed)})
    else:
        rows_shown = [
            ("ok", each.service, each.request, each.found)
            if each.holds
            else ("WRONG", each.service, each.request, f"{each.found} {each.detail}".strip() + f"; not {each.expected}")
            for each in tried
        ]
        table(("", "SERVICE", "REQUEST", "MEANS"), rows_shown)
        say(f"{len(tried)} examples, {len(failed)} wrong")
    if failed:
        raise typer.Exit(Exit.FAILED)


def _services(config: Path | None, *, builtin: bool) -> tuple[Service, ...]:
    from exeat.cli.bundle import catalogue
    from exeat.services.catalogue import build_catalogue

    return build_catalogue(_built_in()).services if builtin else catalogue(load_settings(config)).services


def _built_in() -> list[ServiceTable]:
    """The built-in services; one that leaves its hosts to the site gets a name that exists nowhere."""
    from exeat.services.catalogue import built_in, built_in_names

    found = [table for name in built_in_names() if (table := built_in(name)) is not None]
    return [
        each if each.hosts else each.model_copy(update={"hosts": (f"{each.name}.invalid.example",)}) for each in found
    ]


def _as_dict(service: Service) -> dict[str, Any]:
    """A service for JSON: where its secrets are kept, never a secret, nor what a command is given to get it."""
    from dataclasses import asdict

    from exeat.credentials.sources import shown

    fields = asdict(service)
    del fields["descriptor"]
    if service.shared:
        fields["shared"]["source"] = shown(service.shared.source)
    if service.issuer and service.issuer.details:
        references = service.issuer.details.secrets()
        for name, value in fields["issuer"]["details"].items():
            if value and value in references:
                fields["issuer"]["details"][name] = shown(value)
    return fields | {
        "operations": [
            asdict(each) | {"action": f"{service.name}:{each.action}", "methods": list(each.methods)}
            for each in service.operations
        ]
    }
