"""What is durable, and how others hear of a change.

Must not know: any implementation.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from exeat.model.admin_token import AdminToken
from exeat.model.approval import Approval
from exeat.model.credential_use import CredentialAlert, CredentialTotal, CredentialUse
from exeat.model.mission import AllowedDestination, Mission
from exeat.model.traffic import LastUse


class MissionStore(Protocol):
    """Where missions live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def add(self, mission: Mission) -> None:
        """Store a new mission; raise ConflictError when the one that delegates to it isn't open any more."""
        ...

    async def add_alone(self, mission: Mission) -> None:
        """The same; raise ConflictError too when another one of its template is live for one of its agents."""
        ...

    async def replace(self, mission: Mission, expected_revision: int) -> Mission:
        """Store a changed mission with its revision raised; raise ConflictError when somebody was faster."""
        ...

    async def get(self, mission_id: str) -> Mission | None:
        """One mission."""
        ...

    async def live(self) -> Sequence[Mission]:
        """Every mission that is not in a final state."""
        ...

    async def children(self, mission_id: str) -> Sequence[Mission]:
        """The live missions that one mission has delegated to."""
        ...

    async def unfinished(self, template: str, environment: str, now: float) -> Sequence[Mission]:
        """The missions of a template whose time isn't up at ``now``, live or ended early, newest first."""
        ...

    async def page(self, limit: int, before: str | None = None, states: Sequence[str] = ()) -> Sequence[Mission]:
        """Newest first, of these states, or any; ``before`` is the id of the last one already seen."""
        ...


@dataclass(frozen=True, slots=True)
class Changed:
    """Missions that were written after a version, each as it is now.

    ``version`` is where to ask on. Unless there are ``more``, it is also complete: nothing written up to it is missing.
    With more to come nothing is: a mission that was written twice stands where its last write is.
    """

    missions: Sequence[Mission]
    version: int
    more: bool


@dataclass(frozen=True, slots=True)
class Live:
    """Every live mission, complete up to ``version`` of ``history``."""

    missions: Sequence[Mission]
    version: int
    history: str


