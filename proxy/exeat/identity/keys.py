"""The keys that passes need, as Protocols: ``credentials.keys`` has them, and must not be known here.

Must not know: files, rotation, any library's key types.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from exeat.model.secret import Secret


class Signs(Protocol):
    """A key that signs; ``credentials.signing.SigningKey`` is one."""

    def token(self, typ: str, claims: Mapping[str, object], /) -> Secret:
        """A compact JWS of these claims."""
        ...


class Verifies(Protocol):
    """A key that verifies; ``credentials.signing.PublicKey`` is one."""

    @property
    def algorithm(self) -> str:
        """The only JWS algorithm of this key."""
        ...

    @property
    def key(self) -> Any:
        """The key as PyJWT takes it."""
        ...

    def header(self, typ: str, /) -> str:
        """The only header segment of its tokens of this type."""
        ...


class Keys(Protocol):
    """Where keys come from; ``credentials.keys.KeyRing`` is one."""

    def current(self) -> Signs:
        """The key to sign with."""
        ...

    def public(self, kid: str, /) -> Verifies | None:
        """The key of this id while it may verify."""
        ...
