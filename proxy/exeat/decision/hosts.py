"""Host names: one spelling each, and authorities that hold nothing else.

Must not know: DNS, requests, destinations.
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

import idna

_NAME = re.compile(r"(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_NUMERIC = re.compile(r"[0-9]+|0x[0-9a-f]*")  # a last label like this makes resolvers see an address
_PORT = re.compile(r"[1-9][0-9]{0,4}")
_LONGEST = 253  # RFC 1035 §2.3.4, in text form

# Names that mean something on this network only: RFC 6761, RFC 6762 §3 and appendix G, RFC 8375, RFC 7686, ICANN's .internal.
_LOCAL_SUFFIXES = (
    ".localhost",
    ".local",
    ".internal",
    ".home.arpa",
    ".localdomain",
    ".intranet",
    ".private",
    ".corp",
    ".home",
    ".lan",
    ".onion",
)


def canonical_host(text: str) -> str:
    """Return the one spelling of a host name: A-labels (IDNA 2008), lower case, no trailing dot.

    Raise ValueError (fixed text) for whatever isn't a plain name: an address in any form, brackets, userinfo, a port,
    percent signs, underscores, empty or overlong labels, and anything but ASCII. HTTP, DNS and TLS carry A-labels alone, and
    those who map other characters don't agree (ß, joiners, final sigma, new Unicode). Applied to its own result it changes
    nothing.
    """
    if len(text) > _LONGEST + 1:
        raise ValueError("the host name is too long")
    name = text.lower().removesuffix(".")
    if not text.isascii() or len(name) > _LONGEST or not _NAME.fullmatch(name):
        raise ValueError("the host is not a plain name")
    if _NUMERIC.fullmatch(name, name.rfind(".") + 1):
        raise ValueError("the host is an address in disguise")
    if "xn--" in name:
        _check_a_labels(name)
    return name


def _check_a_labels(name: str) -> None:
    for label in name.split("."):
        if label.startswith("xn--"):
            try:
                same = idna.alabel(idna.ulabel(label)) == label.encode("ascii")
            except (UnicodeError, IndexError, OverflowError):  # what the punycode codec raises, beside what it should
                same = False
            if not same:
                raise ValueError("the host holds a label that encodes no valid name")


def parse_authority(text: str, default_port: int | None = None) -> tuple[str, int]:
    """Read exactly ``host`` or ``host:port`` and return both in canonical form.

    A dotted IPv4 address and a bracketed IPv6 address come back as canonical text (:func:`is_address` tells); every other
    way to write an address is refused. Raise ValueError (fixed text) for anything else, or when there is no port at all.
    """
    if text.startswith("["):
        inside, bracket, after = text[1:].partition("]")
        if not bracket or "%" in inside or (after and not after.startswith(":")):
            raise ValueError("the bracketed address is malformed")
        host = _ipv6(inside)
        colon, port_text = after[:1], after[1:]
    else:
        host_text, colon, port_text = text.partition(":")
        host = _ipv4(host_text) if host_text[-1:].isdigit() and _dotted(host_text) else canonical_host(host_text)
    if not colon:
        if default_port is None:
            raise ValueError("there is no port")
        return host, default_port
    if not _PORT.fullmatch(port_text) or (port := int(port_text)) > 65535:
        raise ValueError("the port is not a number from 1 to 65535")
    return host, port


def _dotted(text: str) -> bool:
    return text.count(".") == 3 and text.replace(".", "").isdigit()


def _ipv4(text: str) -> str:
    try:
        return str(IPv4Address(text))  # refuses leading zeros
    except ValueError:
        raise ValueError("the address is malformed") from None


def _ipv6(text: str) -> str:
    try:
        return str(IPv6Address(text))
    except ValueError:
        raise ValueError("the address is malformed") from None


def is_address(host: str) -> bool:
    """Whether a host from :func:`parse_authority` is an IP address and not a name."""
    return ":" in host or host[host.rfind(".") + 1 :].isdigit()


def is_local_name(host: str) -> bool:
    """Whether a canonical name means something only here: it must never be looked up for an agent."""
    return "." not in host or host.endswith(_LOCAL_SUFFIXES) or host == "home.arpa"
