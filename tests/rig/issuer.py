"""An issuer of JWTs under the test's control: keys, tokens of any shape, and a JWK set server that can misbehave.

Nothing here uses a JOSE library: what a careful library refuses to make is made by hand.
"""

from __future__ import annotations

import base64
import json
import ssl
import time
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event, Thread
from typing import Any, Self
from uuid import uuid4

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from rig.proxy import Exeat

AUDIENCE = "exeat-test"
_HASHES = {"256": hashes.SHA256, "384": hashes.SHA384, "512": hashes.SHA512}


def b64(content: bytes | str | dict[str, Any]) -> str:
    """base64url without padding; a dict is JSON."""
    if isinstance(content, dict):
        content = json.dumps(content, separators=(",", ":"))
    raw = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def number(value: int, length: int = 0) -> str:
    """A JWK's unsigned integer."""
    return b64(value.to_bytes(length or (value.bit_length() + 7) // 8, "big"))


class Key:
    """One key pair; ``jwk`` is what is published, free to be spoilt."""

    def __init__(self, algorithm: str = "ES256", kid: str = "", bits: int = 2048) -> None:
        self.algorithm, self.kid = algorithm, kid or f"k-{uuid4().hex[:8]}"
        self.jwk: dict[str, Any] = {"kid": self.kid, "use": "sig", "alg": algorithm}
        if algorithm.startswith("ES"):
            curve: Any = {"ES256": ec.SECP256R1, "ES384": ec.SECP384R1, "ES512": ec.SECP521R1}[algorithm]()
            self.private: Any = ec.generate_private_key(curve)
            point, size = self.private.public_key().public_numbers(), (curve.key_size + 7) // 8
            names = {"ES256": "P-256", "ES384": "P-384", "ES512": "P-521"}
            self.jwk |= {"kty": "EC", "crv": names[algorithm], "x": number(point.x, size), "y": number(point.y, size)}
        elif algorithm == "EdDSA":
            self.private = ed25519.Ed25519PrivateKey.generate()
            self.jwk |= {"kty": "OKP", "crv": "Ed25519", "x": b64(self.private.public_key().public_bytes_raw())}
        else:
            self.private = rsa.generate_private_key(65537, bits)
            numbers = self.private.public_key().public_numbers()
            self.jwk |= {"kty": "RSA", "n": number(numbers.n), "e": number(numbers.e)}

    def sign(self, content: bytes, algorithm: str = "") -> bytes:
        """A signature by this key, as the algorithm says, whatever the header does."""
        algorithm = algorithm or self.algorithm
        if algorithm == "EdDSA":
            return self.private.sign(content)
        digest = _HASHES[algorithm[-3:]]()
        if algorithm.startswith("ES"):
            r, s = decode_dss_signature(self.private.sign(content, ec.ECDSA(digest)))
            size = (self.private.curve.key_size + 7) // 8
            return r.to_bytes(size, "big") + s.to_bytes(size, "big")
        if algorithm.startswith("PS"):
            return self.private.sign(content, padding.PSS(padding.MGF1(digest), digest.digest_size), digest)
        return self.private.sign(content, padding.PKCS1v15(), digest)


def compact(header: Any, claims: Any, key: Key | None, signature: bytes | None = None, algorithm: str = "") -> str:
    """A compact JWS of any header and claims (dict, text or bytes), signed by ``key`` or with a given signature."""
    signed = f"{b64(header)}.{b64(claims)}"
    made = signature if key is None else key.sign(signed.encode(), algorithm)
    return f"{signed}.{b64(made or b'')}"


class Issuer:
    """An issuer with one key to begin with, whose server speaks TLS if told. ``mode`` is how its server answers; ``asked`` counts the questions.

    Modes: ``ok``, ``redirect`` (to ``elsewhere``), ``huge``, ``text`` (wrong type), ``slow`` (a byte now and then),
    ``500``, ``garbage``, ``gzip``.
    """

    def __init__(self, algorithm: str = "ES256", name: str = "", tls: ssl.SSLContext | None = None) -> None:
        self._tls = tls
        self.keys = [Key(algorithm)]
        self.mode, self.elsewhere, self.asked, self.extra = "ok", "", 0, list[dict[str, Any]]()
        self._server: ThreadingHTTPServer | None = None
        self._ended = Event()
        self.port = 0
        self._start()
        self.url = f"{'https' if tls else 'http'}://localhost:{self.port}/jwks"
        self.name = name or f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def key(self) -> Key:
        return self.keys[-1]

    def document(self) -> dict[str, Any]:
        return {"keys": [key.jwk for key in self.keys] + self.extra}

    def settings(self, **more: Any) -> dict[str, Any]:
        """Its ``[[identity.jwt]]`` table."""
        table = {"issuer": self.name, "audience": AUDIENCE, "jwks_url": self.url, "algorithms": [self.key.algorithm]}
        return {name: value for name, value in (table | more).items() if value is not None}

    def claims(self, subject: str, **changes: Any) -> dict[str, Any]:
        """Good claims; a change to None removes one."""
        now = int(time.time())
        made = {
            "iss": self.name, "sub": subject, "aud": AUDIENCE, "iat": now, "nbf": now, "exp": now + 600,
            "jti": uuid4().hex,
        } | changes  # fmt: skip
        return {name: value for name, value in made.items() if value is not None}

    def header(self, **changes: Any) -> dict[str, Any]:
        made = {"alg": self.key.algorithm, "kid": self.key.kid, "typ": "JWT"} | changes
        return {name: value for name, value in made.items() if value is not None}

    def token(self, subject: str, header: dict[str, Any] | None = None, **changes: Any) -> str:
        """A token, good but for the changes."""
        return compact(self.header(**(header or {})), self.claims(subject, **changes), self.key)

    # --- its server ----------------------------------------------------------------------------------------------

    def _start(self) -> None:
        issuer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.asked += 1
                with suppress(OSError):
                    issuer._answer(self)

            def log_message(self, *_: Any) -> None:
                pass

        ThreadingHTTPServer.allow_reuse_address = True
        self._server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self._server.daemon_threads = True
        if self._tls is not None:
            self._server.socket = self._tls.wrap_socket(self._server.socket, server_side=True)
        self.port = self._server.server_address[1]
        Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self) -> None:
        """Be gone: connections are refused."""
        if self._server is not None:
            self._ended.set()
            self._server.shutdown()
            self._server.server_close()
            self._server = None

    def back(self) -> None:
        """Be there again, on the same port."""
        self._ended.clear()
        self._start()

    def _answer(self, handler: BaseHTTPRequestHandler) -> None:
        body, kind, status = json.dumps(self.document()).encode(), "application/json", 200
        if self.mode == "redirect":
            handler.send_response(302)
            handler.send_header("Location", self.elsewhere)
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return
        if self.mode == "huge":
            body = body[:-1] + b', "more": "' + b"x" * 2_000_000 + b'"}'
        elif self.mode == "garbage":
            body = body[:-1] + b', "keys": []}'
        elif self.mode == "text":
            kind = "text/html"
        elif self.mode == "500":
            status = 500
        handler.send_response(status)
        handler.send_header("Content-Type", kind)
        if self.mode == "gzip":
            handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        if self.mode == "slow":
            for at in range(len(body)):
                if self._ended.wait(0.3) or self.mode != "slow":
                    break
                handler.wfile.write(body[at : at + 1])
            return
        handler.wfile.write(body)


def wait_for_keys(exeat: Exeat) -> Exeat:
    """Return once every issuer has been asked; serving doesn't wait for them for long."""
    deadline = time.monotonic() + 10
    while any(each["problem"] == "never fetched" for each in exeat.admin("GET", "/v1/status").ok()["issuers"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    return exeat
