"""What an origin handed to a session, in and out: kept when an answer brings it, put back when its own session asks.

A placeholder of another session, or away from the place its value belongs to, is refused: nobody acts with what was
handed to somebody else (DESIGN promise 8). Must not know: any engine, how values are stored.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import final

from exeat.credentials.custody import MARK, Custody, Kept, is_placeholder
from exeat.decision.places import cookies
from exeat.enforcement.answers.carried import filled as filled_field
from exeat.enforcement.answers.carried import filled_body, in_body, in_field, may_hold
from exeat.enforcement.answers.cookies import read_set_cookie
from exeat.enforcement.answers.links import Keep, with_kept
from exeat.enforcement.answers.scrub import AnswerError
from exeat.enforcement.answers.token_answers import Give
from exeat.enforcement.headers import framed
from exeat.enforcement.references import CARRIERS
from exeat.model.decision import Deny, NeedBody
from exeat.model.reason import Reason
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.secret import Secret
from exeat.model.service import HandOut, Handouts
from exeat.ports import Clock
from exeat.services.query import decoded

_MARK = MARK.encode("ascii")
_TELLING = 16
"""A value shorter than this, or without a digit, is looked for in no answer: it would be found in ordinary text."""
_LINK_VALUE = re.compile(r"(?:[A-Za-z0-9._~!$'()*+,:@/?=-]|%[0-9A-Fa-f]{2})+")
"""What may go into a request's query without being judged there: it can't end the value, and no server splits it (RFC 3986 §3.4)."""
_TOKEN_REQUEST = 64 * 1024
"""Bytes of a request for a credential; they hold a few tokens."""
_JWT = re.compile(r"([\w-]+\.[\w-]+\.)[\w-]{16,}", re.ASCII)
"""Its claims are no secret and clients read them; without its signature it opens nothing (RFC 7515 §3.1)."""
NOTED = CARRIERS | {b"set-cookie", b"set-cookie2"}
"""The fields of an answer that hand something out."""


@dataclass(frozen=True, slots=True)
class Claim:
    """The placeholders that a request shows in their places; ``gone`` are its session's whose values are gone.

    ``carried`` are the whole values of the header fields that hold the placeholder of a token.
    """

    found: tuple[tuple[str, Kept], ...]
    gone: frozenset[str] = frozenset()
    carried: frozenset[bytes] = frozenset()
    placeholders: frozenset[str] = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "placeholders", frozenset(text for text, _ in self.found))

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """What must not come back in the answer."""
        return tuple(
            kept.value
            for _, kept in self.found
            if kept.kind == "token" or (len(text := kept.value.reveal()) >= _TELLING and any(map(str.isdigit, text)))
        )

    def joined(self, other: Claim) -> Claim:
        """Both together."""
        return Claim(self.found + other.found, self.gone | other.gone, self.carried | other.carried)

    def put_back(self, fields: Headers, target: str) -> tuple[Headers, str]:
        """Return fields and target with the values themselves; cookies and tokens whose values are gone are left out."""
        real = self._real()
        path, mark, query = target.partition("?")
        if mark:
            query = "&".join(_filled(part, real) for part in query.split("&"))
        filled = []
        for name, value in fields:
            if name == b"cookie" and _MARK in value:
                crumbs = [(key, content) for key, content in cookies(((name, value),)) if content not in self.gone]
                line = "; ".join(f"{key}={real.get(content, content)}" for key, content in crumbs)
                if not line:
                    continue
                filled.append((name, line.encode("utf-8", "surrogateescape")))
            elif value in self.carried:
                if (whole := filled_field(value, real)) is not None:
                    filled.append((name, whole))
            else:
                filled.append((name, value))
        return tuple(filled), path + mark + query

    def put_into(self, media: bytes, body: bytes) -> bytes:
        """Return a body with the tokens themselves."""
        return filled_body(media, body, self._real())

    def _real(self) -> dict[str, str]:
        return {text: kept.value.reveal() for text, kept in self.found}


@dataclass(frozen=True, slots=True)
class Handing:
    """A permitted request as it is sent: ``keep`` is what its answer hands out, ``body`` what replaces the agent's own."""

    request: CanonicalRequest
    claim: Claim | None = None
    keep: HandOut | None = None
    body: bytes | None = None


def _filled(part: str, real: dict[str, str]) -> str:
    key, equals, value = part.partition("=")
    return f"{key}{equals}{real[value]}" if value in real else part


