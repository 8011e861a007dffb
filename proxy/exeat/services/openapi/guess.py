"""Which resource types an API holds, guessed from the prefixes its paths share; only what has no second reading.

``/repos/{owner}/{repo}/…`` in three operations or more says that there is a Repo with the id ``{owner}/{repo}``. Where one
prefix is followed by captures of different names in more than one of ten, or two prefixes give one type with ids of different names, nothing is guessed:
the operation acts on the service, as do those that name their captures otherwise. Must not know: groups, actions, what exists already.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from exeat.services.templates import Part, PartKind

_ENOUGH, _MOST = 3, 0.9
_VERSION = re.compile(r"v?\d+([.a-z]\w*)?|api|rest", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Guess:
    """A resource type and the literal prefix whose operations act on it."""

    type: str
    names: tuple[str, ...]
    prefix: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id's template."""
        return "/".join(f"{{{name}}}" for name in self.names)


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
    for literals, runs in seen.items():
        word = literals[-1]
        length = min(map(len, runs))
        names, count = Counter(each[:length] for each in runs).most_common(1)[0]
        if count < max(_ENOUGH, _MOST * len(runs)) or _VERSION.fullmatch(word):
            continue
        if name := _type(word):
            guesses[literals] = Guess(name, names, literals)
    ids: dict[str, set[tuple[str, ...]]] = defaultdict(set)
    for each in guesses.values():
        ids[each.type].add(each.names)
    return {prefix: each for prefix, each in guesses.items() if len(ids[each.type]) == 1}


def learn_resources(rows: Sequence[tuple[str, Sequence[Part]]]) -> Mapping[tuple[str, ...], Guess]:
    """Return what a file's own operations say: (resource type, template) pairs of one prefix that nearly all agree."""
    seen: dict[tuple[str, ...], list[tuple[str, tuple[str, ...]]]] = defaultdict(list)
    for kind, parts in rows:
        literals, names = _prefix(parts)
        if literals and names:
            seen[literals].append((kind, names))
    learnt: dict[tuple[str, ...], Guess] = {}
    for literals, said in seen.items():
        length = min(len(names) for _, names in said)
        (kind, names), count = Counter((kind, names[:length]) for kind, names in said).most_common(1)[0]
        if kind and count >= _MOST * len(said):
            learnt[literals] = Guess(kind, names, literals)
    return learnt


def adopt(template: str, parts: Sequence[Part], guesses: Mapping[tuple[str, ...], Guess]) -> tuple[str, str]:
    """Return a template with its first captures named as its prefix's others are, and the type; ``""`` when it can't be."""
    literals, names = _prefix(parts)
    found = guesses.get(literals)
    if found is None or len(names) < len(found.names):
        return template, ""
    rest = {part.text for part in parts if part.kind is not PartKind.LITERAL} - set(names[: len(found.names)])
    if rest & set(found.names):
        return template, ""
    pieces = template.split("/")
    start = len(literals) + 1
    pieces[start : start + len(found.names)] = [f"{{{name}}}" for name in found.names]
    return "/".join(pieces), found.type


def resource_of(parts: Sequence[Part], guesses: Mapping[tuple[str, ...], Guess]) -> str:
    """The type an operation acts on, ``""`` for the service."""
    literals, names = _prefix(parts)
    found = guesses.get(literals)
    return found.type if found is not None and names[: len(found.names)] == found.names else ""


def _type(word: str) -> str:
    """A path's plural as a type's name: ``pull-requests`` is PullRequest."""
    single = re.sub(r"ies$", "y", word)
    if single == word:
        single = re.sub(r"(?<=[sxz]|ch|sh)es$", "", word) if re.search(r"(ss|x|z|ch|sh)es$", word) else word
    if single == word and word.endswith("s") and not word.endswith("ss"):
        single = word[:-1]
    name = "".join(part[:1].upper() + part[1:] for part in re.split(r"[^A-Za-z0-9]+", single))
    return name if re.fullmatch(r"[A-Z][A-Za-z0-9]{0,62}", name) else ""
