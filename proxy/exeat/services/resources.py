"""What an operation acts on: the resource's id, rendered from captures, and all its parents.

A missing parent or a second spelling of an id makes a forbid miss in silence, so whatever isn't canonical is refused here.
Must not know: templates of paths, policies.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from exeat.model.service import EntityUid, Operation, Resource, ResourceType, Sensitivity, Service, highest

SERVICE_TYPE = "Exeat::Service"
HOST_TYPE = "Exeat::Host"
MODEL = "Model"
"""What services call the resource type, and the capture in lower case, of a language model."""
LONGEST_ID = 1024
"""Characters; ids are kept in memos and records, and agents choose them."""
_FIELD = re.compile(r"\{([a-z][a-z0-9_]{0,31})\}")
_BETWEEN = re.compile(r"[A-Za-z0-9._~:@/-]*")


@dataclass(frozen=True, slots=True)
class Chain:
    """A resource type and its parents, innermost first, ready to render. Empty ``types`` is the service itself."""

    types: tuple[tuple[str, ResourceType], ...]
    service: EntityUid
    whole: Resource
    forms: Mapping[str, re.Pattern[str]] = field(default_factory=dict)
    """What ids look like, by the name of their type in the service, where it says so."""


def service_uid(name: str) -> EntityUid:
    """The Cedar entity of a service."""
    return EntityUid(SERVICE_TYPE, name)


def id_captures(template: str) -> tuple[str, ...]:
    """Return the captures an id template needs; raise ValueError when two resources could render to one id.

    Captures of one segment can't hold a ``/``, so with a ``/`` between any two of them every id has one reading.
    """
    if not template:
        raise ValueError("write an id, as in '{owner}/{repo}'")
    names: list[str] = []
    end = 0
    for found in _FIELD.finditer(template):
        between = template[end : found.start()]
        if not _BETWEEN.fullmatch(between):
            raise ValueError(f"{between!r} can't stand in an id; write letters, digits and ._~:@/-")
        if names and "/" not in between:
            raise ValueError("put a '/' between two captures, or ids of two resources may be the same")
        names.append(found[1])
        end = found.end()
    if not _BETWEEN.fullmatch(template[end:]):
        raise ValueError(f"{template[end:]!r} can't stand in an id; captures are written {{name}}")
    return tuple(names)


def compile_chains(service: Service) -> Mapping[str, Chain]:
    """Return a chain for every resource type, and ``""`` for the service itself; types must have been checked."""
    own = service_uid(service.name)
    whole = Resource(own, (), service.environment, service.sensitivity)
    forms = {kind.name: re.compile(kind.form, re.ASCII) for kind in service.resources if kind.form}
    by_name = {kind.name: kind for kind in service.resources}
    chains = {"": Chain((), own, whole)}
    for kind in service.resources:
        line = [kind]
        while line[-1].parent:
            line.append(by_name[line[-1].parent])
            if len(line) > len(by_name):
                raise ValueError(f"resource type {kind.name} lies in itself")
        chains[kind.name] = Chain(
            tuple((f"{service.namespace}::{each.name}", each) for each in line), own, whole, forms
        )
    return chains


def resource_for(chains: Mapping[str, Chain], operation: Operation, captures: Mapping[str, str]) -> Resource:
    """Return what ``operation`` acts on; raise ValueError (fixed text) when an id isn't canonical."""
    chain = chains[operation.resource]
    least = operation.sensitivity
    if not chain.types:
        whole = chain.whole
        return whole if least is Sensitivity.LOW else replace(whole, sensitivity=highest(whole.sensitivity, least))
    uids = tuple(EntityUid(name, _render(kind, captures)) for name, kind in chain.types)
    for (_, kind), uid in zip(chain.types, uids, strict=True) if chain.forms else ():
        if kind.name in chain.forms and not chain.forms[kind.name].fullmatch(uid.id):
            raise ValueError("the resource is not named in the one way that is known")
    first = chain.types[0][1]
    sensitivity = first.sensitivity if least is Sensitivity.LOW else highest(first.sensitivity, least)
    return Resource(uids[0], (*uids[1:], chain.service), first.environment, sensitivity)


def _render(kind: ResourceType, captures: Mapping[str, str]) -> str:
    text = kind.id.format_map(captures)  # checked at load: plain {name} fields only
    if kind.fold:
        text = text.lower()
    if not 0 < len(text) <= LONGEST_ID:
        raise ValueError("the resource's id is empty or too long")
    if not text.isprintable():
        raise ValueError("the resource's id holds control or invisible characters")
    if not text.isascii() and not unicodedata.is_normalized("NFC", text):
        raise ValueError("the resource's id is not in Unicode form NFC")
    if " " in text and any(piece != piece.strip() for piece in text.split("/")):
        raise ValueError("the resource's id starts or ends with a space")
    return text
