"""``vault:MOUNT/PATH#FIELD``: a field of a KV engine, of either version.

Each look logs in anew and gives the login back: between two looks nothing opens the vault. Must not know: what a secret opens.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import final

from exeat.credentials.held import Current
from exeat.credentials.vault.client import VaultClient
from exeat.credentials.vault.kv import read_field
from exeat.credentials.vault.login import Login, Logins, check_login
from exeat.errors import ExeatError, RefusalError
from exeat.model.issuing.vault import VaultLogin


@final
class VaultSource:
    """Implements ``source.RemoteSource``."""

    def __init__(self, client: VaultClient, logins: Logins, place: VaultLogin) -> None:
        self._client = client
        self._logins = logins
        self._place = place

    async def fetch(self, names: Sequence[str]) -> Mapping[str, Current | ExeatError]:
        """Read all of them under one login; raise RefusalError when there is none."""
        login = await self._logins.begin(self._place)
        try:
            check_login(login)
            return {name: await self._read(login, name) for name in names}
        finally:
            with suppress(RefusalError):
                await self._logins.end(self._place, login.token)

    async def _read(self, login: Login, name: str) -> Current | ExeatError:
        path, _, field = name.rpartition("#")
        try:
            return Current(await read_field(self._client, login, path, field))
        except RefusalError as error:
            return error
