"""Where a credential sits in a request: reading it there, and putting another one in its stead.

Nothing is guessed: two credentials, or one that can't be decoded exactly, have no reading. Must not know: whose credential
it is, who may use it.
"""

from __future__ import annotations

import binascii
import re
from base64 import b64decode, b64encode
from collections.abc import Iterator
from urllib.parse import quote

from exeat.decision.aws_signature import FIELDS as AWS_FIELDS
from exeat.decision.aws_signature import read_signature
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind
from exeat.services.fields import plain_name
from exeat.services.query import decoded, plain_key, query_pairs

_PLACED_LATER = frozenset({PlaceKind.AWS_SIGV4, PlaceKind.HMAC, PlaceKind.CERTIFICATE})
"""What never travels itself: a key that signs what leaves, a certificate of the connection."""
_COOKIE_VALUE = re.compile(r"[!#-+\--:<-\[\]-~]*")  # cookie-octet, RFC 6265 §4.1.1


def header_of(place: CredentialPlace) -> bytes:
    """The header field a place is read from, in lower case; ``b""`` for the query, and where nothing is read."""
    if place.kind in (PlaceKind.QUERY, PlaceKind.CERTIFICATE):
        return b""
    return b"cookie" if place.kind is PlaceKind.COOKIE else place.name.encode("ascii")


def fields_of(place: CredentialPlace) -> tuple[bytes, ...]:
    """Every header field that a place takes for itself."""
    if place.kind is PlaceKind.AWS_SIGV4:
        return AWS_FIELDS
    own = [header_of(place)]
    if place.signature is not None:
        own += (each.encode("ascii") for each in (place.signature.header, place.signature.digest_header))
    return tuple(each for each in own if each)


def text_of(value: bytes) -> str:
    """A field's value as text, whatever its bytes."""
    return value.decode("utf-8", "surrogateescape")


def cookies(headers: Headers) -> Iterator[tuple[str, str]]:
    """Every (name, value) of all cookie fields."""
    for name, value in headers:
        if name == b"cookie":
            for crumb in text_of(value).split(";"):
                key, _, content = crumb.strip(" \t").partition("=")
                yield key, content


def places(place: CredentialPlace) -> tuple[CredentialPlace, ...]:
    """A place and all its alternatives; ours goes into the first."""
    return (place, *place.also)


def read_place(place: CredentialPlace, request: CanonicalRequest) -> str | None:
    """Return what sits in ``place``, None when nothing does; raise ValueError (fixed text) when there is no one reading."""
    if not place.also:
        return _read(place, request)
    found = [value for each in _fitting(place, request) if (value := _read(each, request)) is not None]
    if len(found) > 1:
        raise ValueError("ambiguous: credentials in two of the service's places")
    return found[0] if found else None


def found_in(place: CredentialPlace, request: CanonicalRequest) -> PlaceKind:
    """In which kind of place :func:`read_place` finds what it returns."""
    if not place.also:
        return place.kind
    return next((each.kind for each in _fitting(place, request) if _read(each, request) is not None), place.kind)


def _fitting(place: CredentialPlace, request: CanonicalRequest) -> Iterator[CredentialPlace]:
    """The places to look into: of those that share a header the one whose scheme is there, else the first."""
    rivals: dict[bytes, list[CredentialPlace]] = {}
    for each in places(place):
        if each.kind in (PlaceKind.QUERY, PlaceKind.COOKIE) or not header_of(each):
            yield each
        else:
            rivals.setdefault(header_of(each), []).append(each)
    for name, sharing in rivals.items():
        words = {text_of(value).partition(" ")[0].lower() for value in request.header(name)}
        yield next((each for each in sharing if _scheme(each) in words), sharing[0])


def _scheme(place: CredentialPlace) -> str:
    return "basic" if place.kind is PlaceKind.BASIC else place.scheme.lower()


def _read(place: CredentialPlace, request: CanonicalRequest) -> str | None:
    if place.kind is PlaceKind.AWS_SIGV4:
        signature = read_signature(request)
        return None if signature is None else signature.access_key_id
    if place.kind is PlaceKind.QUERY:
        return _from_query(place.name, request.query)
    if place.kind is PlaceKind.COOKIE:
        found = [crumb for crumb in cookies(request.headers) if plain_key(crumb[0]) == plain_key(place.name)]
        if len(found) > 1 or (found and found[0][0] != place.name):
            raise ValueError("ambiguous: two cookies of one name, or one spelled in another way")
        value = found[0][1] if found else ""
        return value or None
    # A client's own signature says nothing about whose key made it; the key's name does, where one is shown.
    values = request.header(header_of(place))
    if not values:
        return None
    if len(values) > 1:
        raise ValueError("ambiguous: two credentials in one header")
    text = text_of(values[0])
    return _from_basic(place, text) if place.kind is PlaceKind.BASIC else _from_header(place, text)


def _from_header(place: CredentialPlace, text: str) -> str | None:
    value = _after_scheme(place.scheme, text)
    if value is None or not place.prefix:
        return value
    if not value.startswith(place.prefix):
        raise ValueError("something else before the credential than the service's own word")
    return value.removeprefix(place.prefix) or None


