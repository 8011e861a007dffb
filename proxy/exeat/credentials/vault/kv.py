"""One field of a KV engine, of either version: which one a path lies in is asked first, as Vault's own client does.

Must not know: what the field opens.
"""

from __future__ import annotations

from exeat.credentials.vault.client import VaultClient, unavailable
from exeat.credentials.vault.login import Login
from exeat.model.secret import Secret


async def read_field(client: VaultClient, login: Login, path: str, field: str) -> Secret:
    """Return a field as it is now; raise RefusalError(TOKEN_UNAVAILABLE) when there is none that is a text."""
    mount, version = await _mount(client, login, path)
    below = path[len(mount) :]
    answer = await client.call(login.place, "GET", f"{mount}data/{below}" if version == 2 else path, login.token)
    if answer.status != 200:
        raise unavailable(f"refused to read {path} ({answer.status})")
    fields = answer.section("data")
    found = (fields.get("data") if version == 2 else fields) or {}
    value = found.get(field) if isinstance(found, dict) else None
    if not isinstance(value, str) or not value:
        raise unavailable(f"holds no text {field!r} at {path}")
    return Secret(value)


async def _mount(client: VaultClient, login: Login, path: str) -> tuple[str, int]:
    """The engine that a path lies in, with the slash at its end, and its version."""
    answer = await client.call(login.place, "GET", f"sys/internal/ui/mounts/{path}", login.token)
    data = answer.section("data")
    mount, options = data.get("path"), data.get("options")
    if answer.status != 200 or not isinstance(mount, str) or not path.startswith(mount) or not mount.endswith("/"):
        raise unavailable(f"knows no KV engine at {path} that this login may read ({answer.status})")
    return mount, 2 if isinstance(options, dict) and options.get("version") == "2" else 1
