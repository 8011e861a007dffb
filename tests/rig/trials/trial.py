"""One trial and its verdict.

Must not know: how many there are, how they are told.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from rig.trials.clients import Chatter, Client, KeepAlive, Sse, Streams, Tunnel, Upload
from rig.trials.hits import Hits
from rig.trials.site import Site

GRACE = 0.05
"""Seconds after the call's return in which what was under way in kernels may still arrive."""
_FLOW = 30.0
_REVOKED = 5.0

KINDS: Mapping[str, type[Client]] = {
    "keep-alive": KeepAlive,
    "h2": Streams,
    "sse": Sse,
    "websocket": Chatter,
    "upload": Upload,
    "mint": KeepAlive,
    "tunnel": Tunnel,
}


@dataclass(frozen=True)
class Outcome:
    """What came of a trial; times in seconds, ``wrong`` says what must not be."""

    kind: str
    returned: float
    """From the call to its answer."""
    last_byte: float
    """From the call to the last byte that the origin got; 0 when none came after it."""
    applied: Mapping[str, Any]
    tries: int
    hit: bool
    """Whether a process was killed or stopped meanwhile."""
    wrong: list[str] = field(default_factory=list)


def attempt(site: Site, place: int, kind: str, *, hold: float, rng: random.Random, hits: Hits | None = None) -> Outcome:
    """Try one mission at one place; raise AssertionError when no traffic could be got to flow."""
    site.origin.clear(place)
    site.issuer.clear(place)
    began = time.monotonic()
    mission = site.open(place)
    minting = kind == "mint"
    client = KINDS[kind](site.door(mission, f"{'x' if minting else 's'}{place}.trial.test"))
    client.start()
    try:
        _wait_for_traffic(site, place, client, kind)
        time.sleep(rng.uniform(0, site.issuer.slowest * 1.2 if minting else 0.05))
        client.mark()
        said = site.revoke(mission)
        client.returned = said.returned
        time.sleep(max(0.0, said.returned + hold - time.monotonic()))
        if hits is not None:
            hits.wait_for_all_to_go_on(said.returned)
    finally:
        client.stop()
    hit = hits is not None and hits.between(began, time.monotonic())
    got = site.origin.got(place, said.returned + GRACE)
    wrong = []
    if got.late:
        wrong.append(
            f"{got.late} bytes, the last {(got.last - said.returned) * 1000:.1f} ms after the call had returned"
        )
    if client.unended:
        wrong.append("a connection was not ended")
    if client.answered_late:
        wrong.append(f"{client.answered_late} answers to what was asked after the call had returned")
    if minting and not hit and (alive := _alive(site, place)):
        wrong.append(f"{alive} tokens not revoked at their issuer")
    last = max(0.0, got.last - said.called)
    return Outcome(kind, said.returned - said.called, last, said.body.get("applied", {}), said.tries, hit, wrong)


def _wait_for_traffic(site: Site, place: int, client: Client, kind: str) -> None:
    """Return once the kind's traffic is under way; raise AssertionError when it won't be."""
    deadline = time.monotonic() + _FLOW
    flowing = site.issuer.asked[place] if kind == "mint" else client.flowing
    if flowing.wait(_FLOW):
        while kind not in ("mint", "tunnel") and not site.origin.got(place).total and time.monotonic() < deadline:
            time.sleep(0.01)
    if time.monotonic() >= deadline:
        raise AssertionError(f"{kind}: no traffic within {_FLOW:g} s")


def _alive(site: Site, place: int) -> int:
    """Tokens that live on: a mint that was in flight is revoked when its answer has come."""
    deadline = time.monotonic() + _REVOKED
    while (alive := site.issuer.alive(place)) and time.monotonic() < deadline:
        time.sleep(0.02)
    return alive
