"""``keyring:SERVICE/USER``: a secret in the keyring of the user who runs us (Secret Service, KWallet, macOS, Windows).

The package ``keyring`` is not one of our dependencies: a server has no keyring, and a desktop that has one installs it. Must not
know: what the secret opens.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from exeat.errors import StartError


def from_keyring(reference: str, service: str, user: str) -> str:
    """Return the password of a user at a service; raise StartError when there is none, or no keyring."""
    try:
        keyring: Any = import_module("keyring")
    except ImportError:
        raise StartError(f"{reference}: the package keyring isn't installed", "pip install keyring") from None
    try:
        found = keyring.get_password(service, user)
    except Exception as error:  # noqa: BLE001 a backend's own, of any kind; its text may quote what it holds
        raise StartError(
            f"{reference}: the keyring can't be used: {type(error).__name__}", "unlock it, or use another source"
        ) from None
    if not isinstance(found, str):
        raise StartError(f"{reference} is not in the keyring", f"keyring set {service} {user}")
    return found
