"""The verdict and what goes with it.

A decision is a value, never an exception and never a bool. Must not know: how it was reached, how obligations are done.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from exeat.model.issuing import Grade
from exeat.model.reason import Reason
from exeat.model.service import CredentialPlace, EntityUid, HandOut


class CredentialState(StrEnum):
    """What the request brought in the credential's place."""

    NONE = "none"
    PLACEHOLDER = "placeholder"
    SHARED = "shared"
    RETIRED = "retired"
    FOREIGN = "foreign"
    FORWARDED = "forwarded"
    """Foreign, and the service says that it goes on as it is."""
    KEPT = "kept"
    """The placeholder of a token that an origin handed to this very session: the token itself is put back."""


@dataclass(frozen=True, slots=True)
class TokenRequest:
    """What to mint: one session's right to one action on one resource at one service.

    Equal requests may share a token; nothing else may. ``scope`` is what a scope claim should say, ``resource`` the
    Cedar uid as text. ``act`` are the agents who delegated, by SPIFFE ID: the nearest first, the one an operator sent last.
    """

    session: str
    mission: str
    agent: str
    service: str
    action: str
    resource: str
    scope: str
    act: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Inject:
    """Obligation: put a token minted for ``token`` into ``place``, replacing whatever the agent sent there."""

    token: TokenRequest
    place: CredentialPlace


@dataclass(frozen=True, slots=True)
class Tag:
    """Obligation: name the session to the origin. ``style`` is ``spiffe``, ``pairwise`` or ``none``."""

    style: str


@dataclass(frozen=True, slots=True)
class KeepTokens:
    """Obligation: read the answer whole, and keep the credentials in it; the agent gets placeholders."""

    what: HandOut


Obligation = Inject | Tag | KeepTokens


@dataclass(frozen=True, slots=True)
class Question:
    """What was judged, as far as it was understood; every field may be empty when refused early.

    ``also`` are the actions of everything else the request asked for at once. ``fingerprint`` is the public id of a real
    credential that it brought, in a ``place`` of that kind; ``""`` for a placeholder, or for none.
    """

    service: str = ""
    action: str = ""
    resource: EntityUid | None = None
    credential: CredentialState = CredentialState.NONE
    grade: Grade = Grade.NONE
    also: tuple[str, ...] = ()
    fingerprint: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True)
class Permit:
    """Go, if every obligation is done. ``policies`` are the determining policies, as ``file:line id``.

    ``writes`` says that it asks for anything but reading, ``cost`` how many units all of it costs.
    """

    question: Question
    obligations: tuple[Obligation, ...]
    policies: tuple[str, ...]
    writes: bool = False
    cost: int = 0


@dataclass(frozen=True, slots=True)
class Deny:
    """Stop. ``advice`` is a policy's own fixed text for the agent; ``detail`` is for the record and ``why`` only."""

    reason: Reason
    question: Question = Question()
    policies: tuple[str, ...] = ()
    advice: str = ""
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Hold:
    """Deny until these approvers agree; judged anew afterwards.

    Once they were asked, ``approval`` is the question's id, ``ask`` where they are found, and ``retry_after`` the seconds
    after which an answer is worth asking for.
    """

    approvers: tuple[str, ...]
    question: Question
    policies: tuple[str, ...] = ()
    advice: str = ""
    approval: str = ""
    ask: str = ""
    retry_after: int = 0


Enough = Callable[[bytes], bool]
"""Told each piece of one body as it comes: whether what has come says all that a decision needs."""


@dataclass(frozen=True, slots=True)
class NeedBody:
    """The operation lies in the body: read up to ``limit`` bytes without dialling, then judge once more.

    With ``enough`` it lies at the body's beginning: judge as soon as that says so of what has come, and let the rest stream.
    """

    limit: int
    enough: Enough | None = None


Decision = Permit | Deny | Hold | NeedBody
