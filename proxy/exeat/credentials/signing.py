"""One signing key: its id, its public half as a JWK, and compact JWS tokens made with it.

Must not know: files, rotation, what the claims mean.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import orjson
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

from exeat.model.secret import Secret

Algorithm = Literal["ES256", "EdDSA", "RS256"]
"""JWS algorithms we sign with: ECDSA on P-256 (RFC 7518 §3.4), Ed25519 (RFC 8037 §3.1), or RSA (RFC 7518 §3.3) for verifiers that
know nothing else, as Entra ID; it takes some ten times as long."""

PrivateKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Public = ec.EllipticCurvePublicKey | ed25519.Ed25519PublicKey | rsa.RSAPublicKey

_RSA_BITS = 2048
"""The least that RFC 7518 §3.3 allows, and what every verifier takes."""

_ES256 = ec.ECDSA(hashes.SHA256())


def encode(content: bytes) -> str:
    """base64url without padding (RFC 7515 §2)."""
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode("ascii")


@lru_cache(maxsize=64)
def _header(algorithm: Algorithm, kid: str, typ: str) -> str:
    return encode(orjson.dumps({"alg": algorithm, "kid": kid, "typ": typ}))


@dataclass(frozen=True, slots=True, eq=False)
class PublicKey:
    """What verifies tokens of one signing key."""

    kid: str
    algorithm: Algorithm
    key: Public = field(repr=False)

    def header(self, typ: str) -> str:
        """The only header segment a token of this key and type has: whatever differs by a byte is not ours."""
        return _header(self.algorithm, self.kid, typ)

    def jwk(self) -> dict[str, str]:
        """The key for a JWK set (RFC 7517 §4)."""
        return {**_members(self.key), "kid": self.kid, "use": "sig", "alg": self.algorithm}


@dataclass(frozen=True, slots=True, eq=False)
class SigningKey:
    """A private key. It signs; it is never shown."""

    kid: str
    algorithm: Algorithm
    key: PrivateKey = field(repr=False)

    @classmethod
    def generate(cls, algorithm: Algorithm) -> SigningKey:
        """Make a new key."""
        if algorithm == "RS256":
            return cls._of(rsa.generate_private_key(65537, _RSA_BITS))
        return cls._of(
            ec.generate_private_key(ec.SECP256R1()) if algorithm == "ES256" else ed25519.Ed25519PrivateKey.generate()
        )

    @classmethod
    def from_pem(cls, content: bytes) -> SigningKey:
        """Read an unencrypted PKCS #8 key; raise ValueError when it isn't a P-256, Ed25519 or large enough RSA one."""
        try:
            key = serialization.load_pem_private_key(content, password=None)
        except TypeError:
            raise ValueError("the key is encrypted") from None
        if isinstance(key, ed25519.Ed25519PrivateKey):
            return cls._of(key)
        if isinstance(key, ec.EllipticCurvePrivateKey) and isinstance(key.curve, ec.SECP256R1):
            return cls._of(key)
        if isinstance(key, rsa.RSAPrivateKey) and key.key_size >= _RSA_BITS:
            return cls._of(key)
        raise ValueError("the key is neither P-256 nor Ed25519 nor RSA of 2048 bits")

    @classmethod
    def _of(cls, key: PrivateKey) -> SigningKey:
        algorithm: Algorithm = "ES256" if isinstance(key, ec.EllipticCurvePrivateKey) else "EdDSA"
        if isinstance(key, rsa.RSAPrivateKey):
            algorithm = "RS256"
        return cls(_thumbprint(_members(key.public_key())), algorithm, key)

    def pem(self) -> bytes:
        """The private key as PKCS #8 PEM: for a private file, nothing else."""
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def public(self) -> PublicKey:
        """The half that may be shown."""
        return PublicKey(self.kid, self.algorithm, self.key.public_key())

    def token(self, typ: str, claims: Mapping[str, object]) -> Secret:
        """Sign claims as a compact JWS (RFC 7515 §7.1); about 30 µs."""
        signed = f"{_header(self.algorithm, self.kid, typ)}.{encode(orjson.dumps(claims))}"
        return Secret(f"{signed}.{encode(self._sign(signed.encode('ascii')))}")

    def _sign(self, content: bytes) -> bytes:
        if isinstance(self.key, ed25519.Ed25519PrivateKey):
            return self.key.sign(content)
        if isinstance(self.key, rsa.RSAPrivateKey):
            return self.key.sign(content, padding.PKCS1v15(), hashes.SHA256())
        r, s = decode_dss_signature(self.key.sign(content, _ES256))
        return r.to_bytes(32, "big") + s.to_bytes(32, "big")  # fixed width, not DER (RFC 7518 §3.4)


def _members(key: Public) -> dict[str, str]:
    """The required members of a JWK in the order of their names, as a thumbprint wants them."""
    if isinstance(key, ed25519.Ed25519PublicKey):
        return {"crv": "Ed25519", "kty": "OKP", "x": encode(key.public_bytes_raw())}
    if isinstance(key, rsa.RSAPublicKey):
        numbers = key.public_numbers()
        size = (key.key_size + 7) // 8
        return {"e": encode(numbers.e.to_bytes(3, "big")), "kty": "RSA", "n": encode(numbers.n.to_bytes(size, "big"))}
    point = key.public_numbers()
    return {
        "crv": "P-256",
        "kty": "EC",
        "x": encode(point.x.to_bytes(32, "big")),
        "y": encode(point.y.to_bytes(32, "big")),
    }


def _thumbprint(members: Mapping[str, str]) -> str:
    """RFC 7638 §3; for Ed25519 RFC 8037 §2."""
    return encode(hashlib.sha256(orjson.dumps(members)).digest())
