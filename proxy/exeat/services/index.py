"""All services, compiled: from a host to its service, from a written pattern to its actions.

Must not know: files, settings, where a service came from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from exeat.model.service import Group, PlaceKind, Service
from exeat.services.hosts import HostTemplates, Template, is_template, parse_host
from exeat.services.operations import Matcher
from exeat.services.query import plain_key
from exeat.services.readers.choices import Choices, shared_matches
from exeat.services.readers.descriptors import read_descriptors
from exeat.services.resources import HOST_TYPE, SERVICE_TYPE, Chain, compile_chains, id_captures
from exeat.services.sharing import Sharing, prefix_of

HTTP_ACTIONS: Mapping[str, Group] = {"http:read": Group.READ, "http:write": Group.WRITE, "http:delete": Group.DELETE}
"""What can be done at a host that no service describes."""
_NOTHING: Mapping[str, str] = MappingProxyType({})
_EXPANDED = 1024
"""Expansions remembered; there are about as many as mission templates."""


@dataclass(frozen=True, slots=True)
class ActionInfo:
    """One Cedar action: its service (``""`` for plain hosts), its group and the type it acts on."""

    service: str
    group: Group
    resource_type: str


@dataclass(frozen=True, slots=True)
class CompiledService:
    """A service with its templates and resource types compiled; ``choices`` by method and template, where bodies are read."""

    service: Service
    matcher: Matcher
    chains: Mapping[str, Chain]
    choices: Mapping[tuple[str, str], Choices]


@dataclass(frozen=True, slots=True)
class ServiceIndex:
    """Every known service. Immutable; build one with :func:`index_services` or ``catalogue.build_catalogue``."""

    services: tuple[Service, ...]
    _exact: Mapping[tuple[str, int], CompiledService | Sharing[CompiledService]]
    _below: Mapping[tuple[str, int], CompiledService | Sharing[CompiledService]]
    _templates: Mapping[int, HostTemplates[CompiledService]]
    _actions: Mapping[str, ActionInfo]
    _patterns: Mapping[str, frozenset[str]]
    _expanded: dict[tuple[str, ...], frozenset[str]] = field(default_factory=dict, compare=False, repr=False)

    def for_host(self, host: str, port: int, segments: Sequence[str] = ()) -> CompiledService | None:
        """Return the service at a canonical host: the exact name first, then its only template, then the longest ``*.`` suffix.

        Where several share the host, the path says which; without one it is the first of them.
        """
        return self.find(host, port, segments)[0]

    def find(
        self, host: str, port: int, segments: Sequence[str] = ()
    ) -> tuple[CompiledService | None, Mapping[str, str]]:
        """Return the service at a canonical host and decoded path, and what the host captures."""
        found = self._exact.get((host, port))
        if found is not None:
            return found.at(segments) if isinstance(found, Sharing) else found, _NOTHING
        templates = self._templates.get(port)
        if templates is not None and (fitting := templates.find(host)) is not None:
            return fitting
        found = self._longest_suffix(host, port) if self._below else None
        return found.at(segments) if isinstance(found, Sharing) else found, _NOTHING

    def _longest_suffix(self, host: str, port: int) -> CompiledService | Sharing[CompiledService] | None:
        dot = host.find(".")
        while dot >= 0:
            found = self._below.get((host[dot + 1 :], port))
            if found is not None:
                return found
            dot = host.find(".", dot + 1)
        return None

    def actions(self) -> Mapping[str, ActionInfo]:
        """Every action a request can mean, by its id (``example:refunds/create``)."""
        return self._actions

    def expand(self, pattern: str) -> frozenset[str] | None:
        """Return the action ids a written pattern stands for, or None when nobody knows it.

        A pattern is an action, ``service:group``, ``service:*``, ``http:*`` or a group of all services (``read``).
        """
        return self._patterns.get(pattern)

    def expand_all(self, patterns: tuple[str, ...]) -> frozenset[str]:
        """Return the action ids of several patterns together, without those that nobody knows.

        Missions that were written alike share one set: all of GitHub's are 1,200 ids.
        """
        found = self._expanded.get(patterns)
        if found is None:
            found = frozenset[str]().union(*(self._patterns.get(pattern, ()) for pattern in patterns))
            if len(self._expanded) >= _EXPANDED:
                self._expanded.clear()
            self._expanded[patterns] = found
        return found


def actions_of(service: Service) -> Mapping[str, ActionInfo]:
    """Every action of one service, by its id."""
    found = {}
    for operation in service.operations:
        kind = f"{service.namespace}::{operation.resource}" if operation.resource else SERVICE_TYPE
        found[f"{service.name}:{operation.action}"] = ActionInfo(service.name, operation.group, kind)
    if service.unlisted:
        for group in (Group.READ, Group.ADMIN):
            found[f"{service.name}:unlisted/{group}"] = ActionInfo(service.name, group, SERVICE_TYPE)
    return found


def _compile(service: Service) -> CompiledService:
    chains = compile_chains(service)

    def inner(resource: str) -> set[str]:
        """Captures that something follows in some id of the resource's chain."""
        kinds = [kind for _, kind in chains[resource].types]
        return {name for kind in kinds for name in id_captures(kind.id) if not kind.id.endswith(f"{{{name}}}")}

    descriptors = read_descriptors(service.descriptor) if service.descriptor else None
    operations, choices = shared_matches(service.operations, inner, _query_secrets(service), descriptors)
    matcher = Matcher(operations, slashes=service.encoded_slash == "kept")
    return CompiledService(service, matcher, chains, choices)


