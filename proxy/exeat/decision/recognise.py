"""Whose credential a request brought: known by keyed fingerprint, so that no secret is needed to tell.

One credential in its one place is recognised; anything else that looks like a credential, and any managed one elsewhere, is
foreign (security matrix H04 to H08). Must not know: secrets' sources, policies, what happens next.
"""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from exeat.decision.aws_signature import PLAIN as AWS_PARAMETERS
from exeat.decision.fields import CARRIERS
from exeat.decision.places import cookies, fields_of, places, read_place, strip_and_place, text_of
from exeat.model.decision import CredentialState
from exeat.model.request import CanonicalRequest
from exeat.model.service import CredentialPlace, PlaceKind, Service
from exeat.services.fields import plain_name
from exeat.services.query import plain_key, query_pairs

__all__ = ["FingerprintTable", "Known", "Recognition", "fingerprint", "recognise", "strip_and_place"]

_QUERY_CARRIERS = frozenset({"access_token", "api_key", "apikey", "auth_token", "private_token", "token"})
_MISPLACED = "a managed credential outside its place"


def fingerprint(key: bytes, value: str) -> bytes:
    """Return the first 16 bytes of HMAC-SHA256: what a credential is known by. Without ``key`` it can't be guessed at."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")[:16]


@dataclass(frozen=True, slots=True)
class Known:
    """A managed credential. ``service`` is its ``holder``, ``agent`` an Agent.key, ``""`` for a shared one; ``retire_by`` in epoch seconds."""

    kind: Literal["shared", "placeholder"]
    service: str
    agent: str = ""
    retire_by: float | None = None


@dataclass(frozen=True, slots=True)
class FingerprintTable:
    """All managed credentials by fingerprint. ``lengths`` are those of the values, in characters."""

    key: bytes = field(repr=False)
    known: Mapping[bytes, Known] = field(repr=False)
    lengths: frozenset[int]

    def look_up(self, value: str) -> Known | None:
        """Return what ``value`` is known as; a length nothing has costs no HMAC."""
        return self.known.get(fingerprint(self.key, value)) if len(value) in self.lengths else None


@dataclass(frozen=True, slots=True)
class Recognition:
    """What was found. ``detail`` is fixed text.

    ``forwardable`` says that a foreign credential is one well-formed value in the service's place that nobody manages here,
    so forwarding it gives away nothing of ours.
    """

    state: CredentialState
    detail: str = ""
    forwardable: bool = False


_NOTHING = Recognition(CredentialState.NONE)
_RECOGNISED = {"shared": Recognition(CredentialState.SHARED), "placeholder": Recognition(CredentialState.PLACEHOLDER)}


def recognise(
    service: Service | None,
    request: CanonicalRequest,
    agent_key: str,
    table: FingerprintTable,
    now: float,
    kept: frozenset[str] = frozenset(),
    carried: frozenset[bytes] = frozenset(),
) -> Recognition:
    """Say what credential a request brought to ``service`` (None: a host without one). Never raises.

    ``kept`` are placeholders in its query for what an origin handed to this session, ``carried`` the whole values of header
    fields that hold one: no credentials of the agent's.
    """
    place = None if service is None else service.credential
    given = [name for name, value in request.headers if value in carried] if carried else []
    if problem := _elsewhere(place, request, table, kept, carried):
        return Recognition(CredentialState.FOREIGN, problem)
    if given:
        return _with_kept(place, request, given)
    if service is None or place is None:
        return _NOTHING
    try:
        value = read_place(place, request)
    except ValueError as error:
        return Recognition(CredentialState.FOREIGN, str(error))
    if value is None:
        return _NOTHING
    known = table.look_up(value)
    if known is None:
        return Recognition(CredentialState.FOREIGN, "not a credential that is managed here", forwardable=True)
    if known.service != service.holder or (known.kind == "placeholder" and known.agent != agent_key):
        return Recognition(CredentialState.FOREIGN, "a managed credential of another service or agent")
    if known.retire_by is not None and now >= known.retire_by:
        return Recognition(CredentialState.RETIRED, "past its retire_by date")
    return _RECOGNISED[known.kind]


def _with_kept(place: CredentialPlace | None, request: CanonicalRequest, given: list[bytes]) -> Recognition:
    """What was handed out stands for itself: alone, and nothing beside it in the service's place."""
    rest = replace(request, headers=tuple(field for field in request.headers if field[0] not in given))
    try:
        beside = None if place is None else read_place(place, rest)
    except ValueError as error:
        return Recognition(CredentialState.FOREIGN, str(error))
    if beside is not None or len(given) > 1 or sum(name == given[0] for name, _ in request.headers) > 1:
        return Recognition(CredentialState.FOREIGN, "ambiguous: a credential beside one that was handed out")
    return Recognition(CredentialState.KEPT)


def _elsewhere(
    place: CredentialPlace | None,
    request: CanonicalRequest,
    table: FingerprintTable,
    kept: frozenset[str],
    carried: frozenset[bytes],
) -> str:
    """Why something outside the place is a credential; ``""`` when nothing is."""
    own = () if place is None else tuple(name for each in places(place) for name in fields_of(each))
    aliases = {plain_name(name) for name in own}
    lengths = table.lengths
    for name, value in request.headers:
        if name in own or not value:
            continue
        if value in carried:
            continue
        plain = plain_name(name)
        if plain in CARRIERS or plain in aliases:
            return "a credential in another header than the service's"
        last = value.rpartition(b" ")[2]  # behind a scheme
        if (len(value) in lengths or len(last) in lengths) and (_known(value, table) or _known(last, table)):
            return _MISPLACED
        if name == b"cookie" and any(table.look_up(content) for _, content in cookies(((name, value),))):
            return _MISPLACED
    if any(table.look_up(segment) for segment in request.segments):
        return _MISPLACED
    if place is not None and b"cookie" in own:
        crumbs = {each.name for each in places(place) if each.kind is PlaceKind.COOKIE}
        others = (content for name, content in cookies(request.headers) if name not in crumbs)
        if any(table.look_up(content) for content in others):
            return _MISPLACED
    return _in_query(place, request.query, table, kept) if request.query else ""


def _known(value: bytes, table: FingerprintTable) -> bool:
    return table.look_up(text_of(value)) is not None


def _keys_of(place: CredentialPlace) -> frozenset[str]:
    if place.kind is PlaceKind.AWS_SIGV4:
        return AWS_PARAMETERS
    return frozenset(plain_key(each.name) for each in places(place) if each.kind is PlaceKind.QUERY)


def _in_query(place: CredentialPlace | None, query: str, table: FingerprintTable, kept: frozenset[str]) -> str:
    own = frozenset() if place is None else _keys_of(place)
    for key, value in query_pairs(query):
        plain = plain_key(key)
        if plain in own:
            continue
        if value and plain in _QUERY_CARRIERS and value not in kept:
            return "a credential in the query"
        if table.look_up(value) or table.look_up(key):
            return _MISPLACED
    return ""
