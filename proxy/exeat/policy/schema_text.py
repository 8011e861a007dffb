"""The Cedar schema as text: generated from services and names, with a site's own file merged in by namespace.

The schema is generated so that a policy with a misspelt environment, group or operation doesn't validate. Nothing in it is
optional: an absent attribute would make a forbid fail, and Cedar skips a policy that fails. Must not know: policies.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from exeat.errors import Finding
from exeat.model.decision import CredentialState
from exeat.model.issuing import Grade
from exeat.model.service import Group, Operation, Sensitivity, Service
from exeat.policy.source import Token, position, quote, tokens
from exeat.policy.values import SchemaNames

_TYPE = re.compile(r"[A-Z][A-Za-z0-9]{0,62}")
_ATTRIBUTES = "{ environment: Exeat::Environment, sensitivity: Exeat::Sensitivity }"
_APPLIES = "principal: [Exeat::Session], context: Exeat::Context"


@dataclass(slots=True)
class Parts:
    """A schema taken apart: declarations by namespace, ``""`` being outside any."""

    bodies: dict[str, list[str]] = field(default_factory=dict)

    def add(self, namespace: str, text: str) -> None:
        """Put a declaration into a namespace."""
        self.bodies.setdefault(namespace, []).append(text)

    def text(self) -> str:
        """One schema, each namespace written once, as Cedar demands."""
        return "\n".join(
            "\n".join(body) if not name else f"namespace {name} {{\n" + "\n".join(body) + "\n}"
            for name, body in self.bodies.items()
        )


def generate(services: Sequence[Service], names: SchemaNames) -> tuple[Parts, list[Finding]]:
    """The schema of the core and of every service, and what in the services can't be said in one."""
    parts, findings = Parts(), list[Finding]()
    _core(parts, names)
    for service in services:
        wrong = (*_environments(service, names), *_service(parts, service))
        findings.extend(Finding("", message, field=f"service.{service.name}", fix=fix) for message, fix in wrong)
    return parts, findings


def _enum(values: Iterable[str]) -> str:
    # Cedar has no empty enumeration. "none" is taken by no name that anything can have by accident: an agent or mission
    # with it would not be in the configured lists.
    return "enum [" + ", ".join(map(quote, sorted(set(values)) or ["none"])) + "];"


def _core(parts: Parts, names: SchemaNames) -> None:
    # "any" is shared by all; beside it there is always a second one, so that separation can be tried out.
    environments = {"any", *(names.environments or {"none"})}
    for name, values in (
        ("Environment", environments),
        ("Group", names.groups),
        ("MissionTemplate", names.templates),
        ("Approver", names.approvers),
        ("Sensitivity", [value.value for value in Sensitivity]),
        ("Grade", [value.value for value in Grade]),
        ("Credential", [value.value for value in CredentialState]),
    ):
        parts.add("Exeat", f"entity {name} {_enum(values)}")
    parts.add("Exeat", "entity Agent;\nentity Mission;")
    parents = "Mission, MissionTemplate, Agent, Environment, Group"
    parts.add(
        "Exeat",
        f"entity Session in [{parents}] {{ operations: Set<Action>, owned: Bool, readOnly: Bool }} tags String;",
    )
    parts.add("Exeat", f"entity Service {_ATTRIBUTES};\nentity Host in [Service] {_ATTRIBUTES};")
    context = "credential: Credential, grade: Grade, approvals: Set<Approver>, method: String, host: String"
    parts.add("Exeat", f"type Context = {{ {context} }};")
    for group in Group:
        parts.add("", f'action "{group}";')
    parts.add("", 'action "http:*";')
    for group in (Group.READ, Group.WRITE, Group.DELETE):
        _leaf(parts, f"http:{group}", ["http:*", group.value], "Exeat::Host")


def _leaf(parts: Parts, action: str, groups: Iterable[str], resource: str) -> None:
    within = ", ".join(f"Action::{quote(group)}" for group in groups)
    parts.add("", f"action {quote(action)} in [{within}] appliesTo {{ {_APPLIES}, resource: [{resource}] }};")


