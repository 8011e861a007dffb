"""IP addresses written as text, and which of them are public.

A host that any C resolver would read as an address is an address, never a name: ``127.1``, ``0x7f.1`` and ``2130706433``
are loopback (security matrix N01 to N05). Must not know: names, DNS.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]{1,64}")

# Not the standard library's list alone: it was wrong once (CVE-2024-4032) and holds no provider's addresses.
# IANA special-purpose registries (RFC 6890), multicast, deprecated 6to4 relays, and one metadata address in public space.
_NOT_PUBLIC_4 = tuple(
    IPv4Network(text)
    for text in (
        "0.0.0.0/8",
        "10.0.0.0/8",
        "100.64.0.0/10",
        "127.0.0.0/8",
        "169.254.0.0/16",
        "172.16.0.0/12",
        "192.0.0.0/24",
        "192.0.2.0/24",
        "192.88.99.0/24",
        "192.168.0.0/16",
        "198.18.0.0/15",
        "198.51.100.0/24",
        "203.0.113.0/24",
        "224.0.0.0/3",
        "168.63.129.16/32",
    )
)
# Only 2000::/3 is handed out at all, so mapped, NAT64, ULA, link-local and multicast need no line of their own.
_HANDED_OUT_6 = IPv6Network("2000::/3")
_NOT_PUBLIC_6 = tuple(
    IPv6Network(text)
    for text in (
        "2001::/23",  # IETF protocols: Teredo, ORCHID, benchmarking
        "2001:db8::/32",
        "2002::/16",  # 6to4 carries an IPv4 address
        "3fff::/20",
    )
)
_ISATAP = (0x0000_5EFE, 0x0200_5EFE)  # RFC 5214 §6.1: an IPv4 address in the interface identifier


def ip_literal(text: str) -> IPv4Address | IPv6Address | None:
    """Return the address ``text`` stands for, or None for a name.

    Reads dotted IPv4, IPv6 bare or in brackets, and the decimal, octal, hexadecimal and short forms of ``inet_aton``.
    """
    if text.startswith("[") and text.endswith("]"):
        text = text[1:-1]
    if ":" in text:
        try:
            return IPv6Address(text)
        except ValueError:
            return None
    return _inet_aton(text.removesuffix(".").lower())


def _inet_aton(text: str) -> IPv4Address | None:
    parts = text.split(".")
    if len(parts) > 4 or not all(_NUMBER.fullmatch(part) for part in parts):
        return None
    try:
        *head, last = (_number(part) for part in parts)
    except ValueError:
        return None
    if any(number > 255 for number in head) or last >= 256 ** (4 - len(head)):
        return None
    for position, number in enumerate(head):
        last += number << 8 * (3 - position)
    return IPv4Address(last)


def _number(text: str) -> int:
    if text.startswith("0x"):
        return int(text[2:] or "0", 16)
    return int(text, 8 if text.startswith("0") else 10)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether an address is certainly reachable on the public internet and hides no other address."""
    if not address.is_global or address.is_multicast or address.is_reserved:
        return False
    if isinstance(address, IPv4Address):
        return not any(address in network for network in _NOT_PUBLIC_4)
    if address not in _HANDED_OUT_6 or any(address in network for network in _NOT_PUBLIC_6):
        return False
    return (int(address) >> 32) & 0xFFFF_FFFF not in _ISATAP
