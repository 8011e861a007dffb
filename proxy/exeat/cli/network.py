"""``exeat network``: rules that keep agents' traffic on the way through Exeat.

Must not know: the rules.
"""

from __future__ import annotations

import pwd
import re
from typing import TYPE_CHECKING, Annotated

import typer

from exeat.cli.options import ConfigOption, JsonOption, load_settings
from exeat.cli.output import SCHEMA, emit, line, say
from exeat.errors import InvalidRequestError

if TYPE_CHECKING:
    from exeat.cli.ruleset import Way
    from exeat.config.loading import Loaded

app = typer.Typer(name="network", no_args_is_help=True, help="Rules that leave agents no other way out.")
_ORDINARY = 1000
"""The first number of people's users, and of those made for agents and containers (login.defs, UID_MIN)."""
_DEVICE = re.compile(r"[A-Za-z0-9_.:@-]{1,15}\*?")


@app.command()
def nftables(
    user: Annotated[list[str] | None, typer.Option("--user", metavar="NAME", help="A user whose agents are held; repeatable.")] = None,
    host: Annotated[bool, typer.Option("--host", help="All ordinary users of this machine, from number 1000.")] = False,
    interface: Annotated[list[str] | None, typer.Option("--interface", metavar="DEVICE", help="Agents' network behind this device; repeatable.")] = None,
    local_port: Annotated[list[int] | None, typer.Option("--local-port", metavar="PORT", help="A loopback port for agents' own programs; repeatable.")] = None,
    config: ConfigOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Print nftables rules by which agents reach Exeat's listeners and nothing else. Nothing is loaded: nft -f does that."""
    from exeat.cli.ruleset import TABLE, Agents, ruleset

    names, devices = list(user or ()), list(interface or ())
    if bool(names) + host + bool(devices) == 0 or (names and host):
        raise InvalidRequestError(
            "say whose traffic: --user NAME, or --host, and/or --interface DEVICE", "see exeat network nftables --help"
        )
    for device in devices:
        if not _DEVICE.fullmatch(device):
            raise InvalidRequestError(f"{device!r} is no device name", "see: ip link")
    for port in local_port or ():
        if not 0 < port < 65536:
            raise InvalidRequestError(f"{port} is no port", "1 to 65535")
    loaded = load_settings(config)
    ways = _ways(loaded)
    numbers = {name: _number(name) for name in names}
    own = _own_user(loaded)
    for name, number in numbers.items():
        if number == own:
            raise InvalidRequestError(f"{name} is the user Exeat itself runs as", "give agents a user of their own")
    agents = Agents(_set(list(numbers.values()), own, host=host), tuple(devices), tuple(local_port or ()))
    outside = [way for way in ways if not way.bound.is_loopback]
    if devices and not outside:
        raise InvalidRequestError(
            "no listener can be reached from a device: all are on loopback",
            'listen on its address too, with TLS: "https://10.0.0.1:8443"',
        )
    who = ", ".join([*(f"user {name} ({number})" for name, number in numbers.items()), *(["all ordinary users"] if host else []), *devices])  # fmt: skip
    text = ruleset(agents, ways, f"Made by exeat network nftables: {who} may reach Exeat and nothing else.")
    if as_json:
        emit({"schema": SCHEMA, "table": TABLE, "users": agents.users, "interfaces": devices, "listeners": [str(way) for way in ways], "rules": text})  # fmt: skip
        return
    line(text)
    say("note: load it as root with: exeat network nftables … > exeat.nft && nft -c -f exeat.nft && nft -f exeat.nft")


def _ways(loaded: Loaded) -> list[Way]:
    from exeat.cli.ruleset import Way
    from exeat.config.listeners import places

    found = [(place.address, place.dns) for place in places(loaded.settings)]
    return [Way(at.scheme, at.host, at.port, names) for at, names in found]


def _number(name: str) -> int:
    """A user's number; raise InvalidRequestError for nobody known, and for root, whom no such rule holds."""
    try:
        number = int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid
    except KeyError:
        raise InvalidRequestError(f"there is no user {name!r}", "see: getent passwd") from None
    if number == 0 or number >= 2**32 - 1:
        raise InvalidRequestError(f"{name} can't be held by rules", "root changes them; run agents as another user")
    return number


def _own_user(loaded: Loaded) -> int | None:
    """Who runs Exeat: the owner of its state, once there is one."""
    try:
        return loaded.path(loaded.settings.state.path).stat().st_uid
    except OSError:
        return None


def _set(numbers: list[int], own: int | None, *, host: bool) -> str:
    """The users as nftables writes a set; "" for none."""
    if not host:
        return "{ " + ", ".join(map(str, sorted(set(numbers)))) + " }" if numbers else ""
    last = 2**32 - 2
    if own is None or own < _ORDINARY:
        return f"{{ {_ORDINARY}-{last} }}"
    parts = [(_ORDINARY, own - 1), (own + 1, last)]
    return "{ " + ", ".join(f"{first}-{end}" for first, end in parts if first <= end) + " }"
