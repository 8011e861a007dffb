"""Verdicts already reached, and the part of a question they depend on.

A verdict is a pure function of (bundle, session, action, resource value, the context attributes that some policy of the
slice reads): expiry, state and budgets are judged elsewhere. So equal keys mean equal verdicts, for as long as the bundle
and the session live. Only clean Allow and Deny may be stored. Must not know: Cedar, how a verdict is reached.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from typing import Any, final

from exeat.decision.verdict import Allowed, Context, Denied
from exeat.model.decision import CredentialState
from exeat.model.issuing import Grade

CAPACITY = 4096
"""Verdicts kept a session: agents choose resource ids, so it has to be bounded. About 2 MiB when full."""

_UNREAD: dict[str, Any] = {
    "credential": CredentialState.NONE,
    "grade": Grade.NONE,
    "approvals": frozenset[str](),
    "method": "",
    "host": "",
}


@final
class Projection:
    """The context attributes that can change a verdict, out of the ones there are."""

    __slots__ = ("_all", "names", "values")

    names: tuple[str, ...]
    values: Callable[[Context], Any]
    """What distinguishes one context from another, to be part of a key."""

    def __init__(self, reads: frozenset[str] | None) -> None:
        """``reads`` as from ``context_reads``; None keeps everything. Raise ValueError for a name no context has."""
        if reads is not None and (unknown := reads - _UNREAD.keys()):
            raise ValueError(f"policies read context attributes that don't exist: {sorted(unknown)}")
        self.names = tuple(name for name in _UNREAD if reads is None or name in reads)
        self._all = len(self.names) == len(_UNREAD)
        self.values = attrgetter(*self.names) if self.names else _nothing

    def reduce(self, context: Context) -> Context:
        """The context with a constant for everything that isn't read, so that equal keys are equal questions."""
        if self._all:
            return context
        return Context(**{name: getattr(context, name) if name in self.names else _UNREAD[name] for name in _UNREAD})


def _nothing(_: Context) -> None:
    return None


@final
class Memo:
    """Verdicts by key; the oldest goes first."""

    __slots__ = ("_capacity", "_verdicts", "get")

    def __init__(self, capacity: int = CAPACITY) -> None:
        self._capacity = capacity
        self._verdicts: dict[object, Allowed | Denied] = {}
        self.get = self._verdicts.get

    def put(self, key: object, verdict: Allowed | Denied) -> None:
        """Keep a clean verdict."""
        if len(self._verdicts) >= self._capacity:
            del self._verdicts[next(iter(self._verdicts))]
        self._verdicts[key] = verdict

    def __len__(self) -> int:
        return len(self._verdicts)