def _after_scheme(scheme: str, text: str) -> str | None:
    if not scheme or not text:
        return text or None
    word, _, value = text.partition(" ")
    if word.lower() != scheme.lower():
        raise ValueError("another scheme than the service's")
    return value.strip(" ") or None


def _from_basic(place: CredentialPlace, text: str) -> str | None:
    encoded = _after_scheme("Basic", text)
    if encoded is None:
        return None
    try:
        user, colon, password = b64decode(encoded, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, ValueError):
        raise ValueError("ambiguous: undecodable Basic credentials") from None
    if not colon:
        raise ValueError("ambiguous: Basic credentials without ':'")
    if place.user is not None:
        return password or None
    if password:
        raise ValueError("ambiguous: a user name and a password where the service takes one credential")
    return user or None


def secret_in(text: str) -> str:
    """What is secret in a header's value that no place explains: what follows a scheme, of Basic the password.

    The same secret is the same text however it is sent, so that it is told by one fingerprint.
    """
    word, _, rest = text.partition(" ")
    if word.lower() == "basic":
        try:
            user, _, password = b64decode(rest.strip(" "), validate=True).decode("utf-8").partition(":")
        except (binascii.Error, ValueError):
            return rest.strip(" ")
        return password or user
    return text.rpartition(" ")[2]


def _from_query(name: str, query: str) -> str | None:
    found = [value for key, value in query_pairs(query) if plain_key(key) == plain_key(name)]
    if len(found) > 1:
        raise ValueError("ambiguous: two query parameters of one name")
    if found and sum(_is_key(part, name) for part in query.split("&")) != 1:
        raise ValueError("ambiguous: the query parameter is spelled in another way")
    return found[0] if found and found[0] else None


def _is_key(part: str, name: str) -> bool:
    return decoded(part.partition("=")[0]) == name


def strip_and_place(
    headers: Headers, query: str, place: CredentialPlace, value: Secret, user: str | None = None
) -> tuple[Headers, str]:
    """Return fields and query with whatever sat in ``place`` gone and ``value`` there, once, unless it is no value that travels.

    ``user`` is used instead of the place's own user name. Raise ValueError (fixed text) when the value can't stand there:
    it would end up as more than one value, or as another field.
    """
    if place.kind in _PLACED_LATER:
        for each in places(place):
            headers, query = _strip(headers, query, each)
        return headers, query
    text = value.reveal()
    if not text or not text.isascii() or not text.isprintable():
        raise ValueError("the credential holds characters that can't be sent")
    for each in place.also:
        headers, query = _strip(headers, query, each)
    if place.kind is PlaceKind.QUERY:
        _, query = _strip(headers, query, place)
        return headers, f"{query}{'&' if query else ''}{quote(place.name, safe='')}={quote(text, safe='')}"
    if place.kind is PlaceKind.COOKIE:
        return _with_cookie(headers, place.name, text), query
    name = header_of(place)
    kept, _ = _strip(headers, query, place)
    if place.kind is PlaceKind.BASIC:
        text = _basic(place.user if user is None else user, text)
    else:
        text = f"{place.scheme} {place.prefix}{text}" if place.scheme else place.prefix + text
    return (*kept, (name, text.encode("ascii"))), query


def _strip(headers: Headers, query: str, place: CredentialPlace) -> tuple[Headers, str]:
    """Fields and query without what sits in one place; a query that names it nowhere stays byte for byte."""
    if place.kind is PlaceKind.QUERY:
        parts = query.split("&")
        if any(_is_key(part, place.name) for part in parts) or "" in parts:
            query = "&".join(part for part in parts if part and not _is_key(part, place.name))
        return headers, query
    if place.kind is PlaceKind.COOKIE:
        if all(name != place.name for name, _ in cookies(headers)):
            return headers, query
        line = "; ".join(f"{key}={value}" for key, value in cookies(headers) if key != place.name and key)
        rest = tuple(field for field in headers if field[0] != b"cookie")
        return (*rest, (b"cookie", line.encode("utf-8", "surrogateescape"))) if line else rest, query
    names = {plain_name(name) for name in fields_of(place)}
    return tuple(field for field in headers if plain_name(field[0]) not in names), query


def _basic(user: str | None, text: str) -> str:
    name, password = (text, "") if user is None else (user, text)
    if ":" in name:
        raise ValueError("a user name can't hold ':'")
    return "Basic " + b64encode(f"{name}:{password}".encode()).decode("ascii")


def _with_cookie(headers: Headers, name: str, text: str) -> Headers:
    if not _COOKIE_VALUE.fullmatch(text):
        raise ValueError("the credential can't be a cookie's value")
    crumbs = [f"{key}={value}" for key, value in cookies(headers) if key != name and key]
    line = "; ".join([*crumbs, f"{name}={text}"]).encode("utf-8", "surrogateescape")
    return (*(field for field in headers if field[0] != b"cookie"), (b"cookie", line))
