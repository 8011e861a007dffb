"""nftables rules that leave agents no way out but Exeat's listeners, with the reason beside each rule.

What isn't allowed is refused: no protocol has to be listed to be closed. Must not know: settings, users' names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from exeat.config.endpoints import Listener
from exeat.model.destination import host_port

TABLE = "inet exeat"
_METADATA = (
    ("ip", "169.254.0.0/16, 100.100.100.200, 168.63.129.16, 192.0.0.192"),
    ("ip6", "fd00:ec2::/32, fd20:ce::254"),
)
"""Addresses at which clouds hand a machine its credentials: AWS, Google, Azure, OpenStack; Alibaba; Azure's own; Oracle."""


@dataclass(frozen=True, slots=True)
class Way(Listener):
    """A listener that agents may reach. ``dns`` is where a transparent one answers names, if it does."""

    dns: Listener | None = None


@dataclass(frozen=True, slots=True)
class Agents:
    """Whose packets are judged. ``users``: an nftables set of owners, sending from this machine; ``interfaces``: behind which
    agents have a network of their own. ``ports``: on loopback, for programs of the agents' own.
    """

    users: str = ""
    interfaces: tuple[str, ...] = ()
    ports: tuple[int, ...] = ()


def ruleset(agents: Agents, ways: Sequence[Way], title: str) -> str:
    """The whole file for ``nft -f``: loaded at once, again with the same result."""
    lines = [
        f"# {title}",
        "# Check: nft -c -f FILE    Load, again with the same result: nft -f FILE    Remove: nft delete table inet exeat",
        "# One file is one transaction: there is no moment without the rules. 'flush ruleset' elsewhere removes them too,",
        "# so let the file that starts with one include this file at its end. Prove it as an agent: exeat doctor --inside",
        "",
        f"table {TABLE}  # there now, so that the next line never fails",
        f"delete table {TABLE}",
        f"table {TABLE} {{",
        *_indent(_counters()),
        *_indent(_of_users(agents, ways) if agents.users else ()),
        *_indent(_of_interfaces(agents, ways) if agents.interfaces else ()),
        *_indent(_refused()),
        "}",
    ]
    return "\n".join(lines)


def _counters() -> Iterator[str]:
    yield "# What was tried, by kind: nft list counters table inet exeat"
    for name in ("metadata", "dns", "quic", "other"):
        yield f"counter {name} {{ }}"


def _of_users(agents: Agents, ways: Sequence[Way]) -> Iterator[str]:
    yield from _redirecting(
        ("# Before the filter: what an agent sends anywhere goes to the transparent listener instead.", "redirect_users"),
        "nat hook output priority -100", f"meta skuid {agents.users}", "redirect_held", ways, local=True,
    )  # fmt: skip
    yield ""
    yield "# Packets made on this machine, by their socket's owner; the kernel's own have none and go on. A program that is"
    yield "# set-uid root sends as root: start agents with no new privileges (systemd: NoNewPrivileges=yes)."
    yield from _base("users", "filter hook output priority filter", f"meta skuid {agents.users} jump held")
    yield "chain held {"
    yield from _indent(_allowed(ways, "Exeat: what is sent there is judged request by request"))
    if agents.ports:
        ports = ", ".join(map(str, agents.ports))
        yield "    # Loopback ports for the agents' own programs. Loopback as a whole stays closed: resolvers, tunnels and"
        yield "    # other proxies listen there, each a way out."
        for to in ("ip daddr 127.0.0.0/8", "ip6 daddr ::1"):
            yield f"    {to} tcp dport {{ {ports} }} accept"
            yield f"    {to} ct state established ct direction reply accept  # their answers"
    yield "    jump refused"
    yield "}"


def _base(name: str, hook: str, rule: str) -> Iterator[str]:
    """A chain that netfilter calls, with the one rule that says whose packets are meant."""
    yield from (f"chain {name} {{", f"    type {hook}; policy accept;", f"    {rule}", "}")


