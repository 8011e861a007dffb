"""What of an origin's answer reaches the agent: fields that keep to the governed path, nothing of ours, nothing kept.

An answer that can't be searched for what it may hold doesn't pass. Must not know: any engine, who issues tokens.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple, final

from exeat.decision.fields import CARRIERS
from exeat.enforcement.answers.codings import CODINGS, CodedBody
from exeat.enforcement.answers.forms import NO_NEEDLES, Needles
from exeat.enforcement.answers.keeping import NOTED, Keeper
from exeat.enforcement.answers.link_bodies import LinkBody, is_text
from exeat.enforcement.answers.scrub import AnswerError, BodyReader, PartScrubber, Scrubber, mask_fields
from exeat.enforcement.answers.token_answers import TokenBody, TokenReader, reads
from exeat.enforcement.exchange import Exchange
from exeat.model.request import Headers
from exeat.model.secret import Secret
from exeat.model.service import HandOut, Handouts
from exeat.model.token import Token
from exeat.services.fields import plain_name

_STRIPPED = frozenset({b"alt-svc", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"keep-alive"})
"""Ways off the governed path (alt-svc), and fields that are hop-by-hop or ours to send."""
_MESSAGE_CODINGS = frozenset({b"grpc-encoding", b"connect-content-encoding"})
"""Codings of each message in the body, which aren't undone."""
_SPECIAL = _STRIPPED | NOTED | _MESSAGE_CODINGS | {b"content-encoding", b"transfer-encoding"}
_PLAIN = frozenset({b"", b"identity", b"aws-chunked"})
"""No coding; the last one some S3 servers repeat of an upload, and the answer is as plain as any."""
_OF_THE_CODED = frozenset(
    {
        b"content-encoding",
        b"content-length",
        b"content-md5",
        b"digest",
        b"content-digest",
        b"repr-digest",
        b"accept-ranges",
    }
)
"""Said of a body as it was coded; once it is decoded they are wrong."""
_NOTHING: frozenset[bytes] = frozenset()
_NOT_TRAILERS = _STRIPPED | NOTED
_RANGE = re.compile(rb"bytes ([0-9]{1,18})-([0-9]{1,18})/([0-9]{1,18}|\*)")
_NEEDLES = 1024
"""Tokens whose forms are kept ready; making them anew costs some 25 microseconds."""


class Head(NamedTuple):
    """The fields of an answer as the agent gets them, and what its body goes through (None: nothing).

    ``reframed`` says that the body's length isn't known any more, ``whole`` that nothing goes on before all of it is there.
    """

    fields: Headers
    body: BodyReader | None = None
    reframed: bool = False
    whole: bool = False