class Feed(Protocol):
    """Every write of a mission has the next number, in the order in which they are committed."""

    async def feed_version(self) -> int:
        """The number of the last write."""
        ...

    async def changed_since(self, version: int, limit: int) -> Changed:
        """Missions written after a version, at most ``limit`` of them."""
        ...

    async def live_and_version(self) -> Live:
        """What a process needs at its start, and where it asks on."""
        ...

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` in the running event loop when there may be something new; return how to stop that.

        It may come more often than needed. Look once right after this: what came before isn't told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What a replica hears when it confirms.

    It was complete at that moment when ``version`` is the one it confirmed, ``history`` is the one it has read in, and
    it hasn't ``lapsed``. A lower version or another history means that the database lost commits: read everything anew.
    A lapsed one registers again before it confirms.
    """

    version: int
    lapsed: bool
    history: str


class Replicas(Protocol):
    """Who acts on missions, and up to which version of the feed (the guarantee is told in ``store/replicas.py``)."""

    async def register(self, replica: str, name: str) -> None:
        """Enter a replica that has acted on nothing yet, or anew."""
        ...

    async def confirm(self, replica: str, seen: int) -> Confirmed:
        """Say that everything up to ``seen`` is acted on; reads the newest version in the same transaction."""
        ...

    async def pending(self, version: int) -> Sequence[str]:
        """The registered, not lapsed replicas that haven't confirmed a version."""
        ...

    async def lapse(self, replicas: Collection[str], version: int) -> Sequence[str]:
        """Mark those that still haven't confirmed a version as lapsed, and return them: their lease must be over."""
        ...

    async def leave(self, replica: str) -> None:
        """Take a replica out that acts no more."""
        ...

    async def clean(self, older_than: float) -> int:
        """Forget lapsed replicas that were last seen before a time; return how many."""
        ...

    def listen(self, callback: Callable[[], None]) -> Callable[[], None]:
        """Call ``callback`` when a replica may have confirmed, lapsed or left; as :meth:`Feed.listen`."""
        ...


class Leases(Protocol):
    """Work with one holder at a time (what that guarantees and what not is told in ``store/leases.py``)."""

    async def take(self, name: str, holder: str, seconds: float) -> int | None:
        """Become the holder and return a token, higher than any before; None while somebody else holds it."""
        ...

    async def renew(self, name: str, token: int, seconds: float) -> bool:
        """Hold it for longer; False when it is lost: stop."""
        ...

    async def give_back(self, name: str, token: int) -> None:
        """Let the next one in at once."""
        ...


class AdminTokens(Protocol):
    """Where the admin API's tokens live; every method raises UnavailableError when the store is gone."""

    async def add(self, token: AdminToken) -> None:
        """Store a new token; raise ConflictError while another one of its name isn't revoked."""
        ...

    async def find(self, identifier: str, now: float) -> AdminToken | None:
        """The token of an id that somebody shows now; of a live one the time is noted, to the minute."""
        ...

    async def get(self, identifier: str) -> AdminToken | None:
        """The token of an id."""
        ...

    async def page(self, limit: int, before: str | None = None) -> Sequence[AdminToken]:
        """Newest first, of any state; ``before`` is the id of the last one already seen."""
        ...

    async def revoke(self, identifier: str, now: float) -> None:
        """Take a token back; one that was taken back before stays as it was."""
        ...


class DestinationStore(Protocol):
    """Where added entries of the ceiling live. Writes are durable when they return; all raise UnavailableError."""

    async def add(self, entry: AllowedDestination) -> None:
        """Store a new entry, which has an id."""
        ...

    async def get(self, entry_id: str) -> AllowedDestination | None:
        """One entry, removed or not."""
        ...

    async def remove(self, entry_id: str, by: str, now: float) -> None:
        """Mark an entry as removed; of one that isn't there, or not any more, nothing changes."""
        ...

    async def kept(self) -> Sequence[AllowedDestination]:
        """Every entry that wasn't removed, oldest first, expired ones too."""
        ...

    async def uses(self) -> Mapping[str, LastUse]:
        """When each entry was last used, by ``host:port`` as written."""
        ...

    async def used(self, uses: Mapping[str, LastUse]) -> None:
        """Remember uses; one that is older than what is known changes nothing."""
        ...


class ApprovalStore(Protocol):
    """Where approvals live. Writes are durable when they return; all raise UnavailableError when the store is gone."""

    async def add(self, approval: Approval) -> None:
        """Store a new question; raise ConflictError when the same request is asked about already."""
        ...

    async def replace(self, approval: Approval) -> Approval:
        """Store a changed one with its revision raised; raise ConflictError when somebody was faster."""
        ...

    async def use(self, approval_id: str, now: float) -> Approval | None:
        """Use a grant once more, if it holds and has a use left: never once too often, whoever else asks."""
        ...

    async def get(self, approval_id: str) -> Approval | None:
        """One approval."""
        ...

    async def of_session(self, session: str, now: float) -> Sequence[Approval]:
        """What holds for a session now: questions, grants and denials that haven't lapsed, oldest first."""
        ...

    async def of_mission(self, mission: str) -> Sequence[Approval]:
        """The questions and grants of a mission."""
        ...

    async def lapsed(self, now: float) -> Sequence[Approval]:
        """Questions and grants whose time is up: some of them, oldest first."""
        ...

    async def missions(self) -> Sequence[str]:
        """The missions that have questions or grants."""
        ...

    async def forget(self, before: float) -> None:
        """Drop what is over and lapsed before a moment, in seconds since the epoch."""
        ...

    async def page(
        self, limit: int, state: str = "", mission: str = "", before: str | None = None
    ) -> Sequence[Approval]:
        """Newest first; ``before`` is the id of the last one already seen."""
        ...


class CredentialStore(Protocol):
    """Where counts of credentials live, added up for all processes. Writes are durable when they return; all raise UnavailableError."""

    async def add(
        self, writer: str, number: int, uses: Sequence[CredentialUse], alerts: Sequence[CredentialAlert], now: float
    ) -> None:
        """Add a batch to what is there; told twice with the same ``number`` by one ``writer``, it is added once."""
        ...

    async def unrecorded(self, writer: str, now: float) -> Sequence[CredentialAlert]:
        """Alerts that no record tells of yet and ``writer`` has to write: its own, and those that another one left behind."""
        ...

    async def recorded(self, alert: CredentialAlert) -> None:
        """A record tells of this one now."""
        ...

    async def uses(self, since: int) -> Sequence[CredentialUse]:
        """Every count from a day since the epoch on."""
        ...

    async def totals(self) -> Sequence[CredentialTotal]:
        """First and last use of each credential at each service, as long as it is remembered."""
        ...

    async def alerts(self, since: float) -> Sequence[CredentialAlert]:
        """Alerts about what was last seen since a moment, recorded or not."""
        ...

    async def tidy(self, fold: int, forget: int) -> None:
        """Keep no missions, places and hosts of days before ``fold``, and nothing of those before ``forget``."""
        ...