def _of_interfaces(agents: Agents, ways: Sequence[Way]) -> Iterator[str]:
    devices = "{ " + ", ".join(f'"{each}"' for each in agents.interfaces) + " }"
    yield from _redirecting(
        ("# What agents behind the interface send anywhere goes to the transparent listener instead.", "redirect_interfaces"),
        "nat hook prerouting priority dstnat", f"iifname {devices}", "redirect_arriving", ways, local=False,
    )  # fmt: skip
    yield ""
    yield "# To this machine: its other services (ssh, a container engine, a resolver) are ways out as well."
    yield from _base("from_interfaces", "filter hook input priority filter", f"iifname {devices} jump arriving")
    yield "chain arriving {"
    yield from _indent(_allowed([way for way in ways if not way.bound.is_loopback], "Exeat"))
    yield "    icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } ip6 hoplimit 255 accept  # IPv6 finds nobody without"
    yield "    ct state established ct direction reply accept  # answers to what this machine asked, as a health check does"
    yield "    jump refused"
    yield "}"
    yield ""
    yield "# Through this machine: nothing is routed from agents, nor to them."
    yield "chain through {"
    yield "    type filter hook forward priority filter; policy accept;"
    yield f"    iifname {devices} jump refused"
    yield f"    oifname {devices} drop"
    yield "}"


def _redirecting(
    said: tuple[str, str], hook: str, whose: str, target: str, ways: Sequence[Way], *, local: bool
) -> Iterator[str]:
    """The chains that lead whose packets to the transparent listeners, if there are any. ``said`` is a comment and a name."""
    transparent = [way for way in ways if way.scheme == "transparent"]
    if transparent:
        comment, name = said
        yield from ("", comment)
        yield from _base(name, hook, f"{whose} jump {target}")
        yield f"chain {target} {{"
        yield from _indent(_redirects(ways, transparent, local=local))
        yield "}"


def _redirects(ways: Sequence[Way], transparent: Sequence[Way], *, local: bool) -> Iterator[str]:
    yield "# Exeat's own listeners are spoken to as they are."
    for way in ways:
        yield f"{_to(way.bound)}tcp dport {way.port} return"
    for way in transparent:
        if way.dns is not None:
            yield "# Names: whoever is asked, Exeat answers and forwards nothing."
            yield from _redirect("udp dport 53", way.dns, local=local)
            yield from _redirect("tcp dport 53", way.dns, local=local)
    for family, addresses in _METADATA:
        yield f"{family} daddr {{ {addresses} }} return  # refused below, without a question to anybody"
    if local:
        yield "ip daddr 127.0.0.0/8 return  # loopback: refused below, unless allowed"
        yield "ip6 daddr ::1 return"
    else:
        yield "fib daddr type local return  # this machine: refused below, unless allowed"
    for way in transparent:
        yield from _redirect("meta l4proto tcp", way, local=local)


def _redirect(match: str, to: Listener, *, local: bool) -> Iterator[str]:
    """To the listener's address; a wildcard means whatever address the packet came to."""
    address, port = to.bound, to.port
    family = "ipv4" if address.version == 4 else "ipv6"
    if address.is_loopback and not local:  # a packet from outside is never delivered to loopback
        return
    if address.is_unspecified or address in (ip_address("127.0.0.1"), ip_address("::1")):
        yield f"meta nfproto {family} {match} redirect to :{port}"
    else:
        yield f"meta nfproto {family} {match} dnat {'ip' if address.version == 4 else 'ip6'} to {host_port(str(address), port)}"


def _allowed(ways: Sequence[Way], why: str) -> Iterator[str]:
    for way in ways:
        yield f"{_to(way.bound)}tcp dport {way.port} accept  # {why} ({way.scheme})"
        if way.dns is not None:
            yield f"{_to(way.dns.bound)}meta l4proto {{ tcp, udp }} th dport {way.dns.port} accept  # Exeat's answers to names"


def _to(address: IPv4Address | IPv6Address) -> str:
    family = "ip" if address.version == 4 else "ip6"
    if address.is_unspecified:
        return f"meta nfproto ipv{address.version} fib daddr type local "
    return f"{family} daddr {address} "


def _refused() -> Iterator[str]:
    yield ""
    yield "# All that is left, of IPv4 and IPv6 and every protocol: refused at once, so that nobody waits for it."
    yield "chain refused {"
    for family, addresses in _METADATA:
        yield f"    {family} daddr {{ {addresses} }} counter name metadata drop  # a cloud's credentials for this machine"
    yield "    meta l4proto { tcp, udp } th dport { 53, 853 } counter name dns reject with icmpx admin-prohibited  # a tunnel"
    yield "    udp dport 443 counter name quic reject with icmpx admin-prohibited  # HTTP/3, which no proxy setting holds"
    yield "    counter name other reject with icmpx admin-prohibited"
    yield "}"


def _indent(lines: Iterator[str] | tuple[str, ...]) -> Iterator[str]:
    return (f"    {line}" if line else "" for line in lines)
