"""The configured listeners as ports of the data path.

Must not know: what is spoken on them.
"""

from __future__ import annotations

from collections.abc import Sequence

from exeat.config.endpoints import Listener, is_loopback
from exeat.config.listeners import Place, places
from exeat.config.loading import Loaded
from exeat.enforcement.ca import CertificateAuthority
from exeat.enforcement.listener import Port
from exeat.enforcement.ways.entry import Entry, Kind
from exeat.enforcement.ways.names import NameServer
from exeat.enforcement.ways.reverse import BaseUrls
from exeat.enforcement.ways.tls import ListenerTls
from exeat.identity.shown import Evidence, Way
from exeat.ports import Clock
from exeat.services.index import ServiceIndex

_KINDS = {
    "http": Kind.PROXY,
    "https": Kind.PROXY,
    "socks5": Kind.SOCKS5,
    "transparent": Kind.TRANSPARENT,
    "reverse": Kind.REVERSE,
}


def build_ports(
    loaded: Loaded, authority: CertificateAuthority, services: ServiceIndex, clock: Clock
) -> Sequence[tuple[Place, Port]]:
    """Each configured listener with its port, certificates loaded; raise StartError for a certificate that is unusable."""
    return [(place, _port(loaded, place, authority, services, clock)) for place in places(loaded.settings)]


def _port(loaded: Loaded, place: Place, authority: CertificateAuthority, services: ServiceIndex, clock: Clock) -> Port:
    table, address = place.table, place.address
    kind = _KINDS[address.scheme]
    evidence = frozenset(Evidence(each) for each in place.evidence)
    way = Way(str(address), evidence, place.require_all, table.agent, table.mission)
    names = own_names(place)
    certificate = None
    if place.tls:
        files = None
        if table.certificate is not None and table.key is not None:
            files = (loaded.path(table.certificate), loaded.path(table.key))
        certificate = ListenerTls(
            authority,
            clock,
            names,
            files=files,
            client_ca=None if table.client_ca is None else loaded.path(table.client_ca),
            demanded=evidence == {Evidence.SVID} or (place.require_all and Evidence.SVID in evidence),
            protocols=("h2", "http/1.1") if kind is Kind.REVERSE else ("http/1.1",),
        )
    bases = BaseUrls(services.services, names, table.domain, tls=place.tls) if kind is Kind.REVERSE else None
    entry = Entry(kind, way, None if certificate is None else certificate.context, bases)
    server = None if place.dns is None else NameServer(place.dns, table.dns_answer)
    return Port(address, entry, certificate, server)


def own_names(place: Place) -> tuple[str, ...]:
    """Names and addresses by which agents call a listener: the configured ones first."""
    address = place.address
    found = list(place.table.names)
    if not address.bound.is_unspecified:
        found.append(str(address.bound))
    if is_loopback(address.host):
        found.append("localhost")
    return tuple(dict.fromkeys(found))


def reached_at(place: Place) -> Listener:
    """Where agents find a listener: by its first name, which stands in its certificate; else by its address."""
    address = place.address
    name = place.table.names[0] if place.table.names else address.host
    return Listener(address.scheme, name, address.port)
