"""The secrets of this site and its honeytokens, found in what is about to leave.

Searched for in every form that ``answers.forms`` lists, as a body streams: of a value that spans chunks only the first few
bytes have gone when it is found. Compressed and encrypted bodies show nothing. Must not know: any engine, rules, missions.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import final

from exeat.decision.places import strip_and_place
from exeat.enforcement.answers.forms import Needles
from exeat.model.decision import Deny
from exeat.model.deviation import When
from exeat.model.request import CanonicalRequest, Headers
from exeat.model.secret import Secret
from exeat.model.service import CredentialPlace, PlaceKind

_GRAM = 8
"""Bytes that the beginnings of all forms are known by; no form that is searched for is shorter."""
_SHORT = 4
"""To look a byte up costs a fourth of a search for one form in a short text."""
_TELLING = 8
"""So many bytes at the end of a piece must look like the beginning of a value before they are held back."""
_NOTHING = Secret("-")


@dataclass(frozen=True, slots=True)
class Found:
    """Which known value was found: a ``honeytoken`` by its name, or a secret by the service it belongs to."""

    when: When
    name: str


@final
class KnownValues:
    """All that must not leave, made ready to be searched for. ``secrets`` by service, ``honeytokens`` by name.

    ``replaced`` are secrets, each with its service, that were replaced and may still open something.
    """

    def __init__(
        self,
        secrets: Mapping[str, Secret],
        honeytokens: Mapping[str, Secret],
        replaced: Iterable[tuple[str, Secret]] = (),
    ) -> None:
        self.become(secrets, honeytokens, replaced)

    def become(
        self,
        secrets: Mapping[str, Secret],
        honeytokens: Mapping[str, Secret],
        replaced: Iterable[tuple[str, Secret]] = (),
    ) -> None:
        """Search for these from now on, in bodies that are under way too."""
        known = (*secrets.items(), *replaced)
        self._each = (
            *((Found(When.HONEYTOKEN, name), Needles((value,))) for name, value in honeytokens.items()),
            *((Found(When.SECRET, name), Needles((value,))) for name, value in known),
        )
        self.every = Needles((*honeytokens.values(), *(value for _, value in known)))
        self._planted = Needles(honeytokens.values())
        self._shortest = len(self.every.covered[-1]) if self.every else 0
        self._beginnings = frozenset(form[:_GRAM] for form in self.every.quick)

    def __bool__(self) -> bool:
        return bool(self.every)

    def in_text(self, text: bytes) -> Found | None:
        """What a text holds; a honeytoken comes first."""
        if len(text) < self._shortest or self._is_clean(text) or self.every.mask(text) is text:
            return None
        return next((found for found, needles in self._each if needles.mask(text) is not text), None)

    def _is_clean(self, text: bytes) -> bool:
        """Whether a short text surely holds nothing: cheaper than a search for many values, and not more for few."""
        size = len(text) - _GRAM + 1
        if size > _SHORT * len(self.every.quick):
            return False
        return self._beginnings.isdisjoint([text[at : at + _GRAM] for at in range(size)])

    def shown(self, text: str) -> str:
        """A text as it may be recorded: what it holds of known values is covered."""
        if len(text) < self._shortest or not self:
            return text
        raw = text.encode("utf-8", "surrogateescape")
        masked = self.every.mask(raw)
        return text if masked is raw else masked.decode("utf-8", "replace")

    def honeytoken(self, target: bytes, headers: Headers) -> Found | None:
        """The honeytoken that a request shows anywhere in its head."""
        if not self._planted:
            return None
        text = b"\n".join([target, *(value for _, value in headers if len(value) >= self._shortest)])
        if self._is_clean(text) or self._planted.mask(text) is text:
            return None
        found = self.in_text(text)
        return found if found is not None and found.when is When.HONEYTOKEN else None

    def in_url(self, request: CanonicalRequest, place: CredentialPlace | None) -> Found | None:
        """What the path or the query holds, apart from the credential in its ``place``."""
        query = request.query
        found = self.in_text(f"{request.path}?{query}".encode("utf-8", "surrogateescape"))
        if found is None or place is None or all(each.kind is not PlaceKind.QUERY for each in (place, *place.also)):
            return found
        _, query = strip_and_place((), query, place, _NOTHING)
        return self.in_text(f"{request.path}?{query}".encode("utf-8", "surrogateescape"))


class LeakError(Exception):
    """What was found must not go on: the request ends here, and ``verdict`` says why."""

    def __init__(self, verdict: Deny) -> None:
        super().__init__(verdict.detail)
        self.verdict = verdict


@final
class BodySearch:
    """One request's body on its way out. ``on_found`` is told what it holds and raises to stop it."""

    __slots__ = ("_before", "_held", "_known", "_on_found")

    def __init__(self, known: KnownValues, on_found: Callable[[Found], None]) -> None:
        self._known = known
        self._on_found = on_found
        self._before = b""
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Return what may go now; an empty chunk ends the body, or a message of it, and returns the rest."""
        text = self._before + self._held + chunk
        found = self._known.in_text(text)
        if found is not None:
            self._on_found(found)
        keep = self._known.every.begun(text) if chunk else 0
        keep = min(keep, len(text) - len(self._before)) if keep >= _TELLING else 0
        end = len(text) - keep
        going = text[len(self._before) : end]
        self._before, self._held = text[max(0, end - _TELLING + 1) : end], text[end:]
        return going


NOTHING_KNOWN = KnownValues({}, {})
