"""From the site's tables to the checked, compiled catalogue; built-in services are one data file each.

Must not know: where the tables were read, what is done with the catalogue.
"""

from __future__ import annotations

import re
import tomllib
from base64 import b64decode
from collections.abc import Iterator, Sequence
from dataclasses import replace
from importlib.resources import files
from itertools import product

from exeat.config.tables.service import HandOutTable, OperationTable, PlaceTable, ResourceTable, ServiceTable
from exeat.config.tables.signature import SignatureTable
from exeat.errors import ConfigurationError, Finding
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.service import (
    CredentialPlace,
    Group,
    HandOut,
    Handouts,
    Operation,
    PlaceKind,
    ResourceType,
    Sensitivity,
    Service,
    SharedCredential,
    highest,
)
from exeat.services.checks import check_service
from exeat.services.handouts import guessed
from exeat.services.hosts import Template, overlap, templates_of
from exeat.services.index import ServiceIndex, index_services
from exeat.services.overlay import Laid, lay_over
from exeat.services.scopes import ScopesByPath
from exeat.services.sharing import overlapping

_STORED_KEY = IssuerSpec("stored_key", ttl=60.0, grade=Grade.C)
"""A service with a shared credential and no issuer: the key itself, in our custody. The life is how long a copy is kept."""

_KNOWN = "see exeat service list --builtin"


def built_in(name: str) -> ServiceTable | None:
    """Return the built-in description of a service, or None."""
    file = files(__package__) / "builtin" / f"{name}.toml"
    return ServiceTable.model_validate(tomllib.loads(file.read_text("utf-8"))) if file.is_file() else None


