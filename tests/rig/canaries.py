"""Secrets that are recognised wherever they turn up: raw, base64 at any alignment, base64url, hex, percent, JSON-escaped."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key


def forms(secret: bytes) -> set[bytes]:
    """Every form of one secret; written anew here, so that the product's own list isn't its own judge."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode(), quote(secret, safe="").encode()}
    text = secret.decode("latin-1")
    found |= {json.dumps(text)[1:-1].encode(), json.dumps(text)[1:-1].replace("/", "\\/").encode()}
    for encode in (base64.standard_b64encode, base64.urlsafe_b64encode):
        for before in range(3):
            text64 = encode(b"\0" * before + secret)
            found.add(text64[4 if before else 0 : len(text64) // 4 * 4 - 4])
    return {form for form in found if len(form) >= 12}


def in_state(folder: Path) -> dict[str, bytes]:
    """The secrets in the state folder, by file: raw keys, and of PEM the private number."""
    found: dict[str, bytes] = {}
    for file in sorted(each for each in folder.rglob("*") if each.is_file()):
        content, name = file.read_bytes(), str(file.relative_to(folder))
        if b"PRIVATE KEY" in content:
            key: Any = load_pem_private_key(content, None)
            curve = isinstance(key, EllipticCurvePrivateKey)
            found[name] = key.private_numbers().private_value.to_bytes(32) if curve else key.private_bytes_raw()
        elif file.suffix == ".key":
            found[name] = content
    return found


def search(
    secrets: dict[str, bytes], outputs: dict[str, bytes], allowed: set[tuple[str, str]] = frozenset()
) -> list[str]:
    """``secret in output`` for each that was found where it may not be; ``allowed`` holds (secret, output) pairs."""
    return [
        f"{name} in {where}"
        for name, secret in secrets.items()
        for where, output in outputs.items()
        if (name, where) not in allowed and any(form in output for form in forms(secret))
    ]
