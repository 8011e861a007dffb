"""The pass: whatever stands in Proxy-Authorization is the one pass it shows to everybody, or refused.

A seed is the field's value; PASS in it stands for a pass that was signed here.
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
from exeat.identity.evidence import read_pass
from exeat.identity.passes import PassSigner, PassVerifier
from exeat.identity.shown import Shown, Way
from exeat.model.identity import Agent
from exeat.model.mission import Mission
from exeat.model.reason import Reason
from exeat.model.secret import Secret
from fuzz.kit.site import NOW, Clock, Site

TOKENS = (
    b"Basic ", b"basic ", b"BASIC  ", b"Bearer ", b"bearer ", b"Digest ", b"Negotiate ", b" ", b"  ", b"\t", b",", b", Bearer x", b"=", b"==", b"PASS", b"eDpQ", b"Og==", b"eDp5",
    b"eDo=", b"OnkA", b"\0", b"\r\n", b"\xff", b".", b"-", b"_", b"+", b"/", b"~", b'realm="x"', b"eyJhbGciOiJub25lIn0", b"A",
)  # fmt: skip


def _made() -> tuple[str, PassVerifier]:
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        keys = KeyRing.load_or_create(Path(folder) / "state", "pass", "ES256", 86400.0, 3600.0, clock)
        mission = Mission("m_1", "prod", ("bot",), (), (), NOW - 1, NOW + 100)
        shown = PassSigner(keys, "https://exeat.test", "exeat-proxy", clock).sign(
            mission, Agent("bot", "prod", "e.internal")
        )
    return shown.reveal(), PassVerifier(keys, "https://exeat.test", "exeat-proxy", clock, capacity=16)


_PASS, _VERIFIER = _made()


def check(data: bytes) -> None:
    value = data.replace(b"PASS", _PASS.encode())
    fields = ((b"Proxy-Authorization", value),)
    identity = Site(_VERIFIER).gate.identify(Shown(Way("http://127.0.0.1:8080"), "127.0.0.1", headers=fields))
    assert identity == Identity("m_1", "bot") or identity.reason is Reason.IDENTITY_INVALID
    try:
        shown = read_pass(fields)
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
    assert (verified.mission, verified.agent, verified.expires_at) == ("m_1", "bot", NOW + 100)
    assert _unsigned(text) == _unsigned(_PASS)
    assert _signature(text) == _signature(_PASS)


def _unsigned(text: str) -> str:
    return text.rpartition(".")[0]


def _signature(text: str) -> bytes:
    """The last character's spare bits may differ: another spelling of the same pass, which ends with it."""
    last = text.rpartition(".")[2]
    try:
        return base64.urlsafe_b64decode(last + "=" * (-len(last) % 4))
    except binascii.Error:
        raise AssertionError("a signature that isn't base64 was accepted") from None