@final
class Keeper:
    """Both directions of custody. ``undescribed`` holds for hosts that no service describes."""

    def __init__(self, custody: Custody, clock: Clock, undescribed: Handouts) -> None:
        self._custody = custody
        self._clock = clock
        self._undescribed = undescribed

    def claim(self, session: str, request: CanonicalRequest) -> Claim | Deny | None:
        """What a request shows of its session's own; None when nothing, Deny when it shows what isn't its own to show."""
        if MARK not in request.query and not _marked(request.headers):
            return None
        carried = frozenset(
            value for name, value in request.headers if name != b"cookie" and may_hold(name, value) and in_field(value)
        )
        shown = list(_shown(request))
        shown += [("token", "", text) for value in carried if (text := in_field(value)) is not None]
        return self._claimed(session, request, shown, carried) if shown else None

    def handing(
        self, session: str, request: CanonicalRequest, body: bytes | None, claim: Claim | None, what: HandOut
    ) -> Handing | NeedBody | Deny:
        """How a request for credentials is sent: what its body shows of those handed out before is put back."""
        if not (what.takes_back and request.has_body):
            return Handing(request, claim, what)
        if body is None:
            return NeedBody(_TOKEN_REQUEST)
        if len(body) > _TOKEN_REQUEST or request.header(b"content-encoding"):
            return Deny(Reason.REQUEST_MALFORMED, detail="a request for a credential that can't be read")
        media = b"".join(request.header(b"content-type")).partition(b";")[0].strip().lower()
        shown = [("token", "", text) for text in dict.fromkeys(in_body(media, body))]
        claimed = self._claimed(session, request, shown, frozenset()) if shown else None
        if claimed is None:
            return Handing(request, claim, what)
        if isinstance(claimed, Deny):
            return claimed
        filled = claimed.put_into(media, body)
        return Handing(framed(request, filled), claimed if claim is None else claim.joined(claimed), what, filled)

    def _claimed(
        self, session: str, request: CanonicalRequest, shown: list[tuple[str, str, str]], carried: frozenset[bytes]
    ) -> Claim | Deny:
        found: list[tuple[str, Kept]] = []
        gone: set[str] = set()
        for kind, name, text in shown:
            kept = self._custody.find(session, text)
            if kept is None and not self._custody.gave(session, text):
                return Deny(Reason.CREDENTIAL_FOREIGN, detail=f"a {kind} that was handed to another session")
            if kept is None and kind == "link":
                return Deny(Reason.CREDENTIAL_FOREIGN, detail="a link whose time is over")
            if kept is None:
                gone.add(text)
            elif kept.fits(kind, name, request.host, request.path, secure=request.scheme == "https"):
                found.append((text, kept))
            else:
                return Deny(Reason.CREDENTIAL_FOREIGN, detail=f"a kept {kept.kind} outside its place")
        return Claim(tuple(found), frozenset(gone), carried)

    def hand_out(self, session: str, request: CanonicalRequest, fields: Headers, rules: Handouts | None) -> Headers:
        """Return an answer's fields with placeholders for what is kept; raise AnswerError where that is to be refused."""
        rules = rules or self._undescribed
        handed: list[tuple[bytes, bytes]] = []
        for name, value in fields:
            plain = name.lower()
            if plain == b"set-cookie":
                given = self._cookie(session, request, value, rules)
                if given is not None:
                    handed.append((name, given))
            elif plain in CARRIERS and rules.links != "pass":
                handed.append((name, self._link(session, request, (plain, value), rules)))
            elif plain != b"set-cookie2":
                handed.append((name, value))
        return tuple(handed)

    def forget(self, mission: str) -> None:
        """Drop everything of a mission."""
        self._custody.forget(mission)

    def _cookie(self, session: str, request: CanonicalRequest, value: bytes, rules: Handouts) -> bytes | None:
        if rules.cookies == "pass":
            return value
        read = None if rules.cookies == "strip" else read_set_cookie(value, request, self._clock.time())
        if read is None or read.kept.name == rules.credential_cookie:
            return None
        if rules.cookies == "http_only" and not read.http_only:
            return value
        if read.ended:
            return read.with_value("")
        placeholder = self._custody.keep(session, read.kept)
        return None if placeholder is None else read.with_value(placeholder)

    def _link(self, session: str, request: CanonicalRequest, carrier: tuple[bytes, bytes], rules: Handouts) -> bytes:
        return with_kept(*carrier, request, rules.link_parameters, self.link_keeper(session, rules))

    def token_keeper(self, session: str, others: tuple[str, ...]) -> Give:
        """What keeps the credentials that an answer hands to a session; ``others`` are further hosts that take them."""

        def give(value: str, host: str, secure: bool) -> str:
            if is_placeholder(value):
                return value
            kept = Kept("token", "", Secret(value), host, secure=secure, others=others)
            placeholder = self._custody.keep(session, kept)
            if placeholder is None:
                raise AnswerError("a credential that is too large to be kept")
            claims = _JWT.fullmatch(value)
            return placeholder if claims is None else claims[1] + placeholder

        return give

    def link_keeper(self, session: str, rules: Handouts) -> Keep:
        """What keeps a session's links; it raises AnswerError where they are refused."""

        def keep(parameter: str, value: str, host: str, secure: bool) -> str:
            if rules.links == "refuse":
                raise AnswerError("a presigned link")
            if is_placeholder(value):
                return value
            if not _LINK_VALUE.fullmatch(value):
                return "withheld"
            kept = Kept("link", parameter, Secret(value), host, secure=secure)
            return (host and self._custody.keep(session, kept)) or "withheld"

        return keep


def _marked(fields: Headers) -> bool:
    """Whether any field is worth a closer look: asked of every request, so with one search for all of them."""
    if _MARK in b"\n".join([value for _, value in fields]):
        return True
    for name, value in fields:  # noqa: SIM110 a generator costs twice as much
        if name == b"authorization" and may_hold(name, value):
            return True
    return False


def _shown(request: CanonicalRequest) -> Iterator[tuple[str, str, str]]:
    """(kind, name, placeholder) of every placeholder in a cookie or a query parameter."""
    for name, content in cookies(request.headers):
        if is_placeholder(content):
            yield "cookie", name, content
    for part in request.query.split("&"):
        key, _, value = part.partition("=")
        if is_placeholder(decoded(value)):
            yield "link", decoded(key), decoded(value)
