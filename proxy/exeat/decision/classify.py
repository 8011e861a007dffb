"""What a request means: service, action and the one resource it acts on, for each thing it asks.

No fallback to a wider resource: a request whose resource can't be told is refused, or a forbid on that resource would miss
it. Must not know: missions, policies, credentials.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from exeat.model.decision import Deny, Question
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import EntityUid, Group, HandOut, Operation, Resource, Sensitivity, Service
from exeat.services.handouts import endpoint_at
from exeat.services.index import HTTP_ACTIONS, CompiledService, ServiceIndex
from exeat.services.operations import unlisted_group
from exeat.services.readers.choices import Choices
from exeat.services.readers.reading import UnreadableError
from exeat.services.resources import HOST_TYPE, MODEL, resource_for

_HTTP_ACTIONS = {"GET": "http:read", "HEAD": "http:read", "OPTIONS": "http:read", "DELETE": "http:delete"}
MODEL_CAPTURE = MODEL.lower()


@dataclass(frozen=True, slots=True)
class Classified:
    """``service`` is None at a host no service describes; ``scope`` is what a token's scope claim should say.

    ``cost`` is how many units of a budget it takes, ``model`` the language model it names, else ``""``; ``hands_out`` is what its
    answer holds of credentials.
    """

    service: Service | None
    action: str
    resource: Resource
    scope: str
    group: Group
    cost: int
    model: str = ""
    hands_out: HandOut | None = None


@dataclass(frozen=True, slots=True)
class Unread:
    """The operation lies in the body; ``limit`` is the largest one that is read, None when the query says it all."""

    limit: int | None
    compiled: CompiledService
    choices: Choices
    captures: Mapping[str, str]


def classify(request: CanonicalRequest, services: ServiceIndex) -> Classified | Unread | Deny:
    """Return what a request head means, Deny(OPERATION_UNKNOWN), or Deny(REQUEST_MALFORMED) for a path with two readings."""
    compiled, given = services.find(request.host, request.port, request.segments)
    segments = request.segments
    if "%" in request.path and any("/" in segment for segment in segments):
        reading = "refuse" if compiled is None else compiled.service.encoded_slash
        if reading == "refuse":
            return Deny(Reason.REQUEST_MALFORMED, detail="an encoded slash, and no service says how it reads one")
        if reading == "separator":
            segments = tuple("/".join(segments).split("/"))
    if compiled is None:
        action = _HTTP_ACTIONS.get(request.verb, "http:write")
        group = HTTP_ACTIONS[action]
        host = Resource(EntityUid(HOST_TYPE, request.host), (), "any", Sensitivity.NORMAL)
        handout = endpoint_at(request.verb, request.host, request.path)
        return Classified(None, action, host, action, group, int(group is not Group.READ), hands_out=handout)
    matched = compiled.matcher.match(request.verb, segments, request.query)
    if matched is None:
        if compiled.matcher.knows(request.verb, segments):
            return _unknown(compiled.service, "the query asks for no operation of this path")
        return _unlisted(
            compiled, unlisted_group(request.verb), handout=endpoint_at(request.verb, request.host, request.path)
        )
    operation = matched.operation
    captures = {**matched.captures, **given} if given else matched.captures
    if operation.reader:
        choices = compiled.choices[operation.methods[0], operation.template]
        limit = choices.limit if choices.needs_body(request) else None
        return Unread(limit, compiled, choices, captures)
    if matched.from_query and request.has_body:
        return _unreadable(compiled, UnreadableError("a body beside a query that names the resource"))
    return _listed(compiled, operation, captures)


def classify_body(unread: Unread, request: CanonicalRequest, body: bytes) -> tuple[Classified, ...] | Deny:
    """Return everything a request asks for, each once, in order; or why it can't be told."""
    compiled = unread.compiled
    if unread.limit is not None and len(body) > unread.limit:
        return _unreadable(compiled, UnreadableError("the body is too large to be judged"))
    try:
        asked = unread.choices.read(request, body, unread.captures)
    except UnreadableError as error:
        return _unreadable(compiled, error)
    found: dict[tuple[str, EntityUid, str], Classified] = {}
    for each in asked:
        if each.operation is None:
            meaning = _unlisted(compiled, Group.ADMIN, each.select)
        else:
            both = each.captures.keys() & unread.captures.keys()
            if any(each.captures[name] != unread.captures[name] for name in both):
                return _unreadable(compiled, UnreadableError("host, path and body name the resource in two ways"))
            meaning = _listed(compiled, each.operation, {**each.captures, **unread.captures})
        if isinstance(meaning, Deny):
            return meaning
        found.setdefault((meaning.action, meaning.resource.uid, meaning.scope), meaning)
    return tuple(found.values()) or _unknown(compiled.service, "nothing is asked for")


def _listed(compiled: CompiledService, operation: Operation, captures: Mapping[str, str]) -> Classified | Deny:
    service = compiled.service
    try:
        resource = resource_for(compiled.chains, operation, captures)
    except ValueError as error:
        return _unknown(service, str(error))
    return Classified(
        service,
        f"{service.name}:{operation.action}",
        resource,
        operation.scope or operation.action,
        operation.group,
        operation.cost,
        resource.uid.id if operation.resource == MODEL else captures.get(MODEL_CAPTURE, ""),
        operation.hands_out,
    )


def _unlisted(
    compiled: CompiledService, group: Group, select: str = "", handout: HandOut | None = None
) -> Classified | Deny:
    service = compiled.service
    if not service.unlisted:
        what = f" {select}" if select else ""  # bounded and printable; the record's path can't tell it
        return _unknown(service, f"no operation of the service matches{what}")
    action = f"unlisted/{group}"
    whole, cost = compiled.chains[""].whole, int(group is not Group.READ)
    return Classified(service, f"{service.name}:{action}", whole, action, group, cost, hands_out=handout)


def _unknown(service: Service, detail: str) -> Deny:
    return Deny(Reason.OPERATION_UNKNOWN, Question(service=service.name), detail=detail)


def _unreadable(compiled: CompiledService, error: UnreadableError) -> Deny:
    return Deny(error.reason, Question(service=compiled.service.name), detail=error.detail)
