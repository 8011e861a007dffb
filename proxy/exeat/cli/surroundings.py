"""What this machine offers for keeping agents on the way through Exeat. Nothing is sent to find out.

Must not know: the configuration.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

from exeat.cli.row import Row
from exeat.errors import StartError


def egress() -> Iterator[Row]:
    """Whether this machine has a way out at all. A UDP socket's connect asks the routing table and sends nothing."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("198.51.100.1", 443))  # TEST-NET-2 (RFC 5737): nobody's address
        except OSError:
            yield Row("egress", "ok", "no direct way out from here")
            return
    yield Row(
        "egress",
        "warn",
        "there is a direct way out: a program that ignores the proxy isn't stopped",
        "exeat run --jail, or exeat network nftables for their user; then, as an agent: exeat doctor --inside",
    )


def jail() -> Iterator[Row]:
    """Whether ``exeat run --jail`` would work here: one is built, for nobody, and goes away at once."""
    from exeat.jail.launch import Jail
    from exeat.jail.plan import Plan

    try:
        Jail(Plan("127.0.0.1", 0, become=(65534, 65534) if os.geteuid() == 0 else None)).check()
    except StartError as error:
        yield Row("jail", "warn", str(error), error.hint)
    else:
        yield Row("jail", "ok", "exeat run --jail works here" + (", with --user NAME" if os.geteuid() == 0 else ""))
