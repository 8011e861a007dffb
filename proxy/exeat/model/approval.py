"""An extra decision by people: what is asked, of whom, and what became of it.

Must not know: policies, storage, HTTP, how anybody is told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class ApprovalState(StrEnum):
    """``pending`` waits for people, ``approved`` may be used, ``denied`` is remembered for a while; the others are over."""

    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    USED = "used"
    EXPIRED = "expired"


class Scope(StrEnum):
    """What an approval covers, from narrow to wide.

    ``once`` and ``times``: the very request that was asked about. ``mission``: every request of the session for the same
    action on the same resource.
    """

    ONCE = "once"
    TIMES = "times"
    MISSION = "mission"


@dataclass(frozen=True, slots=True)
class Approver:
    """A group of people that a policy names. Without ``members`` anybody who may approve at all is in it.

    ``needed`` is how many of them have to agree, ``ask`` where they are found: a text or a URL.
    """

    name: str
    members: frozenset[str] = frozenset()
    needed: int = 1
    ask: str = ""


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    """One request that people are asked about. JSON values only: it travels between processes.

    ``binding`` stands for the exact request, query and body included, and ``exact`` says that it does: a body that is not
    read whole has no digest, and then nothing but the whole mission's use can be approved. ``query`` is as people may see
    it. ``shared`` says that others travel on its connection, so that it doesn't wait; ``wait`` is for how many seconds whoever
    asks would wait for an answer.
    """

    binding: str
    decision_id: str
    session: str
    mission: str
    agent: str
    method: str
    scheme: str
    host: str
    port: int
    path: str
    query: str
    content_type: str
    digest: str
    size: int
    service: str
    action: str
    resource: str
    also: tuple[str, ...]
    groups: tuple[str, ...]
    exact: bool = True
    shared: bool = False
    wait: float = 0.0


@dataclass(frozen=True, slots=True)
class ApprovalAnswer:
    """What the desk says. ``state`` is ``approved`` (and used once more by this very answer), ``denied``, ``pending`` or,
    where the mission isn't open any more, ``void``.
    """

    state: str
    approval: str = ""
    ask: str = ""
    retry_after: int = 0


@dataclass(frozen=True, slots=True)
class Terms:
    """How far an approval reaches: ``times`` uses (0 for any number), until ``until`` in epoch seconds."""

    scope: Scope = Scope.ONCE
    times: int = 1
    until: float = 0.0


@dataclass(frozen=True, slots=True)
class Vote:
    """One person's word. ``groups`` are those it counts in; ``via`` is ``api`` or ``webhook``."""

    by: str
    groups: tuple[str, ...]
    at: float
    via: str = "api"
    terms: Terms = Terms()
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Approval:
    """One question to people, from the moment it is asked.

    ``until`` is when the present state lapses: a question nobody answered, a grant, the memory of a denial. ``cause`` says
    for machines why it is over: ``time``, ``mission`` or ``duplicate``.
    """

    id: str
    asked: ApprovalAsked
    created_at: float
    until: float
    state: ApprovalState = ApprovalState.PENDING
    votes: tuple[Vote, ...] = ()
    terms: Terms = Terms()
    used: int = 0
    cause: str = ""
    revision: int = 0


Approvers = Mapping[str, Approver]
"""The configured groups by name."""
