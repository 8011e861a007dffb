"""What an installation token must open for one request: one owner, his repositories, and permissions. Pure.

Must not know: networks, keys.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from exeat.errors import RefusalError
from exeat.model.decision import TokenRequest
from exeat.model.issuing.github_app import GitHubApp
from exeat.model.reason import Reason

LEVELS = ("read", "write", "admin")
"""Each includes those before it."""
_UID = re.compile(r'(?:\w+::)*(\w+)::"((?:[^"\\]|\\.)*)"(?: |$)')
_PERMISSION = re.compile(r"([a-z_]+):(read|write|admin)")
_REPOSITORIES, _OWNERS = frozenset({"Repo", "Ref"}), frozenset({"Org"})
"""The resource types of the built-in services whose ids begin with ``owner/repo``, and those that are an owner."""
_PLAIN = re.compile(r"[A-Za-z0-9._-]{1,100}")


@dataclass(frozen=True, slots=True)
class Wanted:
    """``owner`` may be "" and ``repositories`` empty, where a request acts on no single one. All in lower case."""

    owner: str
    repositories: frozenset[str]
    permissions: Mapping[str, str]


def wanted_by(request: TokenRequest, app: GitHubApp) -> Wanted:
    """Return what a request needs; raise RefusalError(TOKEN_UNAVAILABLE) when no token could be narrowed to it."""
    permissions = _permissions(request.scope, app.permissions)
    named = list(_named(request.resource))
    owners = {owner for owner, _ in named if owner}
    if len(owners) > 1:
        raise _unfit("two owners at once: an installation is one owner's")
    repositories = frozenset(name for _, name in named if name)
    if not repositories or any(not name for _, name in named):  # beside a single one, all of them would still be needed
        _check_whole(permissions, app)
        repositories = frozenset()
    return Wanted(next(iter(owners), ""), repositories, permissions)


def _permissions(scope: str, known: Mapping[str, str]) -> Mapping[str, str]:
    needed: dict[str, str] = {}
    for word in (part for each in scope.split() for part in known.get(each, each).split()):
        found = _PERMISSION.fullmatch(word)
        if found is None:
            raise _unfit(f"no permission of an app is known for {word}: write issuer.permissions")
        name, level = found.groups()
        needed[name] = max(needed.get(name, level), level, key=LEVELS.index)
    if not needed:
        raise _unfit("without a permission GitHub would grant all that the app has")
    return needed


def _named(resource: str) -> Iterable[tuple[str, str]]:
    """(owner, repository) of each resource, "" for what it doesn't name."""
    at = 0
    while at < len(resource):
        found = _UID.match(resource, at)
        if found is None:
            raise _unfit("the resource can't be read")
        kind, written = found.groups()
        at = found.end()
        if kind in _REPOSITORIES:
            owner, slash, rest = written.partition("/")
            name = rest.partition("/")[0]
            if not slash or not _PLAIN.fullmatch(owner) or not _PLAIN.fullmatch(name):
                raise _unfit("the resource names no repository")
            yield owner.lower(), name.lower()
        elif kind in _OWNERS and _PLAIN.fullmatch(written):
            yield written.lower(), ""
        else:
            yield "", ""


def _check_whole(permissions: Mapping[str, str], app: GitHubApp) -> None:
    """A token for no single repository opens all of them, as far as its permissions are about repositories at all."""
    reaching = [
        name
        for name, level in permissions.items()
        if not (name.startswith("organization_") or name == "members" or (name, level) == ("metadata", "read"))
    ]
    if reaching and not app.whole_installation:
        raise _unfit(f"{', '.join(sorted(reaching))} would hold for all repositories of the installation")


def _unfit(why: str) -> RefusalError:
    return RefusalError(Reason.TOKEN_UNAVAILABLE, why)
