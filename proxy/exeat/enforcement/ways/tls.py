"""TLS between agents and a listener of ours, and the certificate by which an agent is known there (X.509-SVID).

The standard library's TLS: what is intercepted inside is another matter. Must not know: requests, who an agent is.
"""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import final

from cryptography.hazmat.primitives import serialization

from exeat.enforcement.ca import LEAF_LIFE, CertificateAuthority
from exeat.errors import StartError
from exeat.ports import Clock


@final
class ListenerTls:
    """One listener's certificate, renewed while it listens.

    With ``files`` (certificate chain and key) these are read again when they change; without, our own CA signs one for
    ``names``, which lives a day. ``client_ca`` asks agents for a certificate, and demands one when ``demanded``.
    """

    def __init__(
        self,
        authority: CertificateAuthority,
        clock: Clock,
        names: tuple[str, ...],
        *,
        files: tuple[Path, Path] | None = None,
        client_ca: Path | None = None,
        demanded: bool = False,
        protocols: tuple[str, ...] = ("http/1.1",),
    ) -> None:
        self._authority, self._clock = authority, clock
        self._names, self._files = names, files
        self._loaded: object = None
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_2
        self.context.options |= ssl.OP_NO_TICKET | ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION
        self.context.num_tickets = 0  # no session of one agent is ever resumed by another (promise 8)
        self.context.set_alpn_protocols(list(protocols))
        if client_ca is not None:
            self.context.verify_mode = ssl.CERT_REQUIRED if demanded else ssl.CERT_OPTIONAL
            self.context.verify_flags |= ssl.VERIFY_X509_STRICT
            try:
                self.context.load_verify_locations(str(client_ca))
            except (OSError, ssl.SSLError):
                raise StartError(f"{client_ca} holds no usable certificates", "set client_ca to a PEM file") from None
        self.renew()

    def renew(self) -> None:
        """Load a changed or ageing certificate; connections already open keep theirs. Raise StartError when it is unusable."""
        current = self._current()
        if current == self._loaded:
            return
        if self._files is not None:
            self._load(*self._files)
        else:
            self._load_signed()
        self._loaded = current

    def _current(self) -> object:
        """What stays the same while the loaded certificate is good."""
        if self._files is None:
            return int(self._clock.monotonic() / (LEAF_LIFE.total_seconds() / 3))
        try:
            return tuple((file.stat().st_mtime_ns, file.stat().st_size) for file in self._files)
        except OSError as error:
            raise StartError(f"{error.filename}: {error.strerror}", "set certificate and key to PEM files") from None

    def _load_signed(self) -> None:
        """The standard library takes certificates from files only: one that lives in memory, so that no key touches a disk."""
        leaf = self._authority.sign(self._names).public_bytes(serialization.Encoding.PEM)
        key = self._authority.leaf_key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        with os.fdopen(os.memfd_create("listener", os.MFD_CLOEXEC), "wb") as memory:
            memory.write(leaf + key)
            memory.flush()
            file = Path(f"/proc/self/fd/{memory.fileno()}")
            self._load(file, file)

    def _load(self, certificate: Path, key: Path) -> None:
        try:
            self.context.load_cert_chain(str(certificate), str(key), password=_no_password)
        except (OSError, ssl.SSLError) as error:
            why = "don't fit together" if isinstance(error, ssl.SSLError) else error.strerror
            raise StartError(f"{certificate} and {key}: {why}", "give a PEM chain and its unencrypted key") from None


def _no_password() -> str:
    """Asked for an encrypted key; without it OpenSSL would ask on the terminal."""
    return ""
