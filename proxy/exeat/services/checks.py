"""Everything that can be wrong with one service's table, found before it is compiled.

Every check names the field and the fix; none stops at the first. Must not know: other services, files.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from exeat.config.tables.issuers.browser_login import BrowserLoginTable
from exeat.config.tables.service import (
    EVERY,
    CredentialTable,
    OperationTable,
    PlaceTable,
    ResourceTable,
    ServiceTable,
)
from exeat.errors import Finding
from exeat.model.destination import DestinationPattern
from exeat.model.service import Group
from exeat.services.hosts import captures_of_host, is_exact, is_template, overlap, parse_host, templates_of
from exeat.services.operations import METHODS
from exeat.services.readers.checks import check_messages, check_reading, named_by_parts, share_a_match
from exeat.services.resources import id_captures
from exeat.services.shapes import check as check_shape
from exeat.services.templates import (
    EVERYTHING,
    Conditions,
    Part,
    PartKind,
    captures_of,
    parse_match,
    query_captures,
    shape_of,
    shape_of_query,
)

RESERVED_NAMES = frozenset({"http", *Group})
"""``http:read`` and the global groups are words of the policy language already."""
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")  # RFC 9110 §5.6.2
_UNFIT_HEADERS = re.compile(
    r"host|content-.*|transfer-encoding|connection|cookie|te|trailer|upgrade|expect|forwarded|via|x-forwarded-.*|proxy-.*|exeat-.*"
)
"""Header fields that frame, route or tag a request, or are taken off it: never a credential's place."""


def check_service(table: ServiceTable, namespace: str, origins: Sequence[int] = ()) -> Iterator[Finding]:
    """Yield every finding about one merged table; fields are written ``service.NAME.…``."""
    at = f"service.{table.name}"
    if table.name in RESERVED_NAMES:
        yield _finding(at, f"'{table.name}' is a reserved word", "choose another name")
    if not re.fullmatch(r"[A-Z][A-Za-z0-9]{0,62}", namespace) or namespace == "Exeat":
        yield _finding(
            f"{at}.namespace", f"'{namespace}' can't be a Cedar namespace here", 'set namespace = "MyService"'
        )
    if not table.hosts:
        yield _finding(
            f"{at}.hosts", "no hosts, and no built-in service has this name", 'add hosts = ["api.example.com"]'
        )
    for index, host in enumerate(table.hosts):
        yield from _check_host(f"{at}.hosts[{index}]", host)
    templates = templates_of(table.hosts)
    for number, (host, template) in enumerate(templates):
        for other, before in templates[:number]:
            if overlap(template, before):
                yield _finding(
                    f"{at}.hosts", f"one host could fit '{other}' and '{host}'", "make them differ in a label"
                )
    for index, port in enumerate(table.ports):
        if not 1 <= port <= 65535:
            yield _finding(f"{at}.ports[{index}]", f"{port} is not a port", "write 1 to 65535")
    yield from _check_credential(at, table)
    if table.placeholder and (problem := check_shape(table.placeholder)):
        yield _finding(f"{at}.placeholder", problem, 'write for example placeholder = "ghp_{36}"')
    yield from _check_resources(at, table.resource)
    yield from _check_operations(at, table, origins or range(len(table.operation)))
    yield from check_messages(at, table)


def _finding(field: str, message: str, fix: str = "") -> Finding:
    return Finding("", message, field=field, fix=fix)


def _check_host(at: str, host: str) -> Iterator[Finding]:
    try:
        if is_template(host):
            parse_host(host)
            return
        pattern = DestinationPattern.parse(f"{host}:443")
    except ValueError as error:
        yield _finding(at, str(error).replace(":443", ""))
        return
    if pattern.host == "*":
        yield _finding(at, "'*' can't be one service", "name the service's hosts")


def _check_credential(at: str, table: ServiceTable) -> Iterator[Finding]:
    place = table.credential
    if place is None:
        if table.shared is not None or table.issuer is not None:
            yield _finding(
                f"{at}.credential",
                "nobody knows where this service's credential sits",
                'add credential = { in = "header", name = "Authorization", scheme = "Bearer" }',
            )
        return
    yield from _check_place(f"{at}.credential", place)
    taken = {_spot(place)}
    for index, each in enumerate(place.also):
        at_also = f"{at}.credential.also[{index}]"
        yield from _check_place(at_also, each)
        kind, name, scheme = _spot(each)
        if any((kind, name) == other[:2] and (not scheme or not other[2] or scheme == other[2]) for other in taken):
            yield _finding(at_also, "can't be told from another place", "give it another name or scheme")
        taken.add(_spot(each))
    first = table.hosts[0] if table.hosts else ""
    if (
        table.issuer is not None
        and table.issuer.kind == "jwt"
        and not table.issuer.audience
        and first
        and not is_exact(first)
    ):
        yield _finding(
            f"{at}.issuer.audience",
            "no audience",
            f'add audience = "https://{first.rpartition("}.")[2].removeprefix("*.")}"',
        )
    yield from _check_signed(at, place, None if table.issuer is None else str(table.issuer.kind))
    if isinstance(table.issuer, BrowserLoginTable) and (place.in_, place.name) != ("cookie", table.issuer.cookie):
        yield _finding(
            f"{at}.credential",
            "browser_login needs the session's cookie as the credential",
            f'set credential = {{ in = "cookie", name = "{table.issuer.cookie}" }}',
        )
    if table.issuer is not None and table.issuer.kind == "stored_key" and table.shared is None:
        yield _finding(f"{at}.issuer.kind", "stored_key needs the key", 'add shared = { source = "env:NAME" }')


