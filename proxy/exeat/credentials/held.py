"""Secrets as they are now, by their references, and for a while what they replaced; what changes is new for whoever asks next.

Must not know: where they came from, what they open.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, final

from exeat.errors import RefusalError
from exeat.model.reason import Reason
from exeat.model.secret import Secret


@dataclass(frozen=True, slots=True, eq=False)
class Replaced:
    """A value that was replaced: never used again, and recognised until then (epoch seconds)."""

    value: Secret = field(repr=False)
    until: float


@dataclass(frozen=True, slots=True, eq=False)
class Current:
    """A secret as it is, and what it was, newest first. ``knows`` says that its source tells itself what it replaced."""

    value: Secret = field(repr=False)
    replaced: tuple[Replaced, ...] = ()
    knows: bool = False

    def after(self, other: Current | None, now: float, overlap: float) -> Current:
        """Return this one, remembering what ``other`` knew; the same object as ``other`` when nothing is different."""
        if other is None:
            return self
        mine = self.value.reveal()
        same = mine == other.value.reveal()
        known = [each for each in (*self.replaced, *other.replaced) if each.until > now]
        if not same and not self.knows:
            known.insert(0, Replaced(other.value, now + overlap))
        until: dict[str, Replaced] = {}
        for each in known:
            text = each.value.reveal()
            if text != mine and (text not in until or until[text].until < each.until):
                until[text] = each
        replaced = tuple(sorted(until.values(), key=lambda each: -each.until))
        if same and _said(replaced) == _said(other.replaced):
            return other
        return Current(other.value if same else self.value, replaced)


def _said(replaced: Sequence[Replaced]) -> list[list[Any]]:
    return [[each.value.reveal(), each.until] for each in replaced]


@final
class HeldSecrets:
    """Ask each time a secret is needed; never keep what it returns."""

    def __init__(self, held: Mapping[str, Secret]) -> None:
        self._held = {reference: Current(secret) for reference, secret in held.items()}

    def __call__(self, reference: str) -> Secret:
        """The secret behind a reference; raise RefusalError(TOKEN_UNAVAILABLE) when there is none."""
        found = self._held.get(reference)
        if found is None:
            raise RefusalError(Reason.TOKEN_UNAVAILABLE, "a secret that the issuer needs was not loaded")
        return found.value

    def get(self, reference: str) -> Secret | None:
        """The same, or None."""
        found = self._held.get(reference)
        return None if found is None else found.value

    def replaced(self, reference: str) -> Sequence[Replaced]:
        """What it was before, as long as that is to be recognised."""
        found = self._held.get(reference)
        return () if found is None else found.replaced

    def values(self) -> Mapping[str, Secret]:
        """All of them, as they are now."""
        return {reference: found.value for reference, found in self._held.items()}

    def take(self, news: Mapping[str, Current | None], now: float, overlap: float) -> frozenset[str]:
        """Take over what was read anew, None for what is gone; return the references of what is different.

        A value that was replaced is remembered for ``overlap`` seconds. The very object stays where nothing changed.
        """
        changed = set()
        for reference, found in news.items():
            before = self._held.get(reference)
            after = None if found is None else found.after(before, now, overlap)
            if after is before:
                continue
            changed.add(reference)
            if after is None:
                del self._held[reference]
            else:
                self._held[reference] = after
        return frozenset(changed)

    def forget(self, now: float) -> frozenset[str]:
        """Forget what was replaced long enough ago; return the references of which something was."""
        due = {name: each for name, each in self._held.items() if any(old.until <= now for old in each.replaced)}
        for name, each in due.items():
            self._held[name] = Current(each.value, tuple(old for old in each.replaced if old.until > now))
        return frozenset(due)

    def said(self) -> Mapping[str, Any]:
        """All of it in the clear: for another process of this installation, over a socket that nobody else has."""
        return {name: [each.value.reveal(), _said(each.replaced)] for name, each in self._held.items()}

    def hear(self, said: Mapping[str, Any]) -> frozenset[str]:
        """Hold exactly what another process says; return the references of what is different."""
        before, self._held = self._held, {}
        changed = set(before) - set(said)
        for name, (value, replaced) in said.items():
            old = before.get(name)
            if old is not None and old.value.reveal() == value and _said(old.replaced) == replaced:
                self._held[name] = old
                continue
            changed.add(name)
            kept = old.value if old is not None and old.value.reveal() == value else Secret(value)
            self._held[name] = Current(kept, tuple(Replaced(Secret(each), until) for each, until in replaced))
        return frozenset(changed)
