"""What no single field can be blamed for: names that repeat, refer to nothing, or contradict each other.

Each check yields problems; none raises. What needs the service catalogue or the policies is checked elsewhere.
Must not know: files, lines, environment variables.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from difflib import get_close_matches

from exeat.config.deviations import deviation_problems
from exeat.config.endpoints import resolve_problem
from exeat.config.identities import identity_problems
from exeat.config.listeners import Path, Problem, listener_problems
from exeat.config.settings import Settings
from exeat.config.tables.mission import DestinationTable
from exeat.model.destination import DestinationPattern
from exeat.model.mission import IDLE_LEAST


def cross_check(settings: Settings) -> Iterator[Problem]:
    """Every contradiction in the settings."""
    yield from listener_problems(settings)
    yield from _places(settings)
    yield from _agents(settings)
    yield from identity_problems(settings)
    yield from _services(settings)
    yield from _templates(settings)
    yield from deviation_problems(settings)
    yield from _approvers(settings)


def _places(settings: Settings) -> Iterator[Problem]:
    if not settings.store.url.startswith(("sqlite:///", "postgresql://")) or settings.store.url.endswith("//"):
        yield Problem(
            ("store", "url"),
            "must be 'sqlite:///FILE' or 'postgresql://USER@HOST:5432/DATABASE'",
            'url = "sqlite:///exeat.db"',
        )
    for source, target in settings.upstream.resolve.items():
        problem = resolve_problem(source, target)
        if problem is not None:
            yield Problem(("upstream", "resolve", source), *problem)
    for index, entry in enumerate(settings.destination):
        try:
            _ceiling(entry)
        except ValueError as error:
            yield Problem(("destination", index, "host"), str(error))


def _ceiling(entry: DestinationTable) -> DestinationPattern:
    return DestinationPattern.parse(f"{entry.host}:{entry.port}")


def _agents(settings: Settings) -> Iterator[Problem]:
    seen: set[tuple[str, str]] = set()
    for index, agent in enumerate(settings.agent):
        if (agent.environment, agent.name) in seen:
            yield Problem(
                ("agent", index, "name"),
                f"there is another agent {agent.name!r} in environment {agent.environment!r}",
                "rename or remove one of them",
            )
        seen.add((agent.environment, agent.name))


def _repeated(names: list[str]) -> Iterator[tuple[int, str]]:
    counts: Counter[str] = Counter()
    for index, name in enumerate(names):
        counts[name] += 1
        if counts[name] > 1:
            yield index, name


def _services(settings: Settings) -> Iterator[Problem]:
    environments = {"any"} | {agent.environment for agent in settings.agent}
    for index, name in _repeated([service.name for service in settings.service]):
        yield Problem(("service", index, "name"), f"there is another service {name!r}", "merge or rename one of them")
    for index, service in enumerate(settings.service):
        at: Path = ("service", index)
        if service.issuer is not None and service.issuer.kind == "stored_key" and service.shared is None:
            yield Problem(
                (*at, "issuer", "kind"),
                "a stored_key issuer hands out the shared credential, and this service has none",
                'add shared = { source = "env:NAME" }',
            )
        if service.issuer is not None and service.issuer.ttl <= 0:
            yield Problem((*at, "issuer", "ttl"), "must be longer than nothing", 'ttl = "60s"')
        used = [((*at, "environment"), service.environment)]
        used += [((*at, "resource", i, "environment"), r.environment or "any") for i, r in enumerate(service.resource)]
        for path, environment in used:
            if environment not in environments:
                yield Problem(
                    path, f"no agent lives in environment {environment!r}", _nearest(environment, environments)
                )


def _approvers(settings: Settings) -> Iterator[Problem]:
    for index, name in _repeated([group.name for group in settings.approver]):
        yield Problem(("approver", index, "name"), f"there is another approver {name!r}", "rename or merge one of them")
    for index, group in enumerate(settings.approver):
        at: Path = ("approver", index)
        if group.webhook and group.secret is None:
            yield Problem((*at, "webhook"), "nobody could tell our webhooks from others", 'add secret = "env:NAME"')
        if group.secret is not None and not group.members:
            yield Problem((*at, "members"), "a webhook may speak for listed members alone", 'add members = ["alice"]')
        if group.members and group.needed > len(set(map(str.casefold, group.members))):
            yield Problem((*at, "needed"), "is more than there are members", "add members, or ask for fewer")


def _templates(settings: Settings) -> Iterator[Problem]:
    agents = {agent.name for agent in settings.agent}
    ceilings: list[DestinationPattern] = []
    for entry in settings.destination:
        try:
            ceilings.append(_ceiling(entry))
        except ValueError:
            continue  # its own problem says so already
    for index, name in _repeated([template.name for template in settings.mission_template]):
        yield Problem(("mission_template", index, "name"), f"there is another template {name!r}", "rename one of them")
    for index, template in enumerate(settings.mission_template):
        at: Path = ("mission_template", index)
        for number, text in enumerate(template.destinations):
            path = (*at, "destinations", number)
            try:
                pattern = DestinationPattern.parse(text)
            except ValueError as error:
                yield Problem(path, str(error))
                continue
            if not any(pattern.within(ceiling) for ceiling in ceilings):
                yield Problem(
                    path,
                    f"no [[destination]] allows {pattern}",
                    "add one with owner, reason and expires, or remove this",
                )
        for number, name in enumerate(template.agents):
            if name not in agents:
                yield Problem((*at, "agents", number), f"there is no agent {name!r}", _nearest(name, agents))
        if template.ttl <= 0:
            yield Problem((*at, "ttl"), "must be longer than nothing", 'ttl = "30m"')
        elif template.ttl > settings.ceilings.longest_life:
            yield Problem(
                (*at, "ttl"), "is longer than ceilings.longest_life", "shorten it, or let admins raise the ceiling"
            )
        if template.idle is not None and template.idle < IDLE_LEAST:
            yield Problem((*at, "idle"), f"must be {IDLE_LEAST:g}s or more", 'idle = "10m"')
        for kind in template.budget.value().beyond(settings.ceilings.budget.value()):
            yield Problem(
                (*at, "budget"), f"{kind}: is more than ceilings.budget", "lower it, or let admins raise the ceiling"
            )


def _nearest(word: str, known: set[str]) -> str:
    close = get_close_matches(word, known, 1)
    if close:
        return f"did you mean {close[0]!r}?"
    return "known: " + ", ".join(sorted(known)) if known else "there is none yet"
