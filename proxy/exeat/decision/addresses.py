"""IP addresses written as text.

A host that any C resolver would read as an address is an address, never a name: ``127.1``, ``0x7f.1`` and ``2130706433``
are loopback (security matrix N01 to N05). Must not know: names, DNS.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

_NUMBER = re.compile(r"0x[0-9a-f]*|[0-9]{1,253}")


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


def unmapped(address: IPv4Address | IPv6Address) -> IPv4Address | IPv6Address:
    """Return the IPv4 address that an IPv4-mapped one stands for (RFC 4291 §2.5.5.2), any other as it is.

    A socket for both families calls its IPv4 peers so.
    """
    return (address.ipv4_mapped if isinstance(address, IPv6Address) else None) or address


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
