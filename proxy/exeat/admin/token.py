"""The admin token: a file that only its owner can read.

Must not know: who compares it.
"""

from __future__ import annotations

import re
import secrets
from pathlib import Path

from exeat.errors import StartError
from exeat.files import load_or_create
from exeat.model.secret import Secret

_TOKEN = re.compile(rb"[!-~]{32,512}\n?")
"""One word; 32 characters are the least that can't be guessed. Our own have 43: 32 random bytes."""


def load_or_create_token(path: Path) -> Secret:
    """Return the token in a file, made at first start.

    Raise StartError when others can read the file, or when it holds anything but one long word.
    """
    content = load_or_create(path, lambda: secrets.token_urlsafe(32).encode() + b"\n")
    if not _TOKEN.fullmatch(content):
        raise StartError(f"{path} doesn't hold an admin token", f"remove it, and a new one is made: rm {path}")
    return Secret(content.decode().rstrip("\n"))
