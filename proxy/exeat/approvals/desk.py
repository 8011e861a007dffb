"""The desk: workers ask here whether a request is approved, people approve and deny here.

Every step is recorded before it is stored, and a use before it is answered. Must not know: HTTP, SQL, policies.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import final
from weakref import WeakValueDictionary

from exeat.approvals import rules
from exeat.approvals.journal import Journal
from exeat.counting import Counts, Durations
from exeat.errors import ConflictError, ExeatError, NotFoundError, RefusalError, UnavailableError
from exeat.missions.ids import MissionIds
from exeat.model.approval import (
    Approval,
    ApprovalAnswer,
    ApprovalAsked,
    ApprovalState,
    Approvers,
    Scope,
    Terms,
    Vote,
)
from exeat.model.mission import Mission, MissionState
from exeat.model.reason import Reason
from exeat.ports import ApprovalStore, AuditSink, Clock, MissionStore

logger = logging.getLogger("exeat.approvals")

_LONGEST = 60.0
"""Seconds one question may wait at the desk; whoever wants to wait longer asks again."""
_OPEN = 20
"""Questions of one session that wait for people at a time: an agent must not bury one among thousands."""
_AGAIN = 10
"""What an agent is told to wait before it asks again."""
_KEPT = 30 * 86400.0
"""Seconds that decided ones stay in the list; the audit keeps them for good."""
_FORGET = 3600.0
_WAITS = (1, 5, 15, 60, 300, 900, 3600, 14400)
_COUNTED = 10_000
"""Questions counted at most for the gauge of those that wait."""

Notify = Callable[[str, Approval], None]
"""Told of each event after it is stored; never waits and never raises."""


@dataclass(frozen=True, slots=True)
class Lives:
    """How long, in seconds: a question waits, a grant holds unless its approver says otherwise, a denial is remembered."""

    pending: float = 3600.0
    granted: float = 900.0
    denied: float = 900.0


@dataclass(frozen=True, slots=True)
class Word:
    """What somebody says: their name, how they said it, for whom a webhook vouches, and why."""

    by: str
    via: str = "api"
    group: str = ""
    reason: str = ""


@final
class Approvals:
    """Implements ports.ApprovalDesk. ``groups`` are the configured ones."""

    def __init__(
        self,
        store: ApprovalStore,
        missions: MissionStore,
        audit: AuditSink,
        clock: Clock,
        groups: Approvers,
        lives: Lives,
        notify: Notify,
        look: float = 1.0,
    ) -> None:
        """``look`` is after how many seconds a waiting question looks again: another replica may have taken the answer."""
        self._store = store
        self._missions = missions
        self._journal = Journal(audit)
        self._clock = clock
        self.groups = groups
        self._lives = lives
        self._notify = notify
        self._look_again = look
        self._new_id = MissionIds("a_")
        self._forget_at = 0.0
        self._deciding = asyncio.Lock()
        self._putting = asyncio.Lock()
        self._bells: WeakValueDictionary[str, asyncio.Event] = WeakValueDictionary()
        self._durations = Durations(_WAITS)

    # --- workers ----------------------------------------------------------------------------------------------------------

    async def ask(self, asked: ApprovalAsked) -> ApprovalAnswer:
        """See ports.ApprovalDesk."""
        deadline = self._clock.monotonic() + min(max(asked.wait, 0.0), _LONGEST)
        try:
            while True:
                bell = self._bells.setdefault(asked.session, asyncio.Event())  # before looking, or an answer is missed
                answer = await self._look(asked)
                left = deadline - self._clock.monotonic()
                if answer.state != ApprovalState.PENDING or left <= 0:
                    return answer
                try:
                    async with asyncio.timeout(min(left, self._look_again)):
                        await bell.wait()
                except TimeoutError:
                    continue
        except UnavailableError as error:
            raise RefusalError(Reason.STATE_STALE, f"approvals can't be asked: {error}") from error

    async def _look(self, asked: ApprovalAsked) -> ApprovalAnswer:
        now = self._clock.time()
        mission = await self._missions.get(asked.mission)
        if mission is None or mission.state is not MissionState.OPEN or not now < mission.expires_at:
            return ApprovalAnswer("void")
        known = await self._store.of_session(asked.session, now)
        if answer := await self._known(known, asked, now):
            return answer
        async with self._putting:  # two of the same at one moment are one question
            known = await self._store.of_session(asked.session, now)
            return await self._known(known, asked, now) or await self._put(known, asked, mission, now)

    async def _known(self, known: Sequence[Approval], asked: ApprovalAsked, now: float) -> ApprovalAnswer | None:
        """What was said already: a grant, which is used, a denial, or a question that waits."""
        for grant in rules.best(known, asked, now):
            used = await self._store.use(grant.id, now)
            if used is not None:
                self._journal.used(used, asked.decision_id)
                return ApprovalAnswer(ApprovalState.APPROVED, used.id)
        same = [each for each in known if rules.same_question(each, asked)]
        if found := next((each for each in same if each.state is ApprovalState.DENIED), None):
            return ApprovalAnswer(ApprovalState.DENIED, found.id)
        found = next((each for each in same if each.state is ApprovalState.PENDING), None)
        return None if found is None else self._waits(found)

    async def _put(
        self, known: Sequence[Approval], asked: ApprovalAsked, mission: Mission, now: float
    ) -> ApprovalAnswer:
        if sum(each.state is ApprovalState.PENDING for each in known) >= _OPEN:
            raise RefusalError(Reason.APPROVAL_REQUIRED, "too much of this session waits for approval already")
        until = min(now + self._lives.pending, mission.expires_at)
        question = Approval(self._new_id(now), replace(asked, wait=0.0), now, until)
        self._journal.requested(question)
        try:
            await self._store.add(question)
        except ConflictError:  # another process put it at the same moment
            self._journal.expired(rules.over(question, "duplicate"))
            raise RefusalError(Reason.APPROVAL_REQUIRED, "asked about at this very moment") from None
        self._notify("requested", question)
        return self._waits(question)

    def _waits(self, question: Approval) -> ApprovalAnswer:
        return ApprovalAnswer(ApprovalState.PENDING, question.id, self._where(question.asked.groups), _AGAIN)

    def _where(self, names: Sequence[str]) -> str:
        told = [group.ask for name in names if (group := self.groups.get(name)) is not None and group.ask]
        return "; ".join(dict.fromkeys(told))

    # --- people -----------------------------------------------------------------------------------------------------------

    async def approve(
        self, approval_id: str, word: Word, scope: Scope = Scope.ONCE, times: int = 1, ttl: float | None = None
    ) -> Approval:
        """Take one person's agreement and return what holds then: approved, or still waiting for others.

        Raise NotFoundError, ConflictError when it isn't open, ApproverError when this isn't theirs to approve,
        InvalidFieldsError for terms that don't fit, UnavailableError.
        """
        async with self._deciding:
            approval, mission, now = await self._open(approval_id)
            counts = rules.counts_in(approval, self.groups, word.by, word.group)
            rules.require_other(approval, mission, word.by)
            longest = (
                mission.expires_at if scope is Scope.MISSION and ttl is None else now + (ttl or self._lives.granted)
            )
            count = {Scope.ONCE: 1, Scope.MISSION: 0}.get(scope, times)
            terms = Terms(scope, count, min(longest, mission.expires_at))
            rules.check_terms(approval.asked, terms, now)
            vote = Vote(word.by, counts, now, word.via, terms, word.reason)
            changed = rules.voted(approval, vote, self.groups)
            done = changed.state is ApprovalState.APPROVED
            stored = await self._store_said("approval_approved" if done else "approval_voted", changed)
        if done:
            self._waited(stored)
            self._tell("approved", stored)
        return stored

    async def deny(self, approval_id: str, word: Word) -> Approval:
        """Take one person's denial, which is enough, and return what holds then. Raise as :meth:`approve` does."""
        async with self._deciding:
            approval, _, now = await self._open(approval_id)
            counts = rules.counts_in(approval, self.groups, word.by, word.group)
            vote = Vote(word.by, counts, now, word.via, reason=word.reason)
            changed = rules.denied(approval, vote, now + self._lives.denied)
            stored = await self._store_said("approval_denied", changed)
        self._waited(stored)
        self._tell("denied", stored)
        return stored

    async def get(self, approval_id: str) -> Approval:
        """Return one approval; raise NotFoundError when there is none."""
        found = await self._store.get(approval_id)
        if found is None:
            raise NotFoundError(f"there is no approval {approval_id!r}")
        return found

    async def list(
        self, limit: int, state: str = "", mission: str = "", before: str | None = None
    ) -> Sequence[Approval]:
        """Return approvals, newest first; ``before`` is the id of the last one already seen."""
        return await self._store.page(limit, state, mission, before)

    async def _open(self, approval_id: str) -> tuple[Approval, Mission, float]:
        now = self._clock.time()
        approval = await self.get(approval_id)
        rules.require_pending(approval, now)
        mission = await self._missions.get(approval.asked.mission)
        if mission is None or mission.state.final or not now < mission.expires_at:
            raise ConflictError(
                f"mission {approval.asked.mission} has ended", "Nothing of it can be approved any more."
            )
        return approval, mission, now

    async def _store_said(self, event: str, changed: Approval) -> Approval:
        self._journal.said(event, changed)
        try:
            return await self._store.replace(changed)
        except ExeatError as error:
            self._journal.said(f"{event}_failed", changed, error.code)
            raise

    async def read(self) -> Counts:
        """What was counted, by metric."""
        pending = await self._store.page(_COUNTED, ApprovalState.PENDING, "", None)
        return {"exeat_approvals_pending": {(): len(pending)}, **self._durations.read("exeat_approval_wait_seconds")}

    # --- ends -------------------------------------------------------------------------------------------------------------

    async def ended(self, mission_id: str) -> None:
        """Drop every question and grant of a mission that has ended, and let those who wait for one know."""
        for each in await self._store.of_mission(mission_id):
            await self._end(each, "mission")

    async def sweep(self) -> None:
        """End what has lapsed, and what belongs to a mission that has ended while nobody told; call it every few seconds."""
        now = self._clock.time()
        for each in await self._store.lapsed(now):
            await self._end(each, "time")
        if now >= self._forget_at:
            self._forget_at = now + _FORGET
            await self._store.forget(now - _KEPT)
        if waiting := set(await self._store.missions()):
            for mission_id in waiting - {mission.id for mission in await self._missions.live()}:
                await self.ended(mission_id)

    async def _end(self, approval: Approval, cause: str) -> None:
        try:
            stored = await self._store.replace(rules.over(approval, cause))  # before its record: it takes a right away
        except ConflictError:
            return  # decided or used meanwhile, or ended by another process
        if approval.state is ApprovalState.PENDING:
            self._waited(stored)
        self._tell("expired", stored)
        self._journal.expired(stored)

    def _waited(self, approval: Approval) -> None:
        self._durations.add((), max(0.0, self._clock.time() - approval.created_at))

    def _tell(self, event: str, approval: Approval) -> None:
        bell = self._bells.pop(approval.asked.session, None)
        if bell is not None:
            bell.set()
        self._notify(event, approval)
