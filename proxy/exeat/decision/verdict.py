"""What the policy engine is asked and what it answers.

Must not know: Cedar.
"""

from __future__ import annotations

from dataclasses import dataclass

from exeat.model.decision import CredentialState
from exeat.model.issuing import Grade
from exeat.model.reason import Reason


@dataclass(frozen=True, slots=True)
class Context:
    """The facts policies may read beside principal, action and resource. No clock: time is judged in ``limits``."""

    credential: CredentialState
    grade: Grade
    approvals: frozenset[str]
    method: str
    host: str


@dataclass(frozen=True, slots=True)
class Allowed:
    """A clean Allow. ``policies`` are the determining ones, as ``file:line id``."""

    policies: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Denied:
    """A clean Deny; ``policies`` is empty when nothing permitted it."""

    reason: Reason
    policies: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """A Deny that approvals by all of ``approvers`` would turn into Allow."""

    approvers: tuple[str, ...]
    policies: tuple[str, ...] = ()
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """No clean answer: refused as ``policy_error``. ``detail`` may quote ids an agent chose: for the log only."""

    detail: str


Verdict = Allowed | Denied | Held | Failed
