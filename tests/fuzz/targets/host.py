"""Host names and authorities: what Exeat takes for a name, every parser takes for the same name and none for an address."""

from __future__ import annotations

import socket
from ipaddress import ip_address

from exeat.decision.addresses import ip_literal
from exeat.decision.hosts import canonical_host, is_address, parse_authority
from exeat.decision.ranges import refused
from fuzz.kit.tokens import HOSTS
from fuzz.kit.urls import read_everywhere

TOKENS = HOSTS


def check(data: bytes) -> None:
    text = data.decode("utf-8", "surrogateescape")
    _check_literal(text)
    try:
        host, port = parse_authority(text, 80)
    except ValueError:
        return
    assert text.isascii()
    assert parse_authority(f"[{host}]:{port}" if ":" in host else f"{host}:{port}") == (host, port)
    if is_address(host):
        assert str(ip_address(host)) == host
        assert ip_literal(host) == ip_address(host)
        assert refused(host) or ip_address(host).is_global
    else:
        assert canonical_host(host) == host
        assert ip_literal(host) is None
        assert not _is_address_to_the_resolver(host)
    for parser, theirs in read_everywhere(f"http://{text}/").items():
        if theirs is None:  # stricter than Exeat: no way to another host
            assert parser in _MAY_REFUSE, (parser, text)
        else:
            assert (_plain(theirs.host), theirs.port, theirs.path, theirs.query) == (host, port, (b"",), ()), parser


_MAY_REFUSE = {
    "mitmproxy",  # knows only IDNA 2003, so that names with ß or a joiner can't be asked for in plain HTTP
    "WHATWG",  # an older Unicode than the idna package
}


def _plain(host: str) -> str:
    """An address in Python's spelling."""
    host = host.strip("[]")
    return str(ip_address(host)) if ":" in host else host


def _is_address_to_the_resolver(host: str) -> bool:
    try:
        socket.inet_aton(host)
    except OSError:
        return False
    return True


def _check_literal(text: str) -> None:
    """Whatever the C library or Python takes for an address is never a name."""
    try:
        read = ip_address(socket.inet_aton(text))
    except (OSError, UnicodeError, ValueError):
        return
    if text.split() != [text] or len(text) > 253:  # inet_aton stops at white space
        return
    assert ip_literal(text) == read
    try:
        host, _ = parse_authority(text, 80)
    except ValueError:
        return
    assert host == str(read)