def _beside(
    there: CompiledService | Sharing[CompiledService] | None, compiled: CompiledService
) -> CompiledService | Sharing[CompiledService]:
    """What stands at a host when one more service claims it; raise ValueError when a path could be of two."""
    if there is None:
        return compiled
    return _sharing(there).beside(_sharing(compiled))


def _sharing(there: CompiledService | Sharing[CompiledService]) -> Sharing[CompiledService]:
    if isinstance(there, Sharing):
        return there
    if not there.service.paths:
        raise ValueError(
            f"two services claim a host of '{there.service.name}', which doesn't say below which paths it lies"
        )
    return Sharing(tuple((prefix_of(path), there) for path in there.service.paths))


def _query_secrets(service: Service) -> frozenset[str]:
    """Under which keys of a query the service takes its credential."""
    place = service.credential
    every = () if place is None else (place, *place.also)
    return frozenset(plain_key(each.name) for each in every if each.kind is PlaceKind.QUERY)


def index_services(services: Sequence[Service]) -> ServiceIndex:
    """Compile services that have been checked; raise ValueError on what the checks should have found."""
    exact: dict[tuple[str, int], CompiledService | Sharing[CompiledService]] = {}
    below: dict[tuple[str, int], CompiledService | Sharing[CompiledService]] = {}
    templates: dict[int, list[tuple[Template, CompiledService]]] = {}
    actions: dict[str, ActionInfo] = {
        action: ActionInfo("", group, HOST_TYPE) for action, group in HTTP_ACTIONS.items()
    }
    members: dict[str, set[str]] = {"http:*": set(HTTP_ACTIONS)} | {str(group): set() for group in Group}
    for service in services:
        compiled = _compile(service)
        for host in service.hosts:
            if is_template(host):
                for port in service.ports:
                    templates.setdefault(port, []).append((parse_host(host), compiled))
                continue
            table, name = (below, host[2:]) if host.startswith("*.") else (exact, host)
            for port in service.ports:
                table[name, port] = _beside(table.get((name, port)), compiled)
        own = actions_of(service)
        actions.update(own)
        members[f"{service.name}:*"] = set(own)
        members.update({f"{service.name}:{group}": set() for group in Group})
    for action, info in actions.items():
        members[str(info.group)].add(action)
        members.setdefault(f"{info.service or 'http'}:{info.group}", set()).add(action)
        members.setdefault(action, set()).add(action)
    return ServiceIndex(
        tuple(services),
        exact,
        below,
        {port: HostTemplates(written) for port, written in templates.items()},
        actions,
        {pattern: frozenset(ids) for pattern, ids in members.items()},
    )
