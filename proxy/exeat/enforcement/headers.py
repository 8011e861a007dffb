"""The exact header fields an origin gets: the agent's own, the swapped credential, one tag.

Must not know: any engine, how a token was obtained.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import replace

from exeat.decision.recognise import strip_and_place
from exeat.model.decision import Inject, Tag
from exeat.model.identity import Agent
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.service import CredentialPlace, PlaceKind
from exeat.model.token import Token

_TRACEPARENT = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_DROPPED = frozenset({b"host", b"traceparent", b"baggage", b"expect"})
"""Written anew (host, traceparent), answered here (expect), or a way to carry what nobody decided on (baggage)."""
_HIDING = _DROPPED | {
    b"accept-encoding",
    b"grpc-accept-encoding",
    b"connect-accept-encoding",
    b"available-dictionary",
    b"a-im",
}
"""Not sent either when the answer is to be searched: they ask for codings, of the body, of messages, of differences."""
_ONE_RANGE = re.compile(rb"bytes=(?:[0-9]{1,18}-[0-9]{0,18}|-[0-9]{1,18})")


def outgoing(
    request: CanonicalRequest,
    inject: Inject | None,
    token: Token | None,
    tag: Tag,
    agent: Agent,
    mission: str,
    request_id: str,
    pairwise_key: bytes,
    *,
    searched: bool = False,
) -> tuple[Headers, str]:
    """Return (fields without ``host``, path with query): what leaves, in full.

    ``searched`` says that the answer will be searched, as it is for every request with a token.

    A signature is made later, over what this returns.

    W3C ``traceparent`` of the agent is kept when it is well-formed, else a new one starts here.
    """
    fields: Headers = request.headers
    query = request.query
    if inject is not None and token is not None:
        user = token.parts.get("user")
        fields, query = strip_and_place(fields, query, inject.place, token.value, user and user.reveal())
        if inject.place.kind is PlaceKind.COOKIE:
            for name, value in token.parts.items():
                fields, query = strip_and_place(fields, query, CredentialPlace(PlaceKind.COOKIE, name), value)
    if token is not None or searched:
        kept = searchable(fields)
    else:
        kept = [field for field in fields if field[0] not in _DROPPED]
    parents = request.header(b"traceparent")
    if len(parents) == 1 and _TRACEPARENT.fullmatch(parents[0]):
        kept.append((b"traceparent", parents[0]))
    else:
        trace = request_id[2:34].ljust(32, "0")
        kept.append((b"traceparent", f"00-{trace}-{trace[16:32]}-01".encode()))
    kept.extend(tags(tag, agent, mission, request_id, pairwise_key, request.host))
    return tuple(kept), f"{request.path}?{query}" if query else request.path


def searchable(fields: Headers) -> list[tuple[bytes, bytes]]:
    """The fields that go on, asking for an answer that can be searched: not compressed, and not in many parts."""
    kept = [field for field in fields if field[0] not in _HIDING]
    kept.append((b"accept-encoding", b"identity"))
    if any(name == b"range" and not _ONE_RANGE.fullmatch(value) for name, value in kept):
        return [field for field in kept if field[0] not in (b"range", b"if-range")]  # RFC 9110 §14.2: may be ignored
    return kept


def framed(request: CanonicalRequest, body: bytes) -> CanonicalRequest:
    """Return the request with the length of a body that was read whole: whoever framed it before, it ends there now."""
    kept = tuple(field for field in request.headers if field[0] not in (b"content-length", b"transfer-encoding"))
    return replace(request, headers=(*kept, (b"content-length", str(len(body)).encode())))


def tags(tag: Tag, agent: Agent, mission: str, request_id: str, pairwise_key: bytes, host: str) -> Headers:
    """The identity tag: the SPIFFE ID, a pseudonym that only we can resolve and that differs per host, or nothing."""
    if tag.style == "none":
        return ()
    if tag.style == "pairwise":
        digest = hmac.digest(pairwise_key, f"{agent.spiffe_id}\0{host}".encode(), hashlib.sha256)
        name = f"urn:exeat:agent:{digest.hex()[:32]}"
    else:
        name = agent.spiffe_id
    return (
        (b"exeat-agent", name.encode()),
        (b"exeat-mission", mission.encode()),
        (b"exeat-request-id", request_id.encode()),
    )
