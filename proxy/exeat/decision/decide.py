"""The decision: the only judgement there is, a pure function of what was asked, who asks, and the snapshot.

Must not know: I/O, the clock, engines of proxies, how a decision is carried out.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from exeat.decision.classify import Classified, Unread, classify, classify_body
from exeat.decision.hosts import is_local_name
from exeat.decision.limits import check, is_fresh
from exeat.decision.pins import check_pins
from exeat.decision.recognise import Recognition, recognise
from exeat.decision.snapshot import SessionView, Snapshot
from exeat.decision.verdict import Allowed, Context, Denied, Failed, Held, Verdict
from exeat.model.decision import (
    CredentialState,
    Decision,
    Deny,
    Hold,
    Inject,
    KeepTokens,
    NeedBody,
    Obligation,
    Permit,
    Question,
    Tag,
    TokenRequest,
)
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest
from exeat.model.service import Group, Sensitivity, Service

_DEFAULT_TAG = Tag("spiffe")
_BROUGHT = frozenset({CredentialState.FORWARDED, CredentialState.KEPT})
"""The request brings what it needs: no token of ours joins it."""
_CUSTODY_OVER = "The service's shared credential is retired; its administrators have to give it another issuer."


def decide(
    request: CanonicalRequest,
    view: SessionView,
    snapshot: Snapshot,
    now: float,
    *,
    approvals: frozenset[str] = frozenset(),
    body: bytes | None = None,
    kept: frozenset[str] = frozenset(),
    carried: frozenset[bytes] = frozenset(),
) -> Decision:
    """Judge one request of one session; ``now`` in epoch seconds. Never raises on a canonical request.

    1. limits: the mission is open, its time isn't over, it may go to this destination
    2. names: nothing that is only local; plain HTTP only where a service allows it
    3. classify: service, action, resource of each thing asked; NeedBody once, where that lies in the body
    4. pins: a mission that is pinned to models calls no others
    5. recognise: the credential is ours, in its place, not retired; none at all on plain HTTP
    6. handouts: an answer that would hand out credentials in a form nobody here reads isn't asked for
    7. grade: how narrow the token for this request can be, and what is only kept in custody isn't retired; a mission that
       acts on something critical is a fresh one
    8. Cedar: may this principal do each action on its resource in this context; the first refusal decides
    9. obligations: one token for all of it in the credential's place, one identity tag, what the answer hands out is kept

    ``kept`` are the placeholders in it for what origins handed to this session, ``carried`` the values of header fields that
    hold one.

    ``body`` is given when an earlier call answered NeedBody; with it the answer is anything else.
    """
    if limit := check(view, snapshot.ceilings, request, now):
        return limit
    if refused := _check_name(request, snapshot):
        return refused
    meanings = _meanings(request, snapshot, body)
    if not isinstance(meanings, tuple):
        return meanings
    if view.mission.models and (unpinned := check_pins(view.mission.models, request, meanings)):
        return unpinned
    service = meanings[0].service
    found = recognise(service, request, view.session.agent.key, snapshot.fingerprints, now, kept, carried)
    secure = request.scheme == "https"
    state = _state(found, service, secure=secure)
    managed = secure and state not in _BROUGHT
    issuer = service.issuer if service and service.credential and managed else None
    grade = _grade(issuer, state)
    questions = _questions(meanings, state, grade, found)
    if refused := _check_credential(state, found.detail, questions[0], secure=secure):
        return refused
    if issuer is not None and (over := _check_custody(service, questions[0], now)):
        return over
    for each in meanings:
        if each.resource.sensitivity is Sensitivity.CRITICAL and not is_fresh(view.mission, snapshot.fresh, now):
            return Deny(Reason.MISSION_NOT_FRESH, questions[0])
    handouts = {each.hands_out for each in meanings if each.hands_out is not None}
    if len(handouts) > 1 or any(each.shape == "refuse" for each in handouts):
        return Deny(Reason.HANDOUT_REFUSED, questions[0])
    context = Context(state, grade, approvals, request.verb, request.host)
    answers = [
        _answer(snapshot.engine.judge(view.principal, each.action, each.resource, context), question)
        for each, question in zip(meanings, questions, strict=True)
    ]
    duties = _obligations(view, meanings, inject=issuer is not None)
    return _all_of(answers, questions[0], meanings, (*duties, *map(KeepTokens, handouts)))


def _meanings(
    request: CanonicalRequest, snapshot: Snapshot, body: bytes | None
) -> tuple[Classified, ...] | NeedBody | Deny:
    meaning = classify(request, snapshot.services)
    if isinstance(meaning, Classified):
        return (meaning,)
    if not isinstance(meaning, Unread):
        return meaning
    if body is None and meaning.limit is not None:
        return NeedBody(meaning.limit, meaning.choices.enough())
    return classify_body(meaning, request, body or b"")


def _questions(
    meanings: tuple[Classified, ...], state: CredentialState, grade: Grade, found: Recognition
) -> list[Question]:
    """One question for each thing asked; each names the others, so that whichever is recorded tells all of them."""
    actions = tuple(each.action for each in meanings)
    return [
        Question(
            "" if each.service is None else each.service.name,
            each.action,
            each.resource.uid,
            state,
            grade,
            actions[:number] + actions[number + 1 :],
            found.fingerprint,
            found.place,
        )
        for number, each in enumerate(meanings)
    ]


def _grade(issuer: IssuerSpec | None, state: CredentialState) -> Grade:
    """What an origin handed out stays in custody and gets no narrower."""
    if state is CredentialState.KEPT:
        return Grade.C
    return Grade.NONE if issuer is None else issuer.grade


def _check_name(request: CanonicalRequest, snapshot: Snapshot) -> Deny | None:
    if is_local_name(request.host) and (request.host, request.port) not in snapshot.overrides:
        return Deny(Reason.ADDRESS_NOT_ALLOWED, detail="a name that is only local")
    if request.scheme != "https":
        compiled = snapshot.services.for_host(request.host, request.port, request.segments)
        if request.scheme != "http" or compiled is None or not compiled.service.plain_http:
            return Deny(Reason.PROTOCOL_NOT_ALLOWED, detail="plain HTTP where no service allows it")
    return None


def _state(found: Recognition, service: Service | None, *, secure: bool) -> CredentialState:
    """What was brought; a foreign credential is forwarded only alone in its place, over TLS, where the service says so."""
    forwards = service is not None and service.foreign == "forward" and found.forwardable and secure
    return CredentialState.FORWARDED if found.state is CredentialState.FOREIGN and forwards else found.state


def _check_credential(state: CredentialState, detail: str, question: Question, *, secure: bool) -> Deny | None:
    if state is CredentialState.NONE:
        return None
    if not secure:
        return Deny(Reason.CREDENTIAL_FOREIGN, question, detail="a credential on plain HTTP")
    if state is CredentialState.FOREIGN:
        return Deny(Reason.CREDENTIAL_FOREIGN, question, detail=detail)
    if state is CredentialState.RETIRED:
        return Deny(Reason.CREDENTIAL_RETIRED, question, detail=detail)
    return None


def _check_custody(service: Service | None, question: Question, now: float) -> Deny | None:
    """What would leave may be the shared credential itself, whatever the agent brought: it retires here too."""
    retire_by = None if service is None or service.shared is None else service.shared.retire_by
    if service is None or retire_by is None or now < retire_by or not service.sends_shared:
        return None
    return Deny(
        Reason.CREDENTIAL_RETIRED, question, advice=_CUSTODY_OVER, detail="what is kept is past its retire_by date"
    )


def _obligations(view: SessionView, meanings: tuple[Classified, ...], *, inject: bool) -> tuple[Obligation, ...]:
    service = meanings[0].service
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
        action=_joined([each.action for each in meanings]),
        resource=_joined([str(each.resource.uid) for each in meanings]),
        act=view.delegators,
        scope=meanings[0].scope if len(meanings) == 1 else _joined(" ".join(each.scope for each in meanings).split()),
    )
    return (Inject(token, service.credential), tag)


def _joined(words: Sequence[str]) -> str:
    """Each once, in one order, so that the same things asked in another order are the same token."""
    return words[0] if len(words) == 1 else " ".join(sorted(set(words)))


def _answer(verdict: Verdict, question: Question) -> Permit | Deny | Hold:
    """One question's answer, without obligations."""
    match verdict:
        case Allowed(policies) if policies:  # a permit names the policy it rests on
            return Permit(question, (), policies)
        case Denied(reason, policies, advice):
            return Deny(reason, question, policies, advice)
        case Held(approvers, policies, advice) if approvers:
            return Hold(approvers, question, policies, advice)
        case Failed(detail):
            return Deny(Reason.POLICY_ERROR, question, detail=detail)
        case _:
            return Deny(Reason.POLICY_ERROR, question, detail="the engine gave no verdict")


def _all_of(
    answers: Sequence[Permit | Deny | Hold],
    question: Question,
    meanings: tuple[Classified, ...],
    obligations: tuple[Obligation, ...],
) -> Permit | Deny | Hold:
    """Permit only when every answer is one; what no approval can change comes before what one could."""
    policies: dict[str, None] = {}
    held: list[Hold] = []
    for each in answers:
        if isinstance(each, Deny):
            return each
        if isinstance(each, Hold):
            held.append(each)
        else:
            policies.update(dict.fromkeys(each.policies))
    if held:
        approvers = dict.fromkeys(name for each in held for name in each.approvers)  # all of it is asked for at once
        return replace(held[0], approvers=tuple(approvers))
    writes, cost = any(each.group is not Group.READ for each in meanings), sum(each.cost for each in meanings)
    return Permit(question, obligations, tuple(policies), writes, cost)
