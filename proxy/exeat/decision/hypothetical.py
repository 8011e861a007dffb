"""What would be decided: a question about an operation, or about a URL, turned into a request that means it.

The request is made up and then judged by ``decide`` like any other, so an answer can't differ from what the gate would say of
it; only credentials and budgets are not part of the question. Nothing is sent, counted or written down. Must not know: who
asks, how the answer is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote, urlsplit

from exeat.decision.classify import MODEL_CAPTURE
from exeat.decision.decide import decide
from exeat.decision.destinations import in_mission
from exeat.decision.hosts import canonical_host
from exeat.decision.normalize import normalize
from exeat.decision.snapshot import SessionView, Snapshot
from exeat.model.decision import Deny, Hold, Inject, KeepTokens, NeedBody, Obligation, Permit
from exeat.model.reason import EXPLANATIONS, Reason
from exeat.model.request import Tunnel, WireRequest
from exeat.model.service import EntityUid, Operation, Service
from exeat.services.hosts import is_exact
from exeat.services.index import index_services
from exeat.services.resources import HOST_TYPE, SERVICE_TYPE, id_captures

URL_TYPE = "url"
"""The resource type of a question about a request as such: its action is an HTTP method."""

_METHODS = {"http:read": "GET", "http:write": "POST", "http:delete": "DELETE"}
_HANDSHAKE = (
    (b"upgrade", b"websocket"), (b"connection", b"Upgrade"), (b"sec-websocket-version", b"13"),
    (b"sec-websocket-key", b"AAAAAAAAAAAAAAAAAAAAAA=="),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Asked:
    """May this session do that? ``session`` is its key, or ``agent`` a SPIFFE ID, ``environment/name`` or name.

    ``action`` is an operation on a resource of type ``kind`` and this ``resource`` id (a path of ``captures`` where the id
    alone doesn't tell its parents), or with ``kind`` ``url`` a method. ``host`` names one of several hosts.
    """

    session: str
    agent: str
    mission: str
    action: str
    kind: str
    resource: str
    host: str = ""
    captures: Mapping[str, str] = field(default_factory=dict)


class _UnansweredError(Exception):
    """The question means no request; ``verdict`` says why."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.verdict = Deny(reason, detail=detail)


def would_decide(asked: Asked, snapshot: Snapshot, now: float) -> Permit | Deny | Hold:
    """Return what a request that means ``asked`` would be answered. Never raises."""
    try:
        view = _view(asked, snapshot)
        if asked.kind == URL_TYPE:
            return _judge(_wire(asked.action, asked.resource), view, snapshot, now)
        return _operation(asked, view, snapshot, now)
    except _UnansweredError as error:
        return error.verdict
    except ValueError as error:  # of our own readers, with fixed text
        return Deny(Reason.REQUEST_MALFORMED, detail=str(error))


def _view(asked: Asked, snapshot: Snapshot) -> SessionView:
    if asked.session:
        mission = asked.session.partition("/")[0]
        views = [view for view in (snapshot.sessions.get(asked.session),) if view is not None]
    else:
        mission = asked.mission
        views = [
            view
            for view in (snapshot.by_mission.get(mission, ()) if mission else snapshot.sessions.values())
            if asked.agent in (view.session.agent.spiffe_id, view.session.agent.key, view.session.agent.name)
        ]
    if len(views) == 1:
        return views[0]
    if mission and mission in snapshot.ended:
        raise _UnansweredError(Reason.MISSION_ENDED, str(snapshot.ended[mission]))
    detail = "several sessions are meant: name one, or a mission" if views else "there is no such session"
    raise _UnansweredError(Reason.MISSION_MISSING, detail)


def _operation(asked: Asked, view: SessionView, snapshot: Snapshot, now: float) -> Permit | Deny | Hold:
    info = snapshot.services.actions().get(asked.action)
    if info is None or info.resource_type != asked.kind:
        what = "no service has this operation" if info is None else f"it acts on {info.resource_type}"
        raise _UnansweredError(Reason.OPERATION_UNKNOWN, what)
    if asked.kind == HOST_TYPE:
        wire = _wire(_METHODS[asked.action], f"https://{asked.resource}/")
    else:
        service = next(each for each in snapshot.services.services if each.name == info.service)
        alone, wire = _alone(asked, service, view)
        snapshot = replace(snapshot, services=index_services([alone]))
    decision = _judge(wire, view, snapshot, now)
    question = decision.question
    meant = (asked.action, asked.kind)
    if question.action and (question.action, question.resource and question.resource.type) != meant:
        raise _UnansweredError(Reason.OPERATION_UNKNOWN, "a request there means something else")
    return decision


def _alone(asked: Asked, service: Service, view: SessionView) -> tuple[Service, WireRequest]:
    """A service with this one operation at one host, its path made of what the resource's id is made of; and a request."""
    name = asked.action.removeprefix(f"{service.name}:")
    operation = next((each for each in service.operations if each.action == name), None)
    if operation is None:
        raise _UnansweredError(Reason.OPERATION_UNKNOWN, f"ask about a request: type {URL_TYPE!r}")
    if asked.kind == SERVICE_TYPE and asked.resource != service.name:
        raise _UnansweredError(Reason.OPERATION_UNKNOWN, f"the resource is {EntityUid(SERVICE_TYPE, service.name)}")
    captures = _captures(asked, service, operation, view)
    long = [each for each, value in captures.items() if "/" in value]
    if len(long) > 1:
        raise _UnansweredError(Reason.OPERATION_UNKNOWN, "two parts of the resource's id hold a '/'")
    order = sorted(captures, key=lambda each: each in long)
    template = "/" + "/".join(f"{{{each}...}}" if each in long else f"{{{each}}}" for each in order)
    path = "/" + "/".join(quote(captures[each], safe="/" if each in long else "") for each in order)
    host, port = _host(asked, service, view), 443 if 443 in service.ports else service.ports[0]
    method = operation.methods[0]
    alone = replace(operation, methods=(method,), template=template, reader="", select="", captures=(), parts=())
    return replace(service, hosts=(host,), operations=(alone,)), _in_tunnel(method, host, port, path)


def _captures(asked: Asked, service: Service, operation: Operation, view: SessionView) -> dict[str, str]:
    """What the ids of the resource and of its parents are made of, and the model where a call names one."""
    by_name = {kind.name: kind for kind in service.resources}
    needed: list[str] = []
    found = dict(asked.captures)
    kind = by_name.get(operation.resource)
    if kind is not None:
        pieces = re.split(r"\{(\w+)\}", kind.id)
        names = pieces[1::2]
        shape = "".join(
            re.escape(piece) if number % 2 == 0 else f"(?P<{piece}>{'.+' if piece == names[-1] else '[^/]+'})"
            for number, piece in enumerate(pieces)
        )
        match = re.fullmatch(shape, asked.resource, re.DOTALL | (re.IGNORECASE if kind.fold else 0))
        if match is None:
            raise _UnansweredError(Reason.OPERATION_UNKNOWN, f"the id of a {kind.name} is written {kind.id}")
        found |= match.groupdict()
    while kind is not None:
        needed += [each for each in id_captures(kind.id) if each not in needed]
        kind = by_name.get(kind.parent)
    names_model = f"{{{MODEL_CAPTURE}" in operation.template or MODEL_CAPTURE in dict(operation.captures)
    if names_model and (view.mission.models or MODEL_CAPTURE in found) and MODEL_CAPTURE not in needed:
        needed.append(MODEL_CAPTURE)
    if missing := [each for each in needed if each not in found]:
        raise _UnansweredError(
            Reason.OPERATION_UNKNOWN, f"say also, in the resource's properties: {', '.join(missing)}"
        )
    return {each: found[each] for each in needed}


def _host(asked: Asked, service: Service, view: SessionView) -> str:
    if asked.host:
        return canonical_host(asked.host)
    port = 443 if 443 in service.ports else service.ports[0]
    exact = [host for host in service.hosts if is_exact(host)]
    inside = [host for host in exact if in_mission(view.mission.destinations, host, port)]
    if not exact:
        raise _UnansweredError(Reason.DESTINATION_NOT_ALLOWED, "say which host, in the context")
    return (inside or exact)[0]


def _wire(method: str, url: str) -> WireRequest:
    parts = urlsplit(url)
    if parts.scheme != "https" or not parts.hostname or "@" in parts.netloc or parts.fragment:
        raise _UnansweredError(Reason.REQUEST_MALFORMED, "write a URL as in https://api.example.test/v1/refunds")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return _in_tunnel(method, canonical_host(parts.hostname), parts.port or 443, path)


def _in_tunnel(method: str, host: str, port: int, path: str) -> WireRequest:
    shown = host if port == 443 else f"{host}:{port}"
    websocket = method == "WEBSOCKET"
    headers = ((b"host", shown.encode()), *(_HANDSHAKE if websocket else ()))
    return WireRequest("GET" if websocket else method, path.encode(), "", headers, "HTTP/1.1", Tunnel(host, port, host))


def _judge(wire: WireRequest, view: SessionView, snapshot: Snapshot, now: float) -> Permit | Deny | Hold:
    request = normalize(wire)
    if isinstance(request, Deny):
        return request
    decision = decide(request, view, snapshot, now)
    if isinstance(decision, NeedBody):
        return Deny(Reason.OPERATION_UNKNOWN, detail="the operation lies in the body: ask about it by its name")
    return decision


def told(decision: Permit | Deny | Hold, version: str) -> dict[str, Any]:
    """A decision as JSON values, in AuthZEN's words; ``version`` is the snapshot's."""
    reason, advice, obligations = "", "", []
    if isinstance(decision, Permit):
        obligations = [_obligation(duty) for duty in decision.obligations]
    else:
        reason = str(decision.reason if isinstance(decision, Deny) else Reason.APPROVAL_REQUIRED)
        advice = decision.advice
    context = {
        "reason": reason,
        "policies": list(decision.policies),
        "obligations": obligations,
        "approvers": list(decision.approvers) if isinstance(decision, Hold) else [],
        "advice": advice,
        "hint": (decision.detail if isinstance(decision, Deny) else "") or _hint(reason),
        "snapshot": version,
    }
    return {"decision": isinstance(decision, Permit), "context": context}


def _hint(reason: str) -> str:
    return EXPLANATIONS[Reason(reason)].hint if reason else ""


def _obligation(duty: Obligation) -> dict[str, Any]:
    if isinstance(duty, Inject):
        token = duty.token
        wanted = {"service": token.service, "action": token.action, "resource": token.resource, "scope": token.scope}
        return {"id": "inject", "type": "exeat:inject", "properties": wanted}
    if isinstance(duty, KeepTokens):
        return {"id": "keep", "type": "exeat:keep", "properties": {"shape": duty.what.shape}}
    return {"id": "tag", "type": "exeat:tag", "properties": {"style": duty.style}}
