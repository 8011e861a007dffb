"""The decision: the only judgement there is, a pure function of what was asked, who asks, and the snapshot.

Must not know: I/O, the clock, engines of proxies, how a decision is carried out.
"""

from __future__ import annotations

from exeat.decision.classify import Classified, classify
from exeat.decision.hosts import is_local_name
from exeat.decision.limits import check
from exeat.decision.recognise import Recognition, recognise
from exeat.decision.snapshot import SessionView, Snapshot
from exeat.decision.verdict import Allowed, Context, Denied, Failed, Held, Verdict
from exeat.model.decision import (
    CredentialState,
    Decision,
    Deny,
    Hold,
    Inject,
    Obligation,
    Permit,
    Question,
    Tag,
    TokenRequest,
)
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import GRADES, Grade, Service

_DEFAULT_TAG = Tag("spiffe")


def decide(
    request: CanonicalRequest,
    view: SessionView,
    snapshot: Snapshot,
    now: float,
    *,
    approvals: frozenset[str] = frozenset(),
    body: bytes | None = None,
) -> Decision:
    """Judge one request of one session; ``now`` in epoch seconds. Never raises on a canonical request.

    1. limits: the mission is open, its time isn't over, it may go to this destination
    2. names: nothing that is only local; plain HTTP only where a service allows it
    3. classify: service, action, resource
    4. recognise: the credential is ours, in its place, not retired; none at all on plain HTTP
    5. grade: how narrow the token for this request can be
    6. Cedar: may this principal do this action on this resource in this context
    7. obligations: a token in the credential's place, one identity tag

    ``body`` is given when an earlier call answered NeedBody. No operation asks for it yet; those that lie in the body
    will be read between steps 3 and 4.
    """
    del body
    if limit := check(view, snapshot.ceilings, request, now):
        return limit
    if refused := _check_name(request, snapshot):
        return refused
    meaning = classify(request, snapshot.services)
    if isinstance(meaning, Deny):
        return meaning
    service = meaning.service
    found = recognise(service, request, view.session.agent.key, snapshot.fingerprints, now)
    secure = request.scheme == "https"
    forwarded = found.state is CredentialState.FOREIGN and found.forwardable and _forwards(service)
    issuer = service.issuer if service and service.credential and secure and not forwarded else None
    grade = Grade.NONE if issuer is None else GRADES.get(issuer.kind, Grade.NONE)
    question = Question(service.name if service else "", meaning.action, meaning.resource.uid, found.state, grade)
    if refused := _check_credential(found, question, secure=secure, forwarded=forwarded):
        return refused
    context = Context(found.state, grade, approvals, request.verb, request.host)
    verdict = snapshot.engine.judge(view.principal, meaning.action, meaning.resource, context)
    return _answer(verdict, question, _obligations(view, meaning, inject=issuer is not None))


def _check_name(request: CanonicalRequest, snapshot: Snapshot) -> Deny | None:
    if is_local_name(request.host) and (request.host, request.port) not in snapshot.overrides:
        return Deny(Reason.ADDRESS_NOT_ALLOWED, detail="a name that is only local")
    if request.scheme != "https":
        compiled = snapshot.services.for_host(request.host, request.port)
        if request.scheme != "http" or compiled is None or not compiled.service.plain_http:
            return Deny(Reason.PROTOCOL_NOT_ALLOWED, detail="plain HTTP where no service allows it")
    return None


def _forwards(service: Service | None) -> bool:
    return service is not None and service.foreign == "forward"


def _check_credential(found: Recognition, question: Question, *, secure: bool, forwarded: bool) -> Deny | None:
    if found.state is CredentialState.NONE:
        return None
    if not secure:
        return Deny(Reason.CREDENTIAL_FOREIGN, question, detail="a credential on plain HTTP")
    if found.state is CredentialState.FOREIGN and not forwarded:
        return Deny(Reason.CREDENTIAL_FOREIGN, question, detail=found.detail)
    if found.state is CredentialState.RETIRED:
        return Deny(Reason.CREDENTIAL_RETIRED, question, detail=found.detail)
    return None


def _obligations(view: SessionView, meaning: Classified, *, inject: bool) -> tuple[Obligation, ...]:
    service = meaning.service
    if service is None:
        return (_DEFAULT_TAG,)
    tag = Tag(service.tag)
    if not inject or service.credential is None:
        return (tag,)
    token = TokenRequest(
        session=view.session.key,
        mission=view.mission.id,
        agent=view.session.agent.spiffe_id,
        service=service.name,
        action=meaning.action,
        resource=str(meaning.resource.uid),
        scope=meaning.scope,
    )
    return (Inject(token, service.credential), tag)


def _answer(verdict: Verdict, question: Question, obligations: tuple[Obligation, ...]) -> Decision:
    match verdict:
        case Allowed(policies) if policies:  # a permit names the policy it rests on
            return Permit(question, obligations, policies)
        case Denied(reason, policies, advice):
            return Deny(reason, question, policies, advice)
        case Held(approvers, policies, advice) if approvers:
            return Hold(approvers, question, policies, advice)
        case Failed(detail):
            return Deny(Reason.POLICY_ERROR, question, detail=detail)
        case _:
            return Deny(Reason.POLICY_ERROR, question, detail="the engine gave no verdict")