_WITHOUT_VALUE = {
    "aws_sigv4": ("aws", "stored_key"),
    "hmac": ("hmac", "vault"),
    "client_certificate": ("client_certificate", "vault"),
}
"""Places of what never travels itself, and the kinds of issuers whose tokens are such."""
_ONLY_AT = {"aws": "aws_sigv4", "hmac": "hmac", "client_certificate": "client_certificate"}
"""Kinds of issuers, and the one place for what they issue."""


def _check_signed(at: str, place: CredentialTable, kind: str | None) -> Iterator[Finding]:
    if place.signature is not None and place.in_ != "hmac":
        yield _finding(f"{at}.credential.signature", 'a signature goes with in = "hmac"', "remove signature")
    if any(each.in_ in _WITHOUT_VALUE for each in place.also):
        yield _finding(f"{at}.credential.also", "no client can show a credential there", "name another place")
    kinds = _WITHOUT_VALUE.get(place.in_)
    if place.in_ == "aws_sigv4" and place.model_fields_set - {"in_"}:
        yield _finding(f"{at}.credential", "an AWS signature has its own places", 'write { in = "aws_sigv4" } alone')
    if kinds is not None and kind not in kinds and (kind or place.in_ != "aws_sigv4"):
        yield _finding(f"{at}.issuer.kind", f'in = "{place.in_}" needs an issuer for it', f'set kind = "{kinds[0]}"')
    elif kinds is None and kind is not None and kind in _ONLY_AT:
        yield _finding(
            f"{at}.credential.in", f"what {kind} issues never travels as a value", f'set in = "{_ONLY_AT[kind]}"'
        )


def _spot(place: PlaceTable) -> tuple[str, str, str]:
    """What tells a place from another: two in one header field differ in their schemes."""
    if place.in_ == "basic":
        return "header", "authorization", "basic"
    if place.in_ == "header":
        return "header", place.name.lower(), place.scheme.lower()
    return place.in_, place.name, ""


def _check_place(at: str, place: PlaceTable) -> Iterator[Finding]:
    if place.scheme and (place.in_ != "header" or not _TOKEN.fullmatch(place.scheme)):
        yield _finding(f"{at}.scheme", "a scheme is one word before the value of a header", "remove scheme")
    if place.user is not None and (place.in_ != "basic" or not re.fullmatch(r"[!-9;-~]{0,128}", place.user)):
        yield _finding(f"{at}.user", "a user name goes with in = \"basic\" and holds no ':'", "remove user")
    if place.prefix and (place.in_ != "header" or not re.fullmatch(r"[!-~]{1,32}", place.prefix)):
        yield _finding(f"{at}.prefix", "a prefix is a word before the value of a header", "remove prefix")
    yield from _check_place_name(f"{at}.name", place)


def _check_place_name(at: str, place: PlaceTable) -> Iterator[Finding]:
    if place.in_ in ("basic", "aws_sigv4", "client_certificate"):
        return
    if place.in_ in ("query", "cookie") and "name" not in place.model_fields_set:
        yield _finding(at, f"the {place.in_} has no name", "add name")
    elif not _TOKEN.fullmatch(place.name):
        yield _finding(at, f"'{place.name}' can't be the name of a {place.in_}", "write letters, digits and '-'")
    elif place.in_ in ("header", "hmac") and ("_" in place.name or _UNFIT_HEADERS.fullmatch(place.name.lower())):
        yield _finding(at, f"the header '{place.name}' can't carry a credential", "name the header the service reads")


def _check_resources(at: str, resources: Sequence[ResourceTable]) -> Iterator[Finding]:
    parents = {each.type: each.in_ for each in resources}
    seen: set[str] = set()
    for index, each in enumerate(resources):
        here = f"{at}.resource[{index}]"
        if each.type in seen:
            yield _finding(f"{here}.type", f"'{each.type}' is described twice", "remove one")
        seen.add(each.type)
        try:
            id_captures(each.id)
        except ValueError as error:
            yield _finding(f"{here}.id", str(error))
        try:
            re.compile(each.form)
        except re.error as error:
            yield _finding(f"{here}.form", f"not a regular expression: {error}")
        if each.in_ and each.in_ not in parents:
            yield _finding(f"{here}.in", f"no resource type '{each.in_}'", f"write one of: {', '.join(parents)}")
        elif each.type in _line(each.in_, parents):
            yield _finding(f"{here}.in", f"'{each.type}' lies in itself", "break the cycle")


