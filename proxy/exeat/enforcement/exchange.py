"""An admitted request: the stamp without which nothing leaves, and the account of what became of it.

Only the gate makes one. Must not know: any engine, policies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.enforcement.scrub import Scrubber
from exeat.model.decision import CredentialState, Permit
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.token import Token


@final
class Exchange:
    """One permitted request on its way. The engine holds it from admission to outcome."""

    __slots__ = (
        "_is_live", "_scrubber", "agent", "decision_id", "finished", "headers", "method", "mission", "permit", "received", "request",
        "request_id", "sent", "sent_bytes", "session", "started", "target", "token",
    )  # fmt: skip

    def __init__(
        self,
        *,
        decision_id: str,
        request_id: str,
        session: str,
        mission: str,
        agent: str,
        request: CanonicalRequest,
        permit: Permit,
        started: float,
        is_live: Callable[[str], bool],
    ) -> None:
        self.decision_id = decision_id
        self.request_id = request_id
        self.session = session
        self.mission = mission
        self.agent = agent
        self.request = request
        self.permit = permit
        self.started = started
        self.token: Token | None = None
        self.headers: Headers = ()
        """Exactly the fields the origin gets, ``host`` aside."""
        self.target = ""
        """Exactly the path and query the origin gets."""
        self.sent = False
        self.finished = False
        self.sent_bytes = 0
        self.received = 0
        self._is_live = is_live
        self._scrubber: Scrubber | None = None

    @property
    def credential(self) -> CredentialState:
        """What the agent brought."""
        return self.permit.question.credential

    def may_leave(self) -> bool:
        """The allow stamp, asked right before bytes are handed over: complete, still live, still unfinished."""
        return bool(self.target) and not self.finished and self._is_live(self.session)

    def is_live(self) -> bool:
        """Whether its session may still act."""
        return self._is_live(self.session)

    def count_sent(self, chunk: bytes) -> bytes:
        """Pass a body chunk on towards the origin, counting it; b"" once the session is gone."""
        if not self.may_leave():
            return b""
        self.sent_bytes += len(chunk)
        return chunk

    def scrub_with(self, needles: tuple[bytes, ...]) -> None:
        """From now on, mask these in the answer's body."""
        self._scrubber = Scrubber(needles)

    def count_received(self, chunk: bytes) -> bytes:
        """Pass a body chunk on towards the agent, counted and without our token; b"" ends the body."""
        self.received += len(chunk)
        return chunk if self._scrubber is None else self._scrubber.feed(chunk)
