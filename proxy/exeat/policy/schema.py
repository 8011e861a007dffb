"""The engine's schema: made, merged, parsed and held against what the adapter counts on.

Must not know: policies, sessions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import cedarpy
import orjson

from exeat.decision.engine import EngineSchema
from exeat.decision.entities import HOST, SERVICE, SESSION, ActionType
from exeat.errors import Finding
from exeat.model.service import Group, Service
from exeat.policy.schema_model import ActionDeclaration, Declarations, UnknownSchemaError, read_schema
from exeat.policy.schema_text import generate, take_apart
from exeat.policy.source import is_syntax, mentioned, offending, position, tokens
from exeat.policy.values import SchemaNames

_GLOBAL = frozenset(group.value for group in Group)
_PARSING = "error parsing schema: "
_RESOURCE = {"environment": "Exeat::Environment", "sensitivity": "Exeat::Sensitivity"}


def build_schema(
    services: Sequence[Service], names: SchemaNames, site: str = "", site_path: str = ""
) -> tuple[EngineSchema | None, list[Finding]]:
    """The schema of services, names and a site's own text, or None and what is wrong."""
    parts, findings = generate(services, names)
    findings.extend(_syntax(site, site_path))  # before merging: a declaration without end would swallow the next one
    added, more = take_apart(site, site_path)
    findings.extend(more if not findings else ())
    for namespace, bodies in added.bodies.items():
        for body in bodies:
            parts.add(namespace, body)
    if findings:
        return None, findings
    try:
        full = cedarpy.Schema.from_str(parts.text(), release_gil=True)
    except ValueError as error:
        return None, [_parse_finding(str(error).removeprefix(_PARSING), site, site_path)]
    return _checked(full, services, site, site_path)


def _checked(
    full: cedarpy.Schema, services: Sequence[Service], site: str, site_path: str
) -> tuple[EngineSchema | None, list[Finding]]:
    """The schema made ready for the engine, once everything the adapter counts on is found to hold."""
    text = str(full)
    try:
        declared = read_schema(text)
        types = cedarpy.Schema.from_str(_types_only(text, declared))
    except UnknownSchemaError as error:
        return None, [Finding(site_path, f"the schema can't be read back: {error}", fix="write it more simply")]
    except ValueError as error:
        fix = "types other than the session's own may not refer to Exeat::Session or to actions"
        return None, [Finding(site_path, f"the types can't stand without the actions: {error}", fix=fix)]
    groups = _groups(full)
    findings = [
        _at_word(action.name, message, site, site_path)
        for action in declared.actions.values()
        for message in _unsound(action, groups[action.name], declared)
    ]
    if findings:
        return None, findings
    actions = {
        action.name: _action_type(action, groups[action.name], declared)
        for action in declared.actions.values()
        if action.applies
    }
    folded = frozenset(f"{s.namespace}::{resource.name}" for s in services for resource in s.resources if resource.fold)
    return EngineSchema(text, full, types, actions, folded), []


def _groups(full: cedarpy.Schema) -> Mapping[str, frozenset[str]]:
    """Every action's groups, transitive, as the engine itself has them."""
    entities = orjson.loads(str(cedarpy.Entities.from_json_str("[]", full)))
    return {
        entity["uid"]["id"]: frozenset(parent["id"] for parent in entity["parents"])
        for entity in entities
        if entity["uid"]["type"] == "Action"
    }


def _unsound(action: ActionDeclaration, groups: frozenset[str], declared: Declarations) -> Iterator[str]:
    """What the adapter counts on and this action breaks."""
    if not action.applies:
        return
    prefix = action.name.partition(":")[0]
    if len(groups & _GLOBAL) != 1:
        yield f"needs exactly one of the groups {', '.join(sorted(_GLOBAL))}, and has {sorted(groups & _GLOBAL)}"
    if f"{prefix}:*" not in groups:
        yield f'has to be in Action::"{prefix}:*", through one of that service\'s groups'
    if action.principals != (SESSION,):
        yield f"its principal has to be {SESSION} alone"
    if action.context != "Exeat::Context":
        yield "its context has to be Exeat::Context"
    if len(action.resources) != 1:
        yield "needs exactly one resource type"
        return
    type_ = declared.types.get(action.resources[0])
    if type_ is None or type_.attributes != _RESOURCE or type_.tags or type_.enumerated:
        yield f"its resource {action.resources[0]} needs just the attributes environment and sensitivity, both required"
    elif type_.name not in (HOST, SERVICE) and SERVICE not in declared.ancestors(type_.name):
        yield f"its resource {type_.name} has to be in {SERVICE}"


def _action_type(action: ActionDeclaration, groups: frozenset[str], declared: Declarations) -> ActionType:
    resource = action.resources[0]
    if resource == HOST:  # a host outside the catalogue lies in no service
        return ActionType(action.name, groups, resource)
    parents = frozenset() if resource == SERVICE else declared.ancestors(resource)
    return ActionType(action.name, groups, resource, parents, action.name.partition(":")[0])


def _types_only(text: str, declared: Declarations) -> str:
    """The schema without actions and sessions: checking a resource against it takes as long as the resource is large."""
    cut = [(action.start, action.end) for action in declared.actions.values()]
    cut += [(type_.start, type_.end) for type_ in declared.types.values() if type_.name == SESSION]
    kept, at = "", 0
    for start, end in sorted(cut):
        kept += text[at:start]
        at = end
    return kept + text[at:]


def _parse_finding(message: str, site: str, site_path: str) -> Finding:
    """Where in the site's text a fault is, by the word that Cedar names."""
    if not site:
        return Finding("", f"the generated schema is refused: {message}", fix="a service has a name Cedar can't take")
    offset = mentioned(_ticked(message), site, tokens(site))
    return Finding(site_path, message, *(position(site, offset) if offset is not None else (0, 0)))


def _syntax(site: str, site_path: str) -> Iterator[Finding]:
    """Where a site's text, taken alone, stops being a schema. That its names mean nothing alone is no fault."""
    try:
        cedarpy.Schema.from_str(site)
    except ValueError as error:
        message = str(error).removeprefix(_PARSING)
        if is_syntax(message) or "unexpected end of input" in message:
            offset = offending(site, cedarpy.Schema.from_str)
            yield Finding(site_path, message, *position(site, len(site.rstrip()) if offset is None else offset))


def _ticked(message: str) -> str:
    """Cedar names unresolved types without backticks."""
    head, found, names = message.partition("failed to resolve type")
    return head + " ".join(f"`{name.strip()}`" for name in names.lstrip("s: ").split(",")) if found else message


def _at_word(name: str, message: str, site: str, site_path: str) -> Finding:
    offset = mentioned(f"`{name}`", site, tokens(site))
    at = position(site, offset) if offset is not None else (0, 0)
    return Finding(site_path if offset is not None else "", message, *at, field=f'action "{name}"')
