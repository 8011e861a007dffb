"""Which entries of the ceiling somebody should look at. Pure.

*unused* nobody went there for so long · *shadowed* another entry allows all of it, at least as long · *expiring* ends soon
and nothing else covers it · *expired* allows nothing any more. Must not know: where entries come from, how they are shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from exeat.missions.times import rfc3339
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination
from exeat.model.traffic import LastUse

DAY = 86400.0


@dataclass(frozen=True, slots=True)
class Worry:
    """One finding about an entry; ``kind`` is one of the four above."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Line:
    """An entry with all that is known about it; ``missions`` are ids of live ones, ``templates`` names."""

    entry: AllowedDestination
    use: LastUse
    worries: tuple[Worry, ...]
    missions: tuple[str, ...]
    templates: tuple[str, ...]


Places = Mapping[str, Sequence[DestinationPattern]]
"""Destinations by the name of whoever asks for them."""


def report(
    entries: Sequence[AllowedDestination],
    uses: Mapping[str, LastUse],
    missions: Places,
    templates: Places,
    now: float,
    *,
    unused: float,
    expiring: float,
) -> list[Line]:
    """Return one line for each entry; ``unused`` and ``expiring`` in seconds."""
    return [
        Line(
            entry,
            use := uses.get(str(entry.pattern), LastUse(now if entry.added_at is None else entry.added_at)),
            tuple(_worries(index, entries, use, now, unused, expiring)),
            _depending(entry, missions),
            _depending(entry, templates),
        )
        for index, entry in enumerate(entries)
    ]


def _worries(
    index: int, entries: Sequence[AllowedDestination], use: LastUse, now: float, unused: float, expiring: float
) -> Iterable[Worry]:
    entry = entries[index]
    if entry.expires <= now:
        yield Worry("expired", f"expired at {rfc3339(entry.expires)}; remove it")
        return
    shadow = next((other for number, other in enumerate(entries) if _shadows(other, number, entry, index, now)), None)
    if shadow is not None:
        yield Worry("shadowed", f"{shadow.pattern} of {shadow.owner} allows all of it until {rfc3339(shadow.expires)}")
    elif entry.expires - now <= expiring:
        yield Worry("expiring", f"ends in {(entry.expires - now) / DAY:.0f} days, at {rfc3339(entry.expires)}")
    since = max(use.used_at or use.seen_at, entry.added_at or 0.0)
    if now - since >= unused:
        verb = "never used" if use.used_at is None else "unused"
        yield Worry("unused", f"{verb} for {(now - since) / DAY:.0f} days")


def _shadows(other: AllowedDestination, number: int, entry: AllowedDestination, index: int, now: float) -> bool:
    """Whether ``entry`` could go and nothing would change; of two that are alike, the earlier one stays."""
    if number == index or other.expires <= now or not entry.pattern.within(other.pattern):
        return False
    alike = other.pattern == entry.pattern and other.expires == entry.expires
    return number < index if alike else other.expires >= entry.expires


def _depending(entry: AllowedDestination, places: Places) -> tuple[str, ...]:
    return tuple(name for name, wanted in places.items() if any(each.within(entry.pattern) for each in wanted))
