"""How the data path is told of changes, and what it answers.

Must not know: any implementation.
"""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from exeat.model.mission import Ceilings, Mission
from exeat.ports.tokens import TokenLeft


@dataclass(frozen=True, slots=True)
class Applied:
    """What the data path did with a change of missions: when it returns, nothing of an ended mission is sent any more.

    ``milliseconds`` is all of it, ``cut_ms`` the time until no further byte could go, ``tokens_ms`` what issuers took after
    that. ``workers`` have confirmed; ``lapsed`` ones didn't, and their lease has run out: they serve nobody until they have
    caught up. ``left`` are tokens that live on.
    """

    connections_cut: int = 0
    tokens_dropped: int = 0
    tokens_revoked: int = 0
    milliseconds: float = 0.0
    cut_ms: float = 0.0
    tokens_ms: float = 0.0
    workers: int = 1
    lapsed: tuple[str, ...] = ()
    left: tuple[TokenLeft, ...] = ()
    ended: tuple[str, ...] = ()
    """The ids of tokens that were revoked."""

    def then(self, others: Sequence[Applied]) -> Applied:
        """All together, where the others came after this one and beside each other."""
        every = (self, *others)
        return Applied(
            sum(each.connections_cut for each in every),
            sum(each.tokens_dropped for each in every),
            sum(each.tokens_revoked for each in every),
            self.milliseconds + max((each.milliseconds for each in others), default=0.0),
            self.cut_ms + max((each.cut_ms for each in others), default=0.0),
            self.tokens_ms + max((each.tokens_ms for each in others), default=0.0),
            min(each.workers for each in every),
            tuple(dict.fromkeys(name for each in every for name in each.lapsed)),
            tuple(left for each in every for left in each.left),
            tuple(id_ for each in every for id_ in each.ended),
        )

    def as_dict(self) -> Mapping[str, Any]:
        """For JSON."""
        return {
            "connections_cut": self.connections_cut,
            "tokens_dropped": self.tokens_dropped,
            "tokens_revoked": self.tokens_revoked,
            "tokens_left": [
                {"service": each.service, "token": each.id, "expires_at": _moment(each.expires_at)}
                for each in self.left
            ],
            "workers": self.workers,
            "lapsed": list(self.lapsed),
            "cut_ms": round(self.cut_ms, 3),
            "tokens_ms": round(self.tokens_ms, 3),
            "ms": round(self.milliseconds, 3),
        }


def _moment(seconds: float | None) -> str | None:
    """RFC 3339, in whole seconds and never too early; None stays."""
    return None if seconds is None else f"{datetime.fromtimestamp(math.ceil(seconds), UTC):%Y-%m-%dT%H:%M:%SZ}"


ChangeFeed = Callable[[Mission], Awaitable[Applied]]
"""Tells every worker about a changed mission and returns when all have acted on it, or can't send any more."""


CeilingsFeed = Callable[[Ceilings], Awaitable[Applied]]
"""Tells every worker of this host about changed ceilings; returns when nothing goes any more to what they don't allow."""


Evaluate = Callable[[Mapping[str, Any]], Awaitable[Mapping[str, Any]]]
"""Asks a worker what it would decide: the members of ``decision.hypothetical.Asked`` in, ``decision`` and its ``context`` out.

Raises UnavailableError when no worker can say.
"""