def built_in_names() -> tuple[str, ...]:
    """The names of all built-in services."""
    entries = (files(__package__) / "builtin").iterdir()
    return tuple(sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml")))


def build_catalogue(tables: Sequence[ServiceTable]) -> ServiceIndex:
    """Merge each table over the built-in one of its name, check all of them and compile.

    What the site gives is laid over it field by field (:mod:`exeat.services.overlay`). Raise ConfigurationError with all findings.
    """
    laid = [lay(table) for table in tables]
    merged = [each.table for each in laid]
    findings = [
        Finding("", f"no built-in service is called '{table.like}'", field=f"service.{table.name}.like", fix=_KNOWN)
        for table in tables
        if table.like is not None and built_in(table.like) is None
    ]
    findings += [finding for each in laid for finding in each.findings]
    findings += [
        finding for each in laid for finding in check_service(each.table, _namespace(each.table), each.origins)
    ]
    findings += _check_together(merged)
    if findings:
        raise ConfigurationError(findings)
    return index_services([_build(table) for table in merged])


def merge(table: ServiceTable) -> ServiceTable:
    """A table laid over the built-in one of its name, or the one it is like."""
    return lay(table).table


def lay(table: ServiceTable) -> Laid:
    """The same, with the places of its operations in the site's file.

    Examples stand only as long as the operations and the name they speak of.
    """
    base = built_in(table.like or table.name)
    if base is None:
        return Laid(table, tuple(range(len(table.operation))))
    laid = lay_over(base, table, f"service.{table.name}")
    if table.like is None:
        return laid
    own = {
        name: ("" if name == "namespace" else ())
        for name in ("namespace", "example")
        if name not in table.model_fields_set
    }
    return replace(laid, table=laid.table.model_copy(update=own))


def _namespace(table: ServiceTable) -> str:
    return table.namespace or "".join(part[:1].upper() + part[1:] for part in re.split(r"[._-]+", table.name))


def _ports(table: ServiceTable) -> tuple[int, ...]:
    """Where the service listens; allowing plain HTTP without naming ports means port 80 too."""
    return (80, 443) if table.plain_http and "ports" not in table.model_fields_set else table.ports


def _check_together(tables: Sequence[ServiceTable]) -> Iterator[Finding]:
    names: set[str] = set()
    namespaces: dict[str, str] = {}
    claims: dict[tuple[str, int], list[ServiceTable]] = {}
    templates: list[tuple[str, Template, int, str]] = []
    for table in tables:
        at = f"service.{table.name}"
        if table.name in names:
            yield Finding("", "this service is described twice", field=at, fix="merge the two tables")
        names.add(table.name)
        if (owner := namespaces.setdefault(_namespace(table), table.name)) != table.name:
            message = f"the namespace {_namespace(table)} is also that of '{owner}'"
            yield Finding("", message, field=f"{at}.namespace", fix="give one of them its own")
        for claim in product(table.hosts, _ports(table)):
            for other in claims.setdefault(claim, []):
                if other.name != table.name and overlapping(table.paths, other.paths):
                    message = f"{claim[0]}:{claim[1]} is also claimed by '{other.name}'"
                    yield Finding("", message, field=f"{at}.hosts", fix="leave it to one of them, or give both paths")
            claims[claim].append(table)
        for (host, template), port in product(templates_of(table.hosts), _ports(table)):
            for written, other_template, at_port, service in templates:
                if port == at_port and service != table.name and overlap(template, other_template):
                    message = f"a host of {host}:{port} could be one of {written}, claimed by '{service}'"
                    yield Finding("", message, field=f"{at}.hosts", fix="leave it to one of them")
            templates.append((host, template, port, table.name))
        if len(set(table.hosts)) < len(table.hosts):
            yield Finding("", "a host is written twice", field=f"{at}.hosts", fix="remove one")
    yield from _check_shared([table for table in tables if table.paths])


def _check_shared(tables: Sequence[ServiceTable]) -> Iterator[Finding]:
    """Who shares a host writes it as the others do: beside one exact name a wildcard is never looked at."""
    for table, other in product(tables, tables):
        for wide, narrow in product(table.hosts, other.hosts):
            below = wide.startswith("*.") and narrow != wide and narrow.removeprefix("*.").endswith(wide[1:])
            if table.name != other.name and below:
                message = f"'{other.name}' has {narrow} to itself, for it is not written as {wide}"
                yield Finding("", message, field=f"service.{table.name}.hosts", fix=f"write {narrow} here too")


def _build(table: ServiceTable) -> Service:
    scopes = ScopesByPath(table.scopes)
    return Service(
        name=table.name,
        namespace=_namespace(table),
        hosts=table.hosts,
        ports=_ports(table),
        credential=_place(table),
        shared=None if table.shared is None else SharedCredential(table.shared.source, table.shared.retire_by),
        issuer=_issuer(table),
        operations=tuple(_operation(each, scopes) for each in table.operation),
        resources=tuple(_resource(each, table) for each in table.resource),
        sensitivity=Sensitivity(table.sensitivity),
        environment=table.environment,
        tag=table.tag,
        unlisted=table.unlisted == "strictest",
        plain_http=table.plain_http,
        foreign=table.foreign,
        refusal=table.refusal,
        encoded_slash=table.encoded_slash,
        descriptor=b64decode(table.descriptor_set),
        paths=table.paths,
        handouts=_handouts(table),
        placeholder=table.placeholder,
    )


def _place(table: ServiceTable) -> CredentialPlace | None:
    given = table.credential
    if given is None:
        return None
    signature = (given.signature or SignatureTable()).form() if given.in_ == "hmac" else None
    return replace(_one_place(given), also=tuple(_one_place(each) for each in given.also), signature=signature)


def _handouts(table: ServiceTable) -> Handouts:
    place = table.credential
    crumb = place.name if place is not None and place.in_ == "cookie" else ""
    return Handouts(
        table.cookies, table.links, frozenset(map(str.lower, table.link_parameters)), table.link_bodies, crumb
    )


def _one_place(given: PlaceTable) -> CredentialPlace:
    kind = PlaceKind(given.in_)
    if kind is PlaceKind.AWS_SIGV4:
        return CredentialPlace(kind, "authorization")
    if kind is PlaceKind.BASIC:
        return CredentialPlace(kind, "authorization", user=given.user)
    if kind is PlaceKind.CERTIFICATE or (kind is PlaceKind.HMAC and "name" not in given.model_fields_set):
        return CredentialPlace(kind, "")
    if kind is PlaceKind.HMAC:
        return CredentialPlace(kind, given.name.lower())
    name = given.name.lower() if kind is PlaceKind.HEADER else given.name
    return CredentialPlace(kind, name, given.scheme, prefix=given.prefix)


def _issuer(table: ServiceTable) -> IssuerSpec | None:
    given = table.issuer
    if given is None:
        return None if table.shared is None else _STORED_KEY
    audience = given.audience or given.default_audience(table.hosts)
    return IssuerSpec(given.kind, given.ttl, audience, given.details(), given.promised(), given.rate, given.listed)


def _operation(given: OperationTable, scopes: ScopesByPath) -> Operation:
    methods, _, template = given.match.partition(" ")
    return Operation(
        given.action,
        Group(given.group),
        tuple(methods.split(",")),
        template,
        given.resource,
        given.scope or scopes.of(methods.split(","), template) or given.action,
        given.reader,
        given.select,
        tuple(sorted(given.captures.items())),
        given.max_body,
        given.absent,
        Sensitivity(given.sensitivity or "low"),
        int(given.group != "read") if given.cost is None else given.cost,
        tuple(sorted(given.parts.items())),
        _hand_out(given, methods.split(","), template),
    )


def _hand_out(given: OperationTable, methods: Sequence[str], template: str) -> HandOut | None:
    said = given.hands_out
    if isinstance(said, HandOutTable):
        return HandOut(said.shape, said.hosts, frozenset(map(str.lower, said.fields)))
    if said:
        return None if said == "nothing" else HandOut(said)
    return guessed(methods, template)


def _resource(given: ResourceTable, table: ServiceTable) -> ResourceType:
    return ResourceType(
        given.type,
        given.id,
        given.in_,
        given.fold,
        _sensitivity(given, table),
        given.environment or table.environment,
        given.form,
    )


def _sensitivity(given: ResourceTable, table: ServiceTable) -> Sensitivity:
    """The highest of what the resource and its service say; a service that says nothing is no word against ``low``."""
    said = [given.sensitivity, table.sensitivity if "sensitivity" in table.model_fields_set else None]
    stated = [Sensitivity(each) for each in said if each is not None]
    return highest(*stated) if stated else Sensitivity.NORMAL
