"""Passes: whatever stands in Proxy-Authorization is the one credential it shows to everybody, or refused.

A seed is the field's value; PASS and SHORT in it stand for passes that were signed here.
"""

from __future__ import annotations

import base64
import binascii
import tempfile
from pathlib import Path

from aiohttp import BasicAuth

from exeat.credentials.keys import KeyRing
from exeat.enforcement.identified import Identity
from exeat.errors import RefusalError
from exeat.identity.evidence import read_credential
from exeat.identity.passes import PassSigner, PassVerifier
from exeat.identity.short import ShortOrLong, sign_short
from exeat.identity.shown import Evidence, Shown, Way
from exeat.model.identity import Agent
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from fuzz.kit.site import Site
from unit.standing_clock import StandingClock

TOKENS = (
    b"Basic ", b"basic ", b"BASIC  ", b"Bearer ", b"bearer ", b"Digest ", b"Negotiate ", b" ", b"  ", b"\t", b",", b", Bearer x", b"=", b"==", b"PASS", b"SHORT", b"exeat1~", b"~", b"eDpQ", b"Og==", b"eDp5",
    b"eDo=", b"OnkA", b"\0", b"\r\n", b"\xff", b".", b"-", b"_", b"+", b"/", b"~", b'realm="x"', b"eyJhbGciOiJub25lIn0", b"A",
)  # fmt: skip


_ID = "m_" + "0" * 26
_CLOCK = StandingClock()
_END = _CLOCK.now + 100


def _made() -> tuple[str, str, ShortOrLong]:
    agent = Agent("bot", "prod", "exeat.internal")
    mission = Mission(_ID, "prod", ("bot",), (), (), _CLOCK.now, _END)
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyRing.load_or_create(Path(folder) / "state", "pass", "ES256", 86400.0, 3600.0, _CLOCK)
        names = (keys, "https://exeat.test", "exeat-proxy", _CLOCK)
        long, short = PassSigner(*names).sign(mission, agent), sign_short(b"s" * 32, mission, agent)
    verifier = ShortOrLong(b"s" * 32, "exeat.internal", PassVerifier(*names, capacity=16), _CLOCK)
    return long.reveal(), short.reveal(), verifier


_PASS, _SHORT, _VERIFIER = _made()
_WAY = Way("http://127.0.0.1:8080", frozenset({Evidence.PASS, Evidence.JWT}))


def check(data: bytes) -> None:
    value = data.replace(b"PASS", _PASS.encode()).replace(b"SHORT", _SHORT.encode())
    fields = ((b"Proxy-Authorization", value),)
    identity = Site(_VERIFIER).gate.identify(Shown(_WAY, "127.0.0.1", headers=fields))
    assert identity == Identity(_ID, "bot") or identity.reason is Reason.IDENTITY_INVALID
    try:
        shown = read_credential(fields)
    except RefusalError as error:
        assert error.reason is Reason.IDENTITY_INVALID
        return
    assert shown is not None
    text = shown.reveal()
    scheme, _, rest = value.decode("ascii").partition(" ")
    if scheme.lower() == "basic":
        assert BasicAuth.decode(f"Basic {rest.strip()}", encoding="latin-1").password == text
    else:
        assert (scheme.lower(), rest.lstrip(" ")) == ("bearer", text)
    try:
        verified = _VERIFIER.verify(Secret(text))
    except RefusalError as error:
        assert error.reason is Reason.IDENTITY_INVALID
        return
    assert (verified.mission, verified.agent, verified.expires_at) == (_ID, "bot", _END)
    if text != _SHORT:
        assert text.rpartition(".")[0] == _PASS.rpartition(".")[0]
        assert _signature(text) == _signature(_PASS)


def _signature(text: str) -> bytes:
    """The last character's spare bits may differ: another spelling of the same pass, which ends with it."""
    last = text.rpartition(".")[2]
    try:
        return base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    except binascii.Error:
        raise AssertionError("a signature that isn't base64 was accepted") from None
