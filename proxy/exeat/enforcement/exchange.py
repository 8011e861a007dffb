"""An admitted request: the stamp without which nothing leaves, and the account of what became of it.

Only the gate makes one. Must not know: any engine, policies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.enforcement.answers.keeping import Claim
from exeat.enforcement.answers.scrub import BodyReader
from exeat.model.decision import CredentialState, Permit
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.token import Token


@final
class Exchange:
    """One permitted request on its way. The engine holds it from admission to outcome."""

    __slots__ = (
        "_body", "_is_live", "agent", "answered", "claim", "decision_id", "finished", "headers", "method", "mission", "permit", "received", "request",
        "request_id", "sent", "sent_bytes", "session", "stamped", "started", "target", "token",
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
        self.stamped = started
        """When it was ready to leave, its token included."""
        self.token: Token | None = None
        self.headers: Headers = ()
        """Exactly the fields the origin gets, ``host`` aside."""
        self.target = ""
        """Exactly the path and query the origin gets."""
        self.claim: Claim | None = None
        """What it showed of what is kept for its session."""
        self.sent = False
        self.answered = False
        self.finished = False
        self.sent_bytes = 0
        self.received = 0
        self._is_live = is_live
        self._body: BodyReader | None = None

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

    def read_with(self, body: BodyReader) -> None:
        """From now on, send the answer's body through this."""
        self._body = body

    def count_received(self, chunk: bytes) -> bytes | list[bytes]:
        """Pass a body chunk on towards the agent, counted and without our token; b"" ends the body.

        Nothing to pass on is no chunk at all: in HTTP/1 an empty one would end the body. Raise AnswerError to cut it.
        """
        self.received += len(chunk)
        if self._body is None:
            return chunk
        return self._body.feed(chunk) or []
