"""What is valid and still unwise or unfinished in a service's description: ``exeat service lint``.

A rule has a name; a service may say in its ``lint`` table why it is passed over, for all of it (``"unread-query"``) or for one action
(``"write-as-read:search/run"``). Must not know: files, settings, how findings are shown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from exeat.config.tables.service import OperationTable, ServiceTable
from exeat.model.service import Group, Operation
from exeat.services.operations import Matcher
from exeat.services.templates import EVERYTHING, PartKind, parse_match

_READING = frozenset({"GET", "HEAD", "OPTIONS", "WEBSOCKET"})
_TELLING = frozenset({"graphql", "jsonrpc", "mcp", "s3", "aws", "git-receive-pack"})
"""Readers that say themselves whether a POST reads."""
_SERIOUS = frozenset({"high", "critical"})
_MANY = re.compile(r"(?:^|[/:$_.-])(?:batch(?!/v\d)|composite|graphql|multi)(?:$|[/:_.-])", re.IGNORECASE)
"""Words of paths where one request asks for many things."""
_RIGHTS = re.compile(
    r"(?:^|[/:_.-])(?:permissions?|acl|roles?|members?|memberships?|delegates|setIamPolicy|rolebindings|webhooks?|hooks)(?:$|[/:_.-])"
)
"""Words of paths that say who may do what, or where things are sent."""
_SECRETS = re.compile(
    r"(?:^|[/:_.-])(?:secrets?|variables|access_?tokens?|api[-_]?keys?|addPassword|credentials|signing_keys)(?:$|[/:_.-])",
    re.IGNORECASE,
)
"""Words of paths whose answers may hold secrets."""


@dataclass(frozen=True, slots=True)
class Lint:
    """One finding: the rule, where (a field as in the file, or an action), and what to do."""

    rule: str
    at: str
    message: str
    fix: str

    @property
    def key(self) -> str:
        """What the ``lint`` table calls it."""
        return f"{self.rule}:{self.at}" if self.at else self.rule


def lint_service(table: ServiceTable) -> tuple[Lint, ...]:
    """Return what the rules find in a merged, valid table and it doesn't account for; an excuse nobody needs is one, too."""
    found = [each for rule in _RULES for each in rule(table)]
    used = {key for each in found for key in (each.rule, each.key) if key in table.lint}
    stale = [
        Lint("stale-excuse", "", f'"{key}" excuses nothing', "take it out of the lint table")
        for key in table.lint
        if key not in used
    ]
    return (*(each for each in found if not used & {each.rule, each.key}), *stale)


# --- the service ------------------------------------------------------------------------------------------------------


def _whole(table: ServiceTable) -> Iterator[Lint]:
    if table.credential is None:
        yield Lint(
            "no-credential", "", "nobody knows where its credential sits", "add credential, or say that it needs none"
        )
    elif table.credential.in_ == "query":
        yield Lint(
            "query-credential", "", "the credential goes into URLs, which are logged", "use a header if it takes one"
        )
    if "refusal" not in table.model_fields_set:
        yield Lint("no-refusal", "", "it doesn't say in which form its clients read a refusal", 'add refusal = "json"')
    if table.attainable is None and table.credential is not None and table.issuer is None:
        yield Lint("no-issuer", "", "it doesn't say how narrow its tokens can be", "add attainable or an issuer")
    if table.unlisted == "strictest":
        yield Lint("unlisted", "", "what isn't described is granted with the groups read and admin", "remove unlisted")


def _examples(table: ServiceTable) -> Iterator[Lint]:
    groups = {each.action: each.group for each in table.operation}
    shown = {groups.get(each.action) for each in table.example}
    for group in Group:
        if group in groups.values() and group not in shown:
            yield Lint("no-example", str(group), f"no example of the group {group}", "add an [[example]]")
    if not any(each.refused for each in table.example):
        yield Lint("no-example", "refused", "no example of what it refuses", "add one with refused")


# --- its operations ---------------------------------------------------------------------------------------------------


def _groups(table: ServiceTable) -> Iterator[Lint]:
    for each, methods, _ in _operations(table):
        if each.group == "read" and not methods <= _READING and each.reader not in _TELLING:
            yield Lint("write-as-read", each.action, f"{each.match} is in the group read", "say why it changes nothing")
        if each.group in ("read", "write") and "DELETE" in methods:
            yield Lint(
                "delete-as-write",
                each.action,
                f"{each.match} is in the group {each.group}",
                "put it into delete or admin",
            )


def _dangers(table: ServiceTable) -> Iterator[Lint]:
    for each, methods, path in _operations(table):
        changes = not methods <= _READING and each.group in ("write", "delete")
        if changes and _RIGHTS.search(path):
            yield Lint(
                "rights",
                each.action,
                f"{each.match} changes who may do what, below the group admin",
                "put it into admin",
            )
        if each.group != "admin" and not each.hands_out and _SECRETS.search(path):
            yield Lint(
                "secrets", each.action, f"{each.match} may answer with a secret", "put it into admin, or add hands_out"
            )
        if (
            each.group != "admin"
            and not (each.reader or each.hands_out)
            and not methods <= _READING
            and _MANY.search(path)
        ):
            yield Lint(
                "unread-batch",
                each.action,
                f"{each.match} may ask for many things, unread",
                "read its body, or leave it out",
            )


def _resources(table: ServiceTable) -> Iterator[Lint]:
    """A change of one thing that is named in the path acts on some resource; otherwise no policy can speak of it."""
    if not table.resource and any("{" in each.match for each in table.operation if each.group != "read"):
        yield Lint(
            "no-resource",
            "",
            "it has no resource type, so policies can't tell one thing from another",
            "add [[resource]]",
        )


def _sensitivity(table: ServiceTable) -> Iterator[Lint]:
    kinds = {each.type: each.sensitivity for each in table.resource}
    for each, _, _ in _operations(table):
        said = {each.sensitivity, kinds.get(each.resource), table.sensitivity}
        if each.group == "admin" and not said & _SERIOUS:
            yield Lint(
                "admin-sensitivity",
                each.action,
                f"{each.match} is no more sensitive than a read",
                'add sensitivity = "high"',
            )


def _shadows(table: ServiceTable) -> Iterator[Lint]:
    """Each template is met by the path that it is written for."""
    plain = [each for each in _operations(table) if not each[0].reader and each[2] != EVERYTHING]
    compiled = [Operation(each.action, Group(each.group), tuple(methods), path) for each, methods, path in plain]
    matcher = Matcher(compiled, slashes=table.encoded_slash == "kept")
    for each, methods, path in plain:
        parts, conditions = parse_match(path)
        segments = tuple(
            part.text if part.kind is PartKind.LITERAL else f"{part.prefix}zz0{part.suffix}" for part in parts
        )
        query = "&".join(f"{key}={value if '{' not in value else 'zz0'}" for key, value in conditions)
        found = matcher.match(min(methods), segments, query)
        if found is None or found.operation.template != path:
            yield Lint("shadowed", each.action, f"{each.match} is never met: another template takes it", "remove one")


_RULES: tuple[Callable[[ServiceTable], Iterator[Lint]], ...] = (
    _whole,
    _examples,
    _groups,
    _dangers,
    _resources,
    _sensitivity,
    _shadows,
)


def _operations(table: ServiceTable) -> Iterator[tuple[OperationTable, frozenset[str], str]]:
    """Every operation with its methods and its template."""
    for each in table.operation:
        methods, _, template = each.match.partition(" ")
        yield each, frozenset(methods.split(",")), template
