"""Tokens of trusted issuers: what Exeat takes apart, PyJWT takes apart alike, and every token has one spelling.

A seed is three lines: header, claims, signature. A line that begins with ``!`` is taken as it is, the others are encoded.
"""

from __future__ import annotations

import base64
import warnings

import jwt

from exeat.errors import RefusalError
from exeat.identity.jose import read_token
from exeat.model.reason import Reason
from fuzz.kit.standard_json import by_the_standard_library, same

TOKENS = (
    b'{"alg":"ES256","kid":"k","typ":"JWT"}', b'"alg":"none"', b'"alg":"HS256"', b'"kid":', b'"jku":"https://x"', b'"jwk":{}', b'"crit":["b64"]', b'"b64":false', b'"zip":"DEF"',
    b'"typ":"application/JWT"', b'"iss":', b'"aud":["a","b"]', b'"exp":1e10', b'"sub":"\\u0073"', b",", b":", b"{", b"}", b'"', b"\n", b"!", b".", b"=", b"-", b"_", b"+", b"/", b"\0",
)  # fmt: skip


def check(data: bytes) -> None:
    text = ".".join(_part(line) for line in [*data.split(b"\n", 2), b"", b""][:3])
    try:
        token = read_token(text)
    except RefusalError as error:
        assert error.reason is Reason.IDENTITY_INVALID
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = jwt.PyJWS().decode_complete(text, options={"verify_signature": False})
    except jwt.PyJWTError as error:
        raise AssertionError("PyJWT refuses what Exeat takes apart") from error
    assert (theirs["header"]["alg"], theirs["header"]["kid"]) == (token.algorithm, token.kid)
    assert theirs["header"].keys() == token.members
    assert theirs["signature"] == token.signature
    assert same(dict(token.claims), by_the_standard_library(theirs["payload"]))
    assert token.signed == text.rpartition(".")[0].encode()


def _part(line: bytes) -> str:
    if line.startswith(b"!"):
        return line[1:].decode("latin-1")
    return base64.urlsafe_b64encode(line).rstrip(b"=").decode("ascii")
