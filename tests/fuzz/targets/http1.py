"""An agent's bytes: each request that Exeat goes on with, two other servers cut in the same place, however the bytes arrive."""

from __future__ import annotations

from dataclasses import replace

from exeat.model.request import Tunnel
from fuzz.kit.connection import Agent, Seen
from fuzz.kit.frames import Message, by_h11, by_llhttp
from fuzz.kit.pieces import in_pieces
from fuzz.kit.tokens import FRAMES, PATHS

TOKENS = (*FRAMES, *PATHS)
_TUNNEL = Tunnel("api.example.test", 443, "api.example.test")


def check(data: bytes) -> None:
    agent = Agent(_TUNNEL)
    seen = agent.receive([data])
    ours = [_message(each) for each in seen]
    cut = Agent(_TUNNEL)
    assert [_message(each) for each in cut.receive(in_pieces(data, (1, 1, 2, 3, 7, 64)))] == ours, (
        "chunk borders matter"
    )
    assert cut.over == agent.over
    if not ours:
        return
    for parse in (by_h11, by_llhttp):
        theirs = parse(data)
        for number, mine in enumerate(ours):
            if number and not _keeps_on(parse, seen[number - 1]):
                break
            assert number < len(theirs), f"{parse.__name__} refuses what Exeat accepts"
            peer = theirs[number]
            if mine.body is None:  # refused in its midst, or waiting: it is complete for nobody behind Exeat
                peer = replace(peer, body=None)
            assert _blanks(peer) == _blanks(mine), f"{parse.__name__} reads something else"


def _keeps_on(parse: object, before: Seen) -> bool:
    """Whether a peer can be asked for what comes behind a request; see ``frames``."""
    return not before.trailers if parse is by_llhttp else before.wire.version == "HTTP/1.1"


def _blanks(message: Message) -> Message:
    return replace(message, body=message.body and message.body.replace(b"\t", b" "))


def _message(seen: Seen) -> Message:
    wire = seen.wire
    fields = tuple((name.lower(), value) for name, value in wire.headers)
    return Message(wire.method, wire.target, fields, seen.body)
