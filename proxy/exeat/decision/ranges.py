"""Which addresses may be dialled: only global unicast ones, and none that embeds another.

The list is ours, because the standard library's was wrong once (CVE-2024-4032); its own verdict is asked as well. Must not
know: names, agents, requests.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address, ip_network

from exeat.decision.addresses import unmapped

_REFUSED_V4 = tuple(
    (ip_network(network), kind)
    for network, kind in (
        ("0.0.0.0/8", "this network (RFC 791)"),
        ("10.0.0.0/8", "private (RFC 1918)"),
        ("100.64.0.0/10", "carrier-grade NAT (RFC 6598)"),
        ("127.0.0.0/8", "loopback (RFC 1122)"),
        ("169.254.0.0/16", "link-local and cloud metadata (RFC 3927)"),
        ("172.16.0.0/12", "private (RFC 1918)"),
        ("192.0.0.0/24", "protocol assignments (RFC 6890)"),
        ("192.0.2.0/24", "documentation (RFC 5737)"),
        ("192.31.196.0/24", "AS112 (RFC 7535)"),
        ("192.52.193.0/24", "AMT (RFC 7450)"),
        ("192.88.99.0/24", "6to4 relay (RFC 7526)"),
        ("192.168.0.0/16", "private (RFC 1918)"),
        ("192.175.48.0/24", "AS112 (RFC 7534)"),
        ("198.18.0.0/15", "benchmarking (RFC 2544)"),
        ("198.51.100.0/24", "documentation (RFC 5737)"),
        ("203.0.113.0/24", "documentation (RFC 5737)"),
        ("224.0.0.0/4", "multicast (RFC 5771)"),
        ("240.0.0.0/4", "reserved and broadcast (RFC 1112)"),
    )
)
# Only 2000::/3 is global unicast; inside it these embed an IPv4 address or are set aside.
_GLOBAL_V6 = IPv6Network("2000::/3")
_REFUSED_V6 = tuple(
    (IPv6Network(network), kind)
    for network, kind in (
        ("2001::/23", "protocol assignments and Teredo (RFC 2928, RFC 4380)"),
        ("2001:db8::/32", "documentation (RFC 3849)"),
        ("2002::/16", "6to4 (RFC 3056)"),
        ("2620:4f:8000::/48", "AS112 (RFC 7534)"),
        ("3fff::/20", "documentation (RFC 9637)"),
    )
)
_ISATAP = (0x00005EFE, 0x02005EFE)  # interface identifiers of RFC 5214 §6.1: the low 32 bits are an IPv4 address
_METADATA = frozenset(
    map(ip_address, ("169.254.169.254", "169.254.170.2", "169.254.170.23", "100.100.100.200", "192.0.0.192",
                     "168.63.129.16", "fd00:ec2::254", "fd00:ec2::23", "fd20:ce::254"))
)  # fmt: skip
"""Metadata services of the large clouds: refused even where an admin allowed a private address by name."""


@lru_cache(maxsize=4096)
def refused(address: str) -> str:
    """Say why an address may not be dialled; ``""`` when it is a plain global unicast one."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return "not an address"
    if isinstance(parsed, IPv4Address):
        if parsed in _METADATA:
            return "cloud metadata"
        named = next((kind for network, kind in _REFUSED_V4 if parsed in network), "")
        return named or ("" if parsed.is_global else "not global (IANA)")
    return _refused_v6(parsed)


def _refused_v6(parsed: IPv6Address) -> str:
    if parsed in _METADATA:
        return "cloud metadata"
    if parsed.scope_id:
        return "link-local with a zone"
    if parsed not in _GLOBAL_V6:  # loopback, ULA, link-local, mapped, compatible, NAT64, multicast and all unassigned
        return "not global unicast (RFC 4291)"
    if (int(parsed) >> 32) & 0xFFFFFFFF in _ISATAP:
        return "ISATAP (RFC 5214)"
    named = next((kind for network, kind in _REFUSED_V6 if parsed in network), "")
    return named or ("" if parsed.is_global else "not global (IANA)")


@lru_cache(maxsize=256)
def metadata(address: str) -> bool:
    """Whether this is a cloud's metadata service, in plain or IPv4-mapped form: refused without exception."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return True
    return unmapped(parsed) in _METADATA
