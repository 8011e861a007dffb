"""Which resource types an API holds, guessed from the prefixes its paths share; only what has no second reading.

``/repos/{owner}/{repo}/…`` in three operations or more says that there is a Repo with the id ``{owner}/{repo}``. Where one
prefix is followed by ids of different lengths or names, or two prefixes give one type, nothing is guessed: the operation
acts on the service. Must not know: groups, actions, what exists already.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exeat.services.templates import Part, PartKind

_ENOUGH = 3
_VERSION = re.compile(r"v?\d+([.a-z]\w*)?|api|rest", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guess:
    """A resource type and the literal prefix whose operations act on it."""

    type: str
    id: str
    prefix: tuple[str, ...]


def _prefix(parts: Sequence[Part]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The literals a template starts with, and the plain captures right behind."""
    literals: list[str] = []
    for part in parts:
        if part.kind is not PartKind.LITERAL:
            break
        literals.append(part.text)
    names: list[str] = []
    for part in parts[len(literals) :]:
        if part.kind is not PartKind.CAPTURE or part.prefix or part.suffix:
            break
        names.append(part.text)
    return tuple(literals), tuple(names)


def guess_resources(templates: Sequence[Sequence[Part]]) -> Mapping[tuple[str, ...], Guess]:
    """Return the types found, by prefix."""
    seen: dict[tuple[str, ...], list[tuple[str, ...]]] = defaultdict(list)
    for parts in templates:
        literals, names = _prefix(parts)
        if literals and names:
            seen[literals].append(names)
    guesses: dict[tuple[str, ...], Guess] = {}
    for literals, ids in seen.items():
        word = literals[-1]
        if len(ids) < _ENOUGH or len(set(ids)) > 1 or _VERSION.fullmatch(word):
            continue
        if name := _type(word):
            guesses[literals] = Guess(name, "/".join(f"{{{each}}}" for each in ids[0]), literals)
    names_taken = [each.type for each in guesses.values()]
    return {prefix: each for prefix, each in guesses.items() if names_taken.count(each.type) == 1}


def resource_of(parts: Sequence[Part], guesses: Mapping[tuple[str, ...], Guess]) -> str:
    """The type an operation acts on, ``""`` for the service."""
    literals, names = _prefix(parts)
    found = guesses.get(literals)
    return found.type if found is not None and names else ""


def _type(word: str) -> str:
    """A path's plural as a type's name: ``pull-requests`` is PullRequest."""
    single = re.sub(r"ies$", "y", word)
    if single == word:
        single = re.sub(r"(?<=[sxz]|ch|sh)es$", "", word) if re.search(r"(ss|x|z|ch|sh)es$", word) else word
    if single == word and word.endswith("s") and not word.endswith("ss"):
        single = word[:-1]
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", single))
    return name if re.fullmatch(r"[A-Z][A-Za-z0-9]{0,62}", name) else ""
