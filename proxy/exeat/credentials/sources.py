"""Where long-lived secrets lie on this host: the environment, private files, what systemd hands over, commands that print them.

Must not know: what a secret opens. Errors name the reference and the fix, never the content.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import final

from exeat import files
from exeat.credentials.command import output_of
from exeat.credentials.keyring_source import from_keyring
from exeat.errors import StartError
from exeat.model.secret import Secret

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_ELSEWHERE = ("store:", "vault:", "aws-secretsmanager:", "google-secretmanager:")
_CREDENTIAL = re.compile(r"[A-Za-z0-9_@:-][A-Za-z0-9._@:-]{0,254}")
_VALUE = re.compile(r"[!-~](?:[ -~]*[!-~])?")
_PEM = re.compile(r"(?:-----BEGIN [A-Z0-9 ]+-----[\r\n]+(?:[A-Za-z0-9+/=]+[\r\n]+)+-----END [A-Z0-9 ]+-----[\r\n]*)+")
_LONGEST = 64 * 1024
"""Bytes; the longest credentials in use are JWTs and key files of a few KiB, and a header can't carry more."""


@final
class Sources:
    """Read ``env:NAME``, ``file:PATH``, ``systemd:NAME``, ``keyring:SERVICE/USER`` and ``exec:COMMAND ARG…``; implements the SecretSource port.

    Relative paths start at ``base``.
    """

    def __init__(self, base: Path, environ: Mapping[str, str]) -> None:
        self._base = base
        self._environ = environ

    def load(self, reference: str) -> Secret:
        """Return the secret; one newline at the end of a file or of what a command prints is not part of it.

        Raise StartError when there is none, when others could read the file, when the command fails or is late, or
        when it couldn't travel in an HTTP field: it must be one line of printable ASCII without white space at its
        ends (RFC 9110 §5.5), or keys and certificates in PEM (RFC 7468 §2), which never travel there. A command may
        take seconds: call this at start only.
        """
        kind, _, rest = reference.partition(":")
        if kind == "env" and _NAME.fullmatch(rest):
            value = self._environ.get(rest)
            if value is None:
                raise StartError(f"{reference} is not set", f"export {rest} where exeat starts, or use file:PATH")
        elif kind == "file" and rest:
            value = self._read(reference, self._base / rest)
        elif kind == "systemd" and _CREDENTIAL.fullmatch(rest):
            value = self._credential(reference, rest)
        elif kind == "keyring" and all(rest.partition("/")):
            value = from_keyring(reference, *rest.split("/", 1))
        elif kind == "exec" and rest.strip():
            reference = _without_arguments(rest)
            value = self._run(reference, rest)
        else:  # not quoted: it may be the secret itself
            raise StartError(
                "this is not a secret source",
                "write env:NAME, file:PATH, systemd:NAME, keyring:SERVICE/USER or exec:COMMAND",
            )
        return usable(reference, value)

    @staticmethod
    def _read(reference: str, path: Path) -> str:
        try:
            if path.exists() and not path.is_file():
                raise StartError("not a regular file", "name a file that holds the secret alone")
            content = files.read_private(path)
        except StartError as error:
            raise StartError(f"{reference}: {error}", error.hint) from error
        if len(content) > _LONGEST:
            raise StartError(f"{reference} is longer than {_LONGEST} bytes", "name a file that holds the secret alone")
        return _text(content)

    def _credential(self, reference: str, name: str) -> str:
        """A credential of the unit that runs us (systemd.exec(5), "Credentials").

        The folder is the unit's alone. Where systemd gives it away by an ACL, the mode's group bits are that list's mask and
        say nothing of a group, so a private file's check would refuse it.
        """
        folder = self._environ.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise StartError(
                f"{reference}: systemd handed nothing over ($CREDENTIALS_DIRECTORY is not set)",
                f"add LoadCredentialEncrypted={name} to the unit, and start exeat by systemd",
            )
        path = Path(folder) / name
        try:
            if path.stat().st_mode & 0o027:
                raise StartError(f"{reference} can be read by others", "let systemd make that folder")
            content = path.read_bytes()
        except OSError as error:
            raise StartError(
                f"{reference} can't be read: {error.strerror}", f"add LoadCredentialEncrypted={name} to the unit"
            ) from error
        if len(content) > _LONGEST:
            raise StartError(f"{reference} is longer than {_LONGEST} bytes", "hand the secret over alone")
        return _text(content)

    def _run(self, reference: str, written: str) -> str:
        try:
            return _text(output_of(shlex.split(written), self._base, self._environ, _LONGEST))
        except ValueError:  # shlex: its text says no more than this
            raise StartError(f"{reference}: a quotation has no end", "quote as in a shell") from None
        except StartError as error:
            raise StartError(f"{reference}: {error}", error.hint) from None


def is_elsewhere(reference: str) -> bool:
    """Whether somebody else keeps it, or our store does: it can't be read before there is a loop."""
    return reference.startswith(_ELSEWHERE)


def usable(reference: str, value: str) -> Secret:
    """A value as it may be used; raise StartError when it is empty or couldn't travel in a field."""
    if not value:
        raise StartError(f"{reference} is empty", "put the service's shared credential there")
    if not _VALUE.fullmatch(value) and not _PEM.fullmatch(value):
        raise StartError(
            f"{reference} can't be sent in a header",
            "it must be one line of printable ASCII without white space before or after",
        )
    return Secret(value)


def shown(reference: str) -> str:
    """A reference as it may be shown: a command without its arguments, which may hold what opens the place of the secret."""
    return _without_arguments(reference.removeprefix("exec:")) if reference.startswith("exec:") else reference


def _without_arguments(command: str) -> str:
    """How a command is called in messages: its arguments may hold what opens the place where the secret is."""
    program, _, arguments = command.strip().partition(" ")
    return f"exec:{program}{' …' if arguments else ''}"


def _text(content: bytes) -> str:
    """One newline is not part of it. Latin-1 takes every byte, so no error can quote it; load() refuses what isn't ASCII."""
    return content.decode("latin-1").removesuffix("\n").removesuffix("\r")
