"""What ``exeat run --jail`` asks of a jail: whose it is, and what it must not show.

Must not know: how a jail is built.
"""

from __future__ import annotations

import os
import pwd
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from exeat.errors import StartError
from exeat.jail.launch import Jail
from exeat.jail.plan import Plan

if TYPE_CHECKING:
    from exeat.config.loading import Loaded

_PUBLIC = ("ca.pem", "ca-bundle.pem", "ca-truststore.p12", "wgetrc")
"""Of the state folder: what clients must read."""
_SQLITE = ("", "-wal", "-shm", "-journal")


def prepared(loaded: Loaded, user: str) -> Plan:
    """The plan of a jail that was seen to be possible; raise StartError with the reason and what to do."""
    state = loaded.path(loaded.settings.state.path)
    shown = tuple(str(state / name) for name in _PUBLIC if _is_there(state / name))
    hidden = tuple(dict.fromkeys(str(path) for path in _secrets(loaded, state) if _is_there(path)))
    plan = Plan("127.0.0.1", 0, _become(user), hidden, shown)
    Jail(plan).check()
    return plan


def jail_at(plan: Plan, opened: Mapping[str, Any]) -> Jail:
    """The jail for one mission: its way out is the proxy that the mission names."""
    where = urlsplit(str(opened["proxy_url"]))
    return Jail(replace(plan, host=where.hostname or "127.0.0.1", port=where.port or 0))


def variables_of(plan: Plan) -> dict[str, str]:
    """What tells the jail's user who it is; nothing when it stays the caller."""
    if plan.become is None:
        return {}
    try:
        entry = pwd.getpwuid(plan.become[0])
    except KeyError:
        return {"HOME": "/", "USER": str(plan.become[0]), "LOGNAME": str(plan.become[0])}
    return {"HOME": entry.pw_dir, "USER": entry.pw_name, "LOGNAME": entry.pw_name, "SHELL": entry.pw_shell}


def _become(user: str) -> tuple[int, int] | None:
    if os.geteuid() != 0:
        if user and user not in (str(os.geteuid()), pwd.getpwuid(os.geteuid()).pw_name):
            raise StartError("only root can run a command as somebody else", "leave --user out, or use sudo")
        return None
    if not user:
        raise StartError(
            "a jail doesn't hold root, to whom the machine's files belong", "name the agent's own user: --user NAME"
        )
    try:
        entry = pwd.getpwuid(int(user)) if user.isdecimal() else pwd.getpwnam(user)
        found = (entry.pw_uid, entry.pw_gid)
    except KeyError:
        if not user.isdecimal():
            raise StartError(f"there is no user {user!r}", "see: getent passwd") from None
        found = (int(user), int(user))
    if 0 in found:
        raise StartError("a jail doesn't hold root, nor its group", "name the agent's own user: --user NAME")
    return found


def _secrets(loaded: Loaded, state: Path) -> Iterator[Path]:
    """Files of ours that the command has no business with; some it could read, being the same user."""
    yield state
    yield loaded.path(loaded.settings.audit.path)
    yield loaded.path(loaded.settings.admin.token_file)
    url = loaded.settings.store.url
    if url.startswith("sqlite:///"):
        database = loaded.path(Path(url.removeprefix("sqlite:///")))
        yield from (database.with_name(database.name + suffix) for suffix in _SQLITE)
    for source in _sources(loaded.settings.model_dump()):
        yield loaded.path(Path(source.removeprefix("file:")))


def _sources(value: object) -> Iterator[str]:
    """Every secret source in the settings that is a file."""
    if isinstance(value, str) and value.startswith("file:"):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from _sources(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from _sources(each)


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError:  # not ours to read, so not the command's either
        return False
