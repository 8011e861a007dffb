"""Whose credential a request brought: known by keyed fingerprint, so that no secret is needed to tell.

One credential in its one place is recognised; anything else that looks like a credential, and any managed one elsewhere, is
foreign (security matrix H04 to H08). Must not know: secrets' sources, policies, what happens next.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from exeat.decision.aws_signature import PLAIN as AWS_PARAMETERS
from exeat.decision.fields import CARRIERS
from exeat.decision.places import (
    cookies,
    fields_of,
    found_in,
    header_of,
    places,
    read_place,
    secret_in,
    strip_and_place,
    text_of,
)
from exeat.model.decision import CredentialState
from exeat.model.request import CanonicalRequest
from exeat.model.service import CredentialPlace, PlaceKind, Service
from exeat.services.fields import plain_name
from exeat.services.query import plain_key, query_pairs

__all__ = ["FingerprintTable", "Known", "Recognition", "fingerprint", "public_id", "recognise", "strip_and_place"]

_QUERY_CARRIERS = frozenset({"access_token", "api_key", "apikey", "auth_token", "private_token", "token"})
_MISPLACED = "a managed credential outside its place"


def fingerprint(key: bytes, value: str) -> bytes:
    """Return the first 16 bytes of HMAC-SHA256: what a credential is known by. Without ``key`` it can't be guessed at."""
    return hmac.digest(key, value.encode("utf-8", "surrogatepass"), "sha256")[:16]


def public_id(found: bytes) -> str:
    """Return what a credential is called in records and reports: the beginning of its fingerprint, the same at every start."""
    return f"fp_{found[:8].hex()}"


@dataclass(frozen=True, slots=True)
class Known:
    """A managed credential. ``service`` is its ``holder``, ``agent`` an Agent.key, ``""`` for a shared one; ``retire_by`` in epoch seconds.

    ``id`` is its public id; ``""`` for a placeholder, which is worthless.
    """

    kind: Literal["shared", "placeholder"]
    service: str
    agent: str = ""
    retire_by: float | None = None
    id: str = ""


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
    """What was found. ``detail`` is fixed text; ``fingerprint`` is the public id of a real credential, found in a ``place`` of that kind.

    ``forwardable`` says that a foreign credential is one well-formed value in the service's place that nobody manages here,
    so forwarding it gives away nothing of ours.
    """

    state: CredentialState
    detail: str = ""
    forwardable: bool = False
    fingerprint: str = ""
    place: str = ""


_NOTHING = Recognition(CredentialState.NONE)
_PLACEHOLDER = Recognition(CredentialState.PLACEHOLDER)


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
    if (found := _elsewhere(place, request, table, kept, carried)) is not None:
        return found
    if given:
        return _with_kept(place, request, given)
    if service is None or place is None:
        return _NOTHING
    try:
        value = read_place(place, request)
    except ValueError as error:
        return _unread(place, request, table, str(error))
    if value is None:
        return _NOTHING
    known = table.look_up(value)
    if (
        known is not None
        and known.kind == "placeholder"
        and known.service == service.holder
        and known.agent == agent_key
    ):
        return _PLACEHOLDER
    kind = found_in(place, request)
    if known is None:
        return _foreign(table, value, kind, "not a credential that is managed here", forwardable=True)
    if known.kind == "placeholder" or known.service != service.holder:
        return _foreign(table, value, kind, "a managed credential of another service or agent")
    if known.retire_by is not None and now >= known.retire_by:
        return Recognition(CredentialState.RETIRED, "past its retire_by date", fingerprint=known.id, place=kind)
    return Recognition(CredentialState.SHARED, fingerprint=known.id, place=kind)


def _foreign(table: FingerprintTable, value: str, place: str, detail: str, *, forwardable: bool = False) -> Recognition:
    """Foreign, and by which id anybody tells it from another one; a placeholder in the wrong place has none."""
    found = fingerprint(table.key, value)
    known = table.known.get(found)
    name = public_id(found) if known is None else known.id
    return Recognition(CredentialState.FOREIGN, detail, forwardable, name, place)


def _unread(place: CredentialPlace, request: CanonicalRequest, table: FingerprintTable, detail: str) -> Recognition:
    """Foreign, for there is no one reading of the place: told by what its first header holds, if any."""
    values = [value for each in places(place) if (name := header_of(each)) for value in request.header(name)]
    if not values:
        return Recognition(CredentialState.FOREIGN, detail, place=place.kind)
    return _foreign(table, secret_in(text_of(values[0])), "header", detail)


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
) -> Recognition | None:
    """What is a credential outside the place; None when nothing is."""
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
            detail = "a credential in another header than the service's"
            return _foreign(table, secret_in(text_of(value)), PlaceKind.HEADER, detail)
        last = value.rpartition(b" ")[2]  # behind a scheme
        if len(value) in lengths or len(last) in lengths:
            known = table.look_up(text_of(value)) or table.look_up(text_of(last))
            if known is not None:
                return _misplaced(known, PlaceKind.HEADER)
        if name == b"cookie" and (known := _first(table, (content for _, content in cookies(((name, value),))))):
            return _misplaced(known, PlaceKind.COOKIE)
    if known := _first(table, request.segments):
        return _misplaced(known, "path")
    if place is not None and b"cookie" in own:
        crumbs = {each.name for each in places(place) if each.kind is PlaceKind.COOKIE}
        others = (content for name, content in cookies(request.headers) if name not in crumbs)
        if known := _first(table, others):
            return _misplaced(known, PlaceKind.COOKIE)
    return _in_query(place, request.query, table, kept) if request.query else None


def _first(table: FingerprintTable, values: Iterable[str]) -> Known | None:
    return next((known for value in values if (known := table.look_up(value)) is not None), None)


def _misplaced(known: Known, place: str) -> Recognition:
    return Recognition(CredentialState.FOREIGN, _MISPLACED, fingerprint=known.id, place=place)


def _keys_of(place: CredentialPlace) -> frozenset[str]:
    if place.kind is PlaceKind.AWS_SIGV4:
        return AWS_PARAMETERS
    return frozenset(plain_key(each.name) for each in places(place) if each.kind is PlaceKind.QUERY)


def _in_query(
    place: CredentialPlace | None, query: str, table: FingerprintTable, kept: frozenset[str]
) -> Recognition | None:
    own = frozenset() if place is None else _keys_of(place)
    for key, value in query_pairs(query):
        plain = plain_key(key)
        if plain in own:
            continue
        if value and plain in _QUERY_CARRIERS and value not in kept:
            return _foreign(table, value, PlaceKind.QUERY, "a credential in the query")
        if known := _first(table, (value, key)):
            return _misplaced(known, PlaceKind.QUERY)
    return None
