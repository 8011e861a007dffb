"""What an approval covers, who may give it and who is still missing. Pure: no clock, no store.

Must not know: how anybody is told, where approvals lie.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from exeat.approvals.errors import ApproverError
from exeat.errors import ConflictError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.model.approval import Approval, ApprovalAsked, ApprovalState, Approver, Approvers, Scope, Terms, Vote
from exeat.model.mission import Mission

SHARED = "admin"
"""How callers with the one shared admin token are called: a name that is nobody's own, so nobody can be told from the opener."""
MOST_TIMES = 1000


def covers(approval: Approval, asked: ApprovalAsked, now: float) -> bool:
    """Whether a grant answers a question: of the same session, by all groups that are asked now, not used up or lapsed.

    Once or some times it covers just the request that was asked about; for the mission, the same single action on the same
    resource.
    """
    before = approval.asked
    if approval.state is not ApprovalState.APPROVED or not now < approval.until or before.session != asked.session:
        return False
    if not set(asked.groups) <= set(before.groups):
        return False
    if approval.terms.scope is not Scope.MISSION:
        return before.exact and asked.exact and before.binding == asked.binding
    same = (before.action, before.resource) == (asked.action, asked.resource)
    return same and not before.also and not asked.also


def best(approvals: Iterable[Approval], asked: ApprovalAsked, now: float) -> list[Approval]:
    """Every grant that covers a question, those first that it doesn't use up."""
    found = [each for each in approvals if covers(each, asked, now)]
    return sorted(found, key=lambda each: each.terms.scope is not Scope.MISSION)


def same_question(approval: Approval, asked: ApprovalAsked) -> bool:
    """Whether people are asked about the very same request, or were: binding, session and groups."""
    before = approval.asked
    same = (before.binding, before.session) == (asked.binding, asked.session)
    return same and set(asked.groups) <= set(before.groups)


def counts_in(approval: Approval, groups: Approvers, by: str, only: str = "") -> tuple[str, ...]:
    """The groups that are asked and in which a person's word counts; ``only`` is the one that vouches for them.

    A group without members, or that nobody configured, takes anybody's word who may approve at all. Raise ApproverError
    when it counts in none.
    """
    asked = [name for name in approval.asked.groups if not only or name == only]
    found = tuple(name for name in asked if _member(groups.get(name), by, vouched=bool(only)))
    if not found:
        raise ApproverError(
            f"{by} is in none of the groups that are asked: {', '.join(approval.asked.groups)}",
            "Ask one of their members; [[approver]] lists them.",
        )
    return found


def _member(group: Approver | None, by: str, *, vouched: bool) -> bool:
    if group is None or not group.members:
        return not vouched  # a webhook names people itself, so only listed ones count there
    return by in group.members


def require_other(approval: Approval, mission: Mission, by: str) -> None:
    """Raise ApproverError when somebody would approve what is their own: the mission's owner or opener, or the agent."""
    name = by.strip().casefold()
    agent = approval.asked.agent
    own = {mission.owner, agent, agent.rpartition("/")[2]} | ({mission.opened_by} - {SHARED})
    if name in {each.strip().casefold() for each in own if each}:
        raise ApproverError(f"{by} asks for this, so somebody else has to approve it", "Ask another member.")


def check_terms(asked: ApprovalAsked, terms: Terms, now: float) -> None:
    """Raise InvalidFieldsError for terms that this question can't be answered with."""
    wrong = []
    if terms.scope is Scope.TIMES and not 1 <= terms.times <= MOST_TIMES:
        wrong.append(FieldError("times", f"write a number from 1 to {MOST_TIMES}"))
    if terms.scope is Scope.MISSION and asked.also:
        wrong.append(
            FieldError("scope", "the request asks for several things at once: it can be approved only as it is")
        )
    if terms.scope is not Scope.MISSION and not asked.exact:
        wrong.append(FieldError("scope", "the body streams, so only the operation can be approved: scope mission"))
    if not terms.until > now:
        wrong.append(FieldError("ttl", "must be longer than nothing, and the mission must still live"))
    if wrong:
        raise InvalidFieldsError(wrong)


def voted(approval: Approval, vote: Vote, groups: Approvers) -> Approval:
    """The approval with one more voice for it: a grant once nobody is missing, on the narrowest terms anybody gave.

    Raise ConflictError when it isn't open, or when that voice was heard already.
    """
    require_pending(approval, vote.at)
    if any(each.by.casefold() == vote.by.casefold() for each in approval.votes):
        raise ConflictError(f"{vote.by} has approved this already", "Somebody else has to agree too.")
    with_it = replace(approval, votes=(*approval.votes, vote))
    if missing(with_it, groups):
        return with_it
    terms = narrowest([each.terms for each in with_it.votes])
    return replace(with_it, state=ApprovalState.APPROVED, terms=terms, until=terms.until)


def denied(approval: Approval, vote: Vote, until: float) -> Approval:
    """The approval, denied by one voice and remembered for a while; raise ConflictError when it isn't open."""
    require_pending(approval, vote.at)
    return replace(approval, state=ApprovalState.DENIED, votes=(*approval.votes, vote), until=until)


def over(approval: Approval, cause: str) -> Approval:
    """The question or grant, over because of ``time`` or the end of its ``mission``."""
    return replace(approval, state=ApprovalState.EXPIRED, cause=cause)


def require_pending(approval: Approval, now: float) -> None:
    """Raise ConflictError unless people may still decide."""
    if approval.state is not ApprovalState.PENDING or not now < approval.until:
        state = "expired" if approval.state is ApprovalState.PENDING else approval.state
        raise ConflictError(f"approval {approval.id} is {state}", "The request has to be sent again.")


def missing(approval: Approval, groups: Approvers) -> Mapping[str, int]:
    """How many voices are still missing, by group; empty when there are enough."""
    found = {}
    for name in approval.asked.groups:
        group = groups.get(name)
        lacking = (1 if group is None else group.needed) - sum(name in vote.groups for vote in approval.votes)
        if lacking > 0:
            found[name] = lacking
    return found


def narrowest(terms: Iterable[Terms]) -> Terms:
    """What everybody agreed to: the narrowest scope, the fewest uses in it, the earliest end."""
    given = list(terms)
    order = list(Scope)
    scope = min((each.scope for each in given), key=order.index)
    times = {Scope.ONCE: 1, Scope.MISSION: 0}.get(scope)
    if times is None:
        times = min(each.times for each in given if each.scope is scope)
    return Terms(scope, times, min(each.until for each in given))
