"""Secrets at rest: sealed so that only this installation opens them, each for one name and one version.

AES-256-GCM (NIST SP 800-38D) under a key that HKDF (RFC 5869) derives from the installation's. Name and version are
authenticated with the value: what was sealed for one entry opens no other, and an old value doesn't pass for a newer
version. A nonce is random; NIST allows 2^32 of them under one key. Must not know: where the key or what is sealed is kept.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from exeat.errors import StartError, UnavailableError
from exeat.model.secret import Secret

_FORMAT = b"\x01"
_ID = 8
_NONCE = 12
_TAG = 16
_HEAD = len(_FORMAT) + _ID + _NONCE
_SHORTEST = 32
"""Bytes of an installation's key: HKDF adds no strength to a short one, and isn't meant for passwords (RFC 5869 §4)."""


@dataclass(frozen=True, slots=True, eq=False)
class SealingKey:
    """One key and the public id by which sealed values say that they are under it."""

    id: bytes
    cipher: AESGCM = field(repr=False)

    @classmethod
    def derive(cls, material: bytes) -> SealingKey:
        """Make it from an installation's key; raise StartError when that is too short."""
        if len(material) < _SHORTEST:
            raise StartError(
                f"the key that secrets are sealed under has fewer than {_SHORTEST} bytes",
                "make one: head -c 32 /dev/urandom | base64",
            )
        return cls(
            _derived(material, b"exeat sealing key id v1", _ID), AESGCM(_derived(material, b"exeat sealing v1", 32))
        )


@final
class Sealer:
    """Seals under the first key and opens under any, so that a key can be replaced."""

    def __init__(self, keys: Sequence[SealingKey]) -> None:
        if not keys:
            raise StartError("there is no key to seal secrets under", "name one: [secrets] key")
        self._current = keys[0]
        self._keys = {key.id: key for key in reversed(keys)}

    def seal(self, name: str, version: int, value: Secret) -> bytes:
        """Seal a value as this version of this name: format, key id, nonce, ciphertext, tag."""
        nonce = os.urandom(_NONCE)
        head = _FORMAT + self._current.id + nonce
        content = value.reveal().encode("utf-8", "surrogateescape")
        return head + self._current.cipher.encrypt(nonce, content, _bound(head, name, version))

    def unseal(self, name: str, version: int, sealed: bytes) -> Secret:
        """Open what was sealed as this version of this name; raise UnavailableError, which quotes nothing, otherwise."""
        if len(sealed) < _HEAD + _TAG or not sealed.startswith(_FORMAT):
            raise UnavailableError(f"the sealed secret {name} is damaged, or a newer version's")
        head, content = sealed[:_HEAD], sealed[_HEAD:]
        key = self._keys.get(head[len(_FORMAT) : -_NONCE])
        if key is None:
            raise UnavailableError(f"the secret {name} is sealed under another key; name it in secrets.previous_keys")
        try:
            opened = key.cipher.decrypt(head[-_NONCE:], content, _bound(head, name, version))
        except InvalidTag:
            raise UnavailableError(f"the sealed secret {name} doesn't fit its name, version or key") from None
        return Secret(opened.decode("utf-8", "surrogateescape"))

    def is_current(self, sealed: bytes) -> bool:
        """Whether a value is sealed under the key that seals now."""
        return sealed.startswith(_FORMAT + self._current.id)


def _derived(material: bytes, purpose: bytes, length: int) -> bytes:
    return HKDF(SHA256(), length, salt=None, info=purpose).derive(material)


def _bound(head: bytes, name: str, version: int) -> bytes:
    """What is authenticated beside the value; the version's width is fixed, so no two pairs read alike."""
    return head + version.to_bytes(8, "big") + name.encode("utf-8", "surrogateescape")