@final
class Answers:
    """Reads the answers of one worker. ``rules_of`` gives what a service says of its handouts, by the service's name."""

    def __init__(self, keeper: Keeper, rules_of: Callable[[str], Handouts | None]) -> None:
        self._keeper = keeper
        self._rules_of = rules_of
        self._needles: dict[str, Needles] = {}
        self._replaced: Mapping[str, Sequence[Secret]] = {}

    def needles(self, exchange: Exchange) -> Needles:
        """What must not come back in this exchange's answer: every form of its token, and of what was put back."""
        token, claim = exchange.token, exchange.claim
        if claim is not None and (secrets := claim.secrets):
            return Needles(secrets if token is None else (*self._secrets(exchange, token), *secrets))
        if token is None:
            return NO_NEEDLES
        found = self._needles.get(token.id)
        if found is None:
            if len(self._needles) >= _NEEDLES:
                self._needles.pop(next(iter(self._needles)))
            found = self._needles[token.id] = Needles(tuple(self._secrets(exchange, token)))
        return found

    def replace(self, replaced: Mapping[str, Sequence[Secret]]) -> None:
        """What services' credentials were until now: origins may still show them, and the agent doesn't get those either."""
        self._replaced = replaced
        self._needles.clear()

    def _secrets(self, exchange: Exchange, token: Token) -> Iterator[Secret]:
        yield from token.secrets()
        if self._replaced:
            yield from self._replaced.get(exchange.permit.question.service, ())

    def head(self, exchange: Exchange, status: int, fields: Headers) -> Head:
        """Judge an answer by its head; raise AnswerError for one that may not pass."""
        needles = self.needles(exchange)
        names = [name.lower() for name, _ in fields]
        special = _NOTHING if _SPECIAL.isdisjoint(names) else _SPECIAL.intersection(names)
        if special:
            fields = self._handed_out(exchange, fields, special)
        if exchange.keep is not None:
            return self._with_tokens(exchange, exchange.keep, status, fields, needles)
        if not needles:
            return Head(fields)
        rules = self._rules_of(exchange.permit.question.service)
        if rules is not None and rules.link_bodies:
            return self._with_links(exchange, status, fields, needles, rules)
        if status == 206 or (special and not special.isdisjoint(_MESSAGE_CODINGS | {b"content-encoding"})):
            return _searched(exchange, status, fields, needles)
        return Head(mask_fields(fields, needles), Scrubber(needles))

    def trailers(self, exchange: Exchange, fields: Headers) -> Headers:
        """The trailers as the agent gets them; none where credentials are handed out."""
        if exchange.keep is not None:
            return ()
        return mask_fields(
            tuple(field for field in fields if field[0].lower() not in _NOT_TRAILERS), self.needles(exchange)
        )

    def forget(self, mission: str, *, ended: bool) -> None:
        """Drop what was kept of tokens, because some of them are gone, and of a mission that ended everything."""
        self._needles.clear()
        if ended:
            self._keeper.forget(mission)

    def _with_tokens(self, exchange: Exchange, what: HandOut, status: int, fields: Headers, needles: Needles) -> Head:
        """An answer that hands out credentials: nothing of it goes on before all of it was read."""
        media = b"".join(_values(fields, b"content-type")).partition(b";")[0].strip().lower()
        if status == 206:
            raise AnswerError("a part of an answer with credentials")
        if not reads(what, media):
            return _searched(exchange, status, fields, needles)
        rules = self._rules_of(exchange.permit.question.service) or Handouts()
        give = self._keeper.token_keeper(exchange.session, what.hosts)
        keep = self._keeper.link_keeper(exchange.session, rules)
        request = exchange.request
        secure = request.scheme == "https"
        fields = tuple(
            (name, give(value.decode("latin-1"), request.host, secure).encode()) if _hands_out(name) else (name, value)
            for name, value in fields
        )
        reader = TokenReader(what, request, media, status, give, keep)
        head = _searched(exchange, status, fields, needles, lambda inner: TokenBody(reader.read, inner))
        return head if head.body is None else Head(_as_decoded(head.fields), head.body, reframed=True, whole=True)

    def _with_links(self, exchange: Exchange, status: int, fields: Headers, needles: Needles, rules: Handouts) -> Head:
        """An answer whose body may hold links: those in a text are kept too."""
        if rules.links == "pass" or status == 206 or not is_text(b"".join(_values(fields, b"content-type"))):
            return _searched(exchange, status, fields, needles)
        keep = self._keeper.link_keeper(exchange.session, rules)
        head = _searched(
            exchange,
            status,
            fields,
            needles,
            lambda inner: LinkBody(exchange.request, rules.link_parameters, keep, inner),
        )
        return head if head.body is None else Head(_as_decoded(head.fields), head.body, reframed=True)

    def _handed_out(self, exchange: Exchange, fields: Headers, special: frozenset[bytes]) -> Headers:
        if not special.isdisjoint(_STRIPPED):
            fields = tuple(field for field in fields if field[0].lower() not in _STRIPPED)
        if b"transfer-encoding" in special and any(
            value.strip().lower() not in (b"chunked", b"identity") for value in _values(fields, b"transfer-encoding")
        ):
            raise AnswerError("a transfer coding nobody asked for")
        if not special.isdisjoint(NOTED):
            rules = self._rules_of(exchange.permit.question.service)
            fields = self._keeper.hand_out(exchange.session, exchange.request, fields, rules)
        return fields


def _hands_out(name: bytes) -> bool:
    """Whether a field of such an answer is a credential, as ``X-Subject-Token`` is."""
    plain = plain_name(name.lower())
    return plain in CARRIERS or plain.endswith(b"-token")


def _values(fields: Headers, name: bytes) -> list[bytes]:
    return [value for key, value in fields if key.lower() == name]


def _searched(
    exchange: Exchange,
    status: int,
    fields: Headers,
    needles: Needles,
    around: Callable[[BodyReader], BodyReader] = lambda inner: inner,
) -> Head:
    """An answer that needs more than a plain search: coded, or a part; ``around`` reads a body before the search does."""
    masked = mask_fields(fields, needles)
    if exchange.request.method == "HEAD" or status in (204, 304) or status < 200:
        return Head(masked)  # no body
    if any(
        value.strip().lower() not in (b"identity", b"") for name in _MESSAGE_CODINGS for value in _values(fields, name)
    ):
        raise AnswerError("messages in a coding that can't be searched")
    listed = b",".join(_values(fields, b"content-encoding")).lower().split(b",")
    codings = [coding for each in listed if (coding := each.strip()) not in _PLAIN]
    if not codings:
        return Head(masked, _part(fields, needles) if status == 206 else around(Scrubber(needles)))
    if len(codings) > 1 or codings[0] not in CODINGS or status == 206:
        raise AnswerError("a content coding that can't be searched")
    return Head(_as_decoded(masked), CodedBody(codings[0], around(Scrubber(needles))), reframed=True)


def _part(fields: Headers, needles: Needles) -> BodyReader:
    """Several parts, and one that lies inside a longer secret, could be put together by who asked for them."""
    ranges = [_RANGE.fullmatch(value.strip()) for value in _values(fields, b"content-range")]
    if len(ranges) != 1 or ranges[0] is None:
        raise AnswerError("parts that can't be searched")
    first, last, whole = ranges[0].groups()
    left, right = int(first) > 0, whole == b"*" or int(last) + 1 < int(whole)
    if left and right and int(last) - int(first) < needles.longest:
        raise AnswerError("a part too small to be searched")
    return PartScrubber(needles, left=left, right=right)


def _as_decoded(fields: Headers) -> Headers:
    """The fields of a body that is decoded; a strong validator becomes a weak one (RFC 9110 §8.8.1)."""
    return tuple(
        (name, b"W/" + value if name.lower() == b"etag" and not value.startswith(b"W/") else value)
        for name, value in fields
        if name.lower() not in _OF_THE_CODED
    )
