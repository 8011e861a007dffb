"""One request in which each place that names the host may have its own idea of it.

Must not know: what is expected of it.
"""

from __future__ import annotations

import ssl
from typing import Any

from rig.proxy import Exeat
from rig.wire import CLOSED, Response, Wire, basic


def raw(text: str) -> str:
    """The UTF-8 bytes of a text, as the wire's latin-1 carries them."""
    return text.encode().decode("latin-1")


def through(
    exeat: Exeat, mission: dict[str, Any], target: str, sni: str | None, host: str, path: str = "/echo"
) -> Response:
    """CONNECT, TLS and one request, each with its own idea of the host; the refusal wherever it comes."""
    with Wire(exeat) as wire:
        answer = wire.connect(target, mission["pass"])
        if answer.status != 200:
            return answer
        try:
            wire.secure(mission["ca_file"], sni, verify=False)
        except (ssl.SSLError, OSError):
            return CLOSED
        return wire.request("GET", path, host=host)


def in_clear(exeat: Exeat, mission: dict[str, Any], url: str, host: str) -> Response:
    """One plain request."""
    with Wire(exeat) as wire:
        return wire.request("GET", url, f"Proxy-Authorization: {basic(mission['pass'])}", host=host)
