"""An admitted request: the stamp without which nothing leaves, and the account of what became of it.

Only the gate makes one. Must not know: any engine, policies.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from exeat.enforcement.answers.keeping import Claim
from exeat.enforcement.answers.models import ModelReader
from exeat.enforcement.answers.scrub import AnswerError, BodyReader
from exeat.enforcement.known_values import BodySearch
from exeat.enforcement.limits.meter import Meter
from exeat.enforcement.signing import SignedBody, Signing
from exeat.model.decision import CredentialState, Permit
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.service import HandOut
from exeat.model.token import Token


@final
class Exchange:
    """One permitted request on its way. The engine holds it from admission to outcome."""

    __slots__ = (
        "_body", "_is_live", "_models", "_search", "_signed", "agent", "answered", "body", "certificate", "claim", "decision_id", "finished", "headers", "keep", "meter", "method", "mission", "permit", "received", "request",
        "request_id", "sent", "sent_bytes", "session", "signing", "stamped", "started", "target", "token",
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
        self.certificate: Token | None = None
        """Its token, where that is shown in the handshake with the origin: only a connection that carries it will do."""
        self.headers: Headers = ()
        """Exactly the fields the origin gets, ``host`` aside."""
        self.target = ""
        """Exactly the path and query the origin gets."""
        self.claim: Claim | None = None
        """What it showed of what is kept for its session."""
        self.keep: HandOut | None = None
        """What its answer hands out, which is read whole before anything of it goes on."""
        self.body: bytes | None = None
        """Exactly the body the origin gets, where that isn't the agent's own."""
        self.signing: Signing | None = None
        """How it is signed, where its credential is a signature."""
        self.meter: Meter | None = None
        """What counts it against budgets, where anything of its mission is counted."""
        self.sent = False
        self.answered = False
        self.finished = False
        self.sent_bytes = 0
        self.received = 0
        self._is_live = is_live
        self._body: BodyReader | None = None
        self._search: BodySearch | None = None
        self._signed: SignedBody | None = None
        self._models: ModelReader | None = None

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

    def stream_sent(self, chunk: bytes) -> bytes | list[bytes]:
        """As :meth:`count_sent`; what is only held back is no chunk at all, as an empty one would end a body in HTTP/1."""
        passed = self.count_sent(chunk)
        return passed if passed or (self._search is None and self._signed is None) else []

    def count_sent(self, chunk: bytes) -> bytes:
        """Pass a body chunk on towards the origin, counting it; b"" once the session is gone. An empty one ends the body.

        Raise LeakError when it holds what must not leave, UnfitBodyError when it isn't what was signed, PermissionError when
        no budget has paid for it.
        """
        if not self.may_leave():
            return b""
        ended = not chunk
        if self._search is not None:
            chunk = self._search.feed(chunk)
        if self._signed is not None:
            chunk = self._signed.feed(chunk) if chunk else b""
            if ended:
                chunk += self._signed.end()
        if self.meter is not None and not self.meter.spend(len(chunk)):
            raise PermissionError("not paid for")
        self.sent_bytes += len(chunk)
        return chunk

    def search_with(self, search: BodySearch | None) -> None:
        """From now on, send the request's body through this; None is through nothing."""
        self._search = search

    def sign_with(self, body: SignedBody | None) -> None:
        """From now on, check or sign the request's body by this; None is by nothing."""
        self._signed = body

    def signed_whole(self, body: bytes) -> bytes:
        """A body that was read whole, as it leaves; raise UnfitBodyError when it isn't what was signed."""
        return body if self._signed is None else self._signed.feed(body) + self._signed.end()

    def look_with(self, models: ModelReader | None) -> None:
        """From now on, have this look at the answer's body as it comes; None is nobody."""
        self._models = models

    def read_with(self, body: BodyReader) -> None:
        """From now on, send the answer's body through this."""
        self._body = body

    def pass_whole(self, chunk: bytes) -> bytes:
        """As :meth:`count_received`, of an answer that goes on when all of it is there."""
        passed = self.count_received(chunk)
        return passed if isinstance(passed, bytes) else b"".join(passed)

    def count_received(self, chunk: bytes) -> bytes | list[bytes]:
        """Pass a body chunk on towards the agent, counted and without our token; b"" ends the body.

        Nothing to pass on is no chunk at all: in HTTP/1 an empty one would end the body. Raise AnswerError to cut it.
        """
        if self.meter is not None and not self.meter.spend(len(chunk)):
            raise AnswerError("the mission's budget of bytes is used up")
        self.received += len(chunk)
        if self._models is not None:
            self._models.look(chunk)
        if self._body is None:
            return chunk
        return self._body.feed(chunk) or []