def _line(start: str, parents: dict[str, str]) -> list[str]:
    """The chain of parents from ``start``, cut where it repeats."""
    line: list[str] = []
    while start and start in parents and start not in line:
        line.append(start)
        start = parents[start]
    return line


def _check_operations(at: str, table: ServiceTable, origins: Sequence[int]) -> Iterator[Finding]:
    operations, resources = table.operation, table.resource
    of_hosts = [captures_of_host(host) for host in table.hosts]
    always = frozenset.intersection(*of_hosts) if of_hosts else frozenset[str]()
    whole = [each for each in operations if each.match.partition(" ")[2] == EVERYTHING]
    if whole and (len(whole) != len(operations) or not all(each.reader for each in whole)):
        yield _finding(
            f"{at}.operation", f"'{EVERYTHING}' goes with a reader, and no other template beside it", "write paths"
        )
    types = {each.type: each for each in resources}
    parents = {each.type: each.in_ for each in resources}
    shapes: dict[tuple[str, tuple[str, ...], Conditions], int] = {}
    meanings: dict[str, tuple[str, str]] = {}
    for index, each in enumerate(operations):
        here = f"{at}.operation[{origins[index]}]" if origins[index] >= 0 else f"{at}.operation"
        if unfinished := list(_check_whole(here, each)):
            yield from unfinished
            continue
        if each.action in Group or each.action.startswith("unlisted/"):
            yield _finding(
                f"{here}.action", f"'{each.action}' is a reserved word", "name what it does: 'refunds/create'"
            )
        if meanings.setdefault(each.action, (each.group, each.resource)) != (each.group, each.resource):
            yield _finding(
                f"{here}.action", f"'{each.action}' has another group or resource above", "give it its own name"
            )
        if each.resource and each.resource not in types:
            yield _finding(
                f"{here}.resource", f"no resource type '{each.resource}'", "add a [[service.resource]] for it"
            )
        methods, _, template = each.match.partition(" ")
        try:
            parts, conditions = parse_match(template)
        except ValueError as error:
            yield _finding(f"{here}.match", str(error))
            continue
        written = methods.split(",")
        for method in dict.fromkeys(written):
            if method not in METHODS:
                yield _finding(f"{here}.match", f"{method} is not a method a request may use", "remove it")
            other = shapes.setdefault((method, shape_of(parts), shape_of_query(conditions)), index)
            if (other != index and not share_a_match(each, operations[other])) or written.count(method) > 1:
                yield _finding(f"{here}.match", f"{method} {template} is also operation[{other}]", "remove one")
        if table.paths and not any(template == path or template.startswith(f"{path}/") for path in table.paths):
            yield _finding(f"{here}.match", "this is below none of the service's paths", "add its beginning to paths")
        needed = {name for kind in _line(each.resource, parents) for name in _captures_or_none(types[kind].id)}
        asked = frozenset(query_captures(conditions).values())
        own = captures_of(parts) | asked
        if twice := captures_of(parts) & asked:
            yield _finding(f"{here}.match", f"path and query both capture {', '.join(sorted(twice))}", "rename one")
        yield from check_reading(here, each, operations[:index], own)
        if both := own & frozenset[str]().union(*of_hosts):
            yield _finding(f"{here}.match", f"the host captures {', '.join(sorted(both))} already", "rename it")
        if missing := needed - own - always - each.captures.keys() - named_by_parts(each):
            names = ", ".join(f"{{{name}}}" for name in sorted(missing))
            yield _finding(
                f"{here}.match", f"the id of '{each.resource}' needs {names}", "capture it, or act on the service"
            )
        whole_parts = parts if table.encoded_slash == "kept" else [part for part in parts if part.kind is PartKind.REST]
        if any(part.text in _inner_captures(each.resource, types, parents) for part in whole_parts if _captures(part)):
            yield _finding(
                f"{here}.match", "what may hold a '/' can only be the last part of an id", "capture single parts before"
            )


def _check_whole(here: str, each: OperationTable) -> Iterator[Finding]:
    """What an operation lacks that was meant to change a built-in one, and met none."""
    if each.remove or each.match == EVERY:
        yield _finding(f"{here}.remove", "there is no built-in operation to take away", "leave it out")
        return
    lacking = [name for name in ("match", "action", "group") if not getattr(each, name)]
    if lacking:
        message = f"a new operation needs {', '.join(lacking)}; no built-in one is meant"
        yield _finding(f"{here}.{lacking[0]}", message, "write match, action and group")


def _captures(part: Part) -> bool:
    return part.kind is not PartKind.LITERAL


def _captures_or_none(template: str) -> tuple[str, ...]:
    try:
        return id_captures(template)
    except ValueError:
        return ()  # reported where the resource is described


def _inner_captures(resource: str, types: dict[str, ResourceTable], parents: dict[str, str]) -> set[str]:
    """Captures that something follows in some id: a remainder there would let two resources share one id."""
    return {
        name
        for kind in _line(resource, parents)
        for name in _captures_or_none(types[kind].id)
        if not types[kind].id.endswith(f"{{{name}}}")
    }
