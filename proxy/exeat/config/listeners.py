"""Every way in that is configured, and what is wrong with one.

``proxy.listen`` holds plain URLs, ``[[listener]]`` the same with more to say; both become one list. Must not know: sockets,
how evidence is verified.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import IPv4Address

from exeat.config.endpoints import SCHEMES, Listener, is_loopback, parse_listener
from exeat.config.settings import Settings
from exeat.config.tables.proxy import ListenerTable

Path = tuple[str | int, ...]
_EXAMPLE = 'as in "http://127.0.0.1:8080"'
_IN_CLEAR = frozenset({"pass", "jwt", "placeholder"})
"""Evidence that whoever reads the connection could show again."""
_UNSEEN = frozenset({"pass", "jwt", "svid"})
"""What an agent of a transparent listener can't show: it doesn't know that it speaks to a proxy."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One contradiction: where, what, and how to mend it."""

    path: Path
    message: str
    fix: str = ""


@dataclass(frozen=True, slots=True)
class Place:
    """A listener with what the ``[identity]`` table adds to it. ``path`` is where it stands in the configuration."""

    path: Path
    table: ListenerTable
    evidence: tuple[str, ...]
    require_all: bool

    @property
    def address(self) -> Listener:
        """Where it listens; raise ValueError as ``parse_listener`` does."""
        return parse_listener(self.table.url)

    @property
    def dns(self) -> Listener | None:
        """Where names are answered, if they are; raise ValueError as ``parse_listener`` does."""
        return parse_listener(f"dns://{self.table.dns}") if self.table.dns else None

    @property
    def tls(self) -> bool:
        """Whether agents speak TLS to the listener itself."""
        return bool(self.table.tls) or self.table.url.lower().startswith("https:")


def places(settings: Settings) -> list[Place]:
    """Every listener, in the order written: ``proxy.listen`` first."""
    written: list[tuple[Path, ListenerTable]] = [
        (("proxy", "listen", index), ListenerTable(url=url)) for index, url in enumerate(settings.proxy.listen)
    ]
    written += [(("listener", index), table) for index, table in enumerate(settings.listener)]
    default = settings.identity
    return [
        Place(path, table, table.evidence or default.evidence, (table.require or default.require) == "all")
        for path, table in written
    ]


def listener_problems(settings: Settings) -> Iterator[Problem]:
    """Everything that makes a listener, or two of them, unusable."""
    admin: Path = ("admin", "listen")
    seen: dict[str, Path] = {}
    try:
        address = parse_listener(settings.admin.listen)
        if address.scheme != "http" or not is_loopback(address.host):
            yield Problem(
                admin,
                "must be http:// on loopback: elsewhere tokens would go in the clear",
                'as in "http://127.0.0.1:8081"',
            )
        seen[f"{address.host}:{address.port}"] = admin
    except ValueError as error:
        yield Problem(admin, str(error), 'as in "http://127.0.0.1:8081"')
    found = places(settings)
    if not found:
        yield Problem(("proxy", "listen"), "is empty: no agent could connect", 'listen = ["http://127.0.0.1:8080"]')
    for place in found:
        at = place.path if place.path[0] == "proxy" else (*place.path, "url")
        try:
            address = place.address
        except ValueError as error:
            yield Problem(at, str(error), _EXAMPLE)
            continue
        if address.scheme not in SCHEMES:
            yield Problem(at, "has an unknown scheme", f"known: {', '.join(SCHEMES)}")
            continue
        key = f"{address.host}:{address.port}"
        if key in seen:
            yield Problem(at, "listens where another listener already does", "give it a port of its own")
        seen[key] = at
        yield from _fields(place, address, at)
        yield from _pins(settings, place)


def _fields(place: Place, address: Listener, at: Path) -> Iterator[Problem]:
    table, path = place.table, place.path
    shown, transparent = _IN_CLEAR.intersection(place.evidence), address.scheme == "transparent"
    if shown and not place.tls and not transparent and not is_loopback(address.host):
        fix = "listen on https://" if address.scheme == "http" else "set tls = true"
        yield Problem(
            at, f"would carry a {min(shown)} in the clear: off this machine it needs TLS", f"{fix}, or 127.0.0.1"
        )
    if transparent and (unseen := sorted(_UNSEEN.intersection(place.evidence))):
        fix = 'evidence = ["address"], or "listener" with agent = "…", or "placeholder"'
        yield Problem(at, f"can't be shown a {unseen[0]}: agents don't know that they speak to a proxy", fix)
    if table.tls is False and address.scheme == "https":
        yield Problem((*path, "tls"), "contradicts https://", "write http://, or leave tls out")
    if place.tls and transparent:
        yield Problem((*path, "tls"), "agents speak TLS to their origins here, not to the listener", "leave it out")
    if (table.certificate is None) != (table.key is None):
        yield Problem((*path, "certificate"), "needs its key, and a key its certificate", "give both, or none")
    if table.certificate is not None and not place.tls:
        yield Problem((*path, "certificate"), "is of no use without TLS", "set tls = true")
    if ("svid" in place.evidence) != (table.client_ca is not None) and not transparent:
        yield Problem((*path, "client_ca"), "goes with svid among the evidence", 'client_ca = "agents-ca.pem"')
    if table.client_ca is not None and not place.tls:
        yield Problem((*path, "client_ca"), "is of no use without TLS", "listen on https://")
    if place.tls and table.certificate is None and not table.names and address.bound.is_unspecified:
        yield Problem(at, "has no name that a certificate could be for", 'names = ["exeat.example.internal"]')
    for name, scheme in (("domain", "reverse"), ("dns", "transparent")):
        if getattr(table, name) and address.scheme != scheme:
            yield Problem((*path, name), f"is for {scheme}:// listeners", "remove it")
    try:
        _ = place.dns
    except ValueError as error:
        yield Problem((*path, "dns"), str(error), 'dns = "127.0.0.1:53"')
    try:
        IPv4Address(table.dns_answer)
    except ValueError:
        yield Problem((*path, "dns_answer"), "is no IPv4 address", 'dns_answer = "198.18.0.1"')


def _pins(settings: Settings, place: Place) -> Iterator[Problem]:
    table, path = place.table, place.path
    agents = {f"{agent.environment}/{agent.name}" for agent in settings.agent}
    if table.agent and table.agent not in agents:
        yield Problem((*path, "agent"), f"there is no agent {table.agent!r}", f"known: {', '.join(sorted(agents))}")
    if table.mission and table.mission not in {template.name for template in settings.mission_template}:
        yield Problem((*path, "mission"), f"there is no mission template {table.mission!r}")
    if "listener" in place.evidence and not table.agent:
        yield Problem((*path, "agent"), "the listener proves an agent only when it says which", 'agent = "prod/NAME"')
