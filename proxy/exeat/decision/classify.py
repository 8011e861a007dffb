"""What a request means: service, action and the one resource it acts on.

No fallback to a wider resource: a request whose resource can't be told is refused, or a forbid on that resource would miss
it. Must not know: missions, policies, credentials.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.decision import Deny, Question
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import EntityUid, Resource, Sensitivity, Service
from exeat.services.index import ServiceIndex
from exeat.services.operations import unlisted_group
from exeat.services.resources import HOST_TYPE, resource_for

_HTTP_ACTIONS = {"GET": "http:read", "HEAD": "http:read", "OPTIONS": "http:read", "DELETE": "http:delete"}


@dataclass(frozen=True, slots=True)
class Classified:
    """``service`` is None at a host no service describes; ``scope`` is what a token's scope claim should say."""

    service: Service | None
    action: str
    resource: Resource
    scope: str


def classify(request: CanonicalRequest, services: ServiceIndex) -> Classified | Deny:
    """Return what a request means, or Deny(OPERATION_UNKNOWN)."""
    compiled = services.for_host(request.host, request.port)
    if compiled is None:
        action = _HTTP_ACTIONS.get(request.verb, "http:write")
        return Classified(
            None, action, Resource(EntityUid(HOST_TYPE, request.host), (), "any", Sensitivity.NORMAL), action
        )
    service = compiled.service
    matched = compiled.matcher.match(request.verb, request.segments, request.query)
    if matched is None:
        if not service.unlisted:
            return _unknown(service, "no operation of the service matches")
        action = f"unlisted/{unlisted_group(request.verb)}"
        return Classified(service, f"{service.name}:{action}", compiled.chains[""].whole, action)
    operation = matched.operation
    try:
        resource = resource_for(compiled.chains, operation, matched.captures)
    except ValueError as error:
        return _unknown(service, str(error))
    return Classified(service, f"{service.name}:{operation.action}", resource, operation.scope or operation.action)


def _unknown(service: Service, detail: str) -> Deny:
    return Deny(Reason.OPERATION_UNKNOWN, Question(service=service.name), detail=detail)