def _environments(service: Service, names: SchemaNames) -> Iterable[tuple[str, str]]:
    """Environments that no resource of a service could have: every request to it would fail."""
    for environment in {service.environment, *(resource.environment for resource in service.resources)}:
        if environment != "any" and environment not in names.environments:
            yield f"{environment!r} is no environment", f"known are {', '.join(sorted(names.environments | {'any'}))}"


def _service(parts: Parts, service: Service) -> Iterable[tuple[str, str]]:
    """Add a service; yield what can't be added, with the fix."""
    if service.resources:
        if not _TYPE.fullmatch(service.namespace) or service.namespace == "Exeat":
            yield (
                f"{service.namespace!r} can't be its namespace",
                "a capital letter, then letters and digits; not Exeat",
            )
            return
        if service.namespace in parts.bodies:
            yield f"the namespace {service.namespace!r} is another service's", "give each service its own namespace"
            return
    types = {resource.name: resource for resource in service.resources}
    for resource in service.resources:
        chain, parent = list[str](), resource.parent
        while parent and parent in types and parent not in chain:
            chain.append(parent)
            parent = types[parent].parent
        if parent or not _TYPE.fullmatch(resource.name):
            yield f"the resource {resource.name!r} has no proper name or chain of parents", "correct it in the service"
            return
        within = ", ".join([*chain, "Exeat::Service"])
        parts.add(service.namespace, f"entity {resource.name} in [{within}] {_ATTRIBUTES};")
    prefix = service.name
    parts.add("", f"action {quote(f'{prefix}:*')};")
    for group in Group:
        parts.add("", f'action {quote(f"{prefix}:{group}")} in [Action::{quote(f"{prefix}:*")}, Action::"{group}"];')
    if service.unlisted:
        for group in (Group.READ, Group.ADMIN):
            _leaf(parts, f"{prefix}:unlisted/{group}", [f"{prefix}:{group}"], "Exeat::Service")
    meanings: dict[str, Operation] = {}
    for operation in service.operations:
        first = meanings.setdefault(operation.action, operation)
        if operation.resource and operation.resource not in types:
            yield f"{operation.action!r} acts on the unknown resource {operation.resource!r}", "declare the resource"
        elif first is operation:
            resource_type = f"{service.namespace}::{operation.resource}" if operation.resource else "Exeat::Service"
            _leaf(parts, f"{prefix}:{operation.action}", [f"{prefix}:{operation.group}"], resource_type)
        elif (first.group, first.resource) != (operation.group, operation.resource):
            yield f"{operation.action!r} means two things", "one group and one resource for an action, or two actions"


def take_apart(text: str, path: str) -> tuple[Parts, list[Finding]]:
    """A site's schema by namespace, so that it can add to a namespace that is generated."""
    parts, words, findings = Parts(), tokens(text), list[Finding]()
    at = 0
    while at < len(words):
        start = at
        while at + 1 < len(words) and words[at].text == "@":  # annotations of a namespace are dropped, others kept
            at += 5 if at + 2 < len(words) and words[at + 2].text == "(" else 2
        if at < len(words) and words[at].text == "namespace":
            opening = next((i for i in range(at, len(words)) if words[i].text == "{"), None)
            closing = _closing(words, opening) if opening is not None else None
            if opening is None or closing is None:
                findings.append(
                    Finding(path, "the namespace has no end", *position(text, words[at].start), fix="add }")
                )
                break
            name = "".join(word.text for word in words[at + 1 : opening])
            parts.add(name, text[words[opening].end : words[closing].start] + "\n")
            at = closing + 1
        else:
            end = next((i for i in range(at, len(words)) if words[i].text == ";"), len(words) - 1)
            parts.add("", text[words[start].start : words[end].end] + "\n")
            at = end + 1
    return parts, findings


def _closing(words: Sequence[Token], opening: int) -> int | None:
    depth = 0
    for index in range(opening, len(words)):
        depth += {"{": 1, "}": -1}.get(words[index].text, 0)
        if depth == 0:
            return index
    return None
