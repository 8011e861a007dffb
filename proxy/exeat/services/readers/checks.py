"""Everything that can be wrong with how one operation reads bodies, found before it is compiled.

Must not know: other services, files.
"""

from __future__ import annotations

from base64 import b64decode
from collections.abc import Collection, Iterator, Sequence

from exeat.config.tables.service import OperationTable, ServiceTable
from exeat.errors import Finding
from exeat.services.readers.choices import IN_DOCUMENT, METHODS
from exeat.services.readers.descriptors import read_descriptors
from exeat.services.readers.parts import parse_parts, part_names
from exeat.services.readers.pointers import is_each, parse_pointer
from exeat.services.readers.selects import check_select


def share_a_match(one: OperationTable, other: OperationTable) -> bool:
    """Whether two operations of one shape are told apart by the body: same template, same reader, different select."""
    same = one.match.partition(" ")[2] == other.match.partition(" ")[2] and one.reader == other.reader
    return bool(one.reader) and same and one.select != other.select


def check_reading(
    at: str, each: OperationTable, before: Sequence[OperationTable], path_captures: Collection[str]
) -> Iterator[Finding]:
    """Yield every finding about the fields of reading; ``before`` are the operations written above."""
    if not each.reader:
        reading = ("select", "captures", "absent", "parts", "max_body")
        unused = [name for name in reading if name in each.model_fields_set]
        if unused:
            yield Finding("", f"{', '.join(unused)} without a reader", field=f"{at}.reader", fix='add reader = "json"')
        return
    methods, _, template = each.match.partition(" ")
    if "={" in template and each.reader not in IN_DOCUMENT:
        message = f"a query's capture beside a {each.reader} reader"
        yield Finding("", message, field=f"{at}.match", fix="capture it in the body, or read json or form")
    unread = sorted(set(methods.split(",")) - METHODS[each.reader])
    if unread:
        message = f"a {each.reader} reader reads no {', '.join(unread)}"
        yield Finding("", message, field=f"{at}.match", fix=f"write {', '.join(sorted(METHODS[each.reader]))}")
    try:
        check_select(each.reader, each.select)
    except ValueError as error:
        yield Finding("", str(error), field=f"{at}.select", fix='as in select = "tools/call:search"')
    for other in before:
        shared = set(methods.split(",")) & set(other.match.partition(" ")[0].split(","))
        if (
            shared
            and other.match.partition(" ")[2] == template
            and share_a_match(each, other) is False
            and other.reader
        ):
            yield Finding(
                "", f"{template} has this select or another reader above", field=f"{at}.select", fix="remove one"
            )
            break
    yield from _check_parts(at, each)
    for pointer in each.absent:
        try:
            parse_pointer(pointer)
        except ValueError as error:
            yield Finding("", str(error), field=f"{at}.absent", fix="as in '/models'")
    for name, pointer in each.captures.items():
        try:
            parse_pointer(pointer)
        except ValueError as error:
            yield Finding("", str(error), field=f"{at}.captures.{name}", fix="as in '/model'")
        if name in path_captures:
            yield Finding("", f"the path captures {{{name}}} already", field=f"{at}.captures.{name}", fix="rename it")


def named_by_parts(each: OperationTable) -> frozenset[str]:
    """What the parts of an operation's captures name."""
    return frozenset[str]().union(*(part_names(template) for template in each.parts.values()))


def _check_parts(at: str, each: OperationTable) -> Iterator[Finding]:
    for name, template in each.parts.items():
        if name not in each.captures:
            yield Finding("", f"nothing is captured as '{name}'", field=f"{at}.parts.{name}", fix="add it to captures")
        try:
            parse_parts(template)
        except ValueError as error:
            yield Finding("", str(error), field=f"{at}.parts.{name}")
    several = [name for name, pointer in each.captures.items() if _is_each(pointer)]
    if len(several) > 1:
        yield Finding("", "two captures stand for several values", field=f"{at}.captures", fix="leave one '*'")


def _is_each(pointer: str) -> bool:
    try:
        return is_each(parse_pointer(pointer))
    except ValueError:
        return False  # reported with the pointer


def check_messages(at: str, table: ServiceTable) -> Iterator[Finding]:
    """Yield what keeps the messages of a service's gRPC calls from being read."""
    reading = [(index, each) for index, each in enumerate(table.operation) if each.reader == "grpc"]
    descriptors = None
    if table.descriptor_set or table.descriptor is not None:
        try:
            descriptors = read_descriptors(b64decode(table.descriptor_set))
        except ValueError as error:
            yield Finding("", str(error), field=f"{at}.descriptor")
            return
    for index, each in reading:
        try:
            if descriptors is None or not each.captures:
                raise ValueError(
                    "a grpc reader needs the service's descriptor, and captures; without them the path says it all"
                )
            descriptors.wanted(each.match.partition(" ")[2], [parse_pointer(one) for one in each.captures.values()])
        except ValueError as error:
            yield Finding("", str(error), field=f"{at}.operation[{index}]")
