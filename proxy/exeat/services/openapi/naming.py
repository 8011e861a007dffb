"""From an endpoint to an operation's template, action and group, by rules that are few enough to read.

A group is never milder than the method's: words only make it graver. Must not know: resources, files, what exists already.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from exeat.model.service import Group
from exeat.services.openapi.document import Endpoint
from exeat.services.templates import parse_template

DELETING = frozenset({"delete", "remove", "destroy", "purge", "erase", "drop", "wipe", "empty"})
"""Words of an operationId or of the path's last part that make a write a delete."""
ADMINISTERING = frozenset(
    {
        "access", "acl", "admin", "admins", "apikey", "apikeys", "app", "application", "applications", "apps", "audit",
        "auth", "authorizations", "billing", "blocks", "budgets", "bypass", "bypasses", "collaborators", "credential",
        "credentials", "emails", "enterprise", "enterprises", "environments", "grants", "hook", "hooks", "installation",
        "installations", "invitations", "invites", "keys", "limit", "limits", "members", "memberships", "oauth", "oidc",
        "owners", "permission", "permissions", "policies", "policy", "properties", "protection", "registries",
        "restrictions", "role", "roles", "rotate", "rule", "rules", "rulesets", "runner", "runners", "saml", "scim",
        "secrets", "security", "settings", "setup", "sso", "suspend", "suspended", "team", "teams", "token", "tokens",
        "transfer", "variables", "visibility", "webhook", "webhooks",
    }
)  # fmt: skip
"""Words of a path's literal parts that make any change an admin's: who may do what, and where secrets and code come from."""
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_UNFIT = re.compile(r"[^a-z0-9._/-]+")
_BRACES = re.compile(r"\{([^{}]*)\}")
_WORDS = re.compile(r"[a-z0-9]+")
_EDGES = "-/._"
_GRAVE = (Group.READ, Group.WRITE, Group.DELETE, Group.ADMIN)


def graver(first: Group, second: Group) -> Group:
    """The graver of two groups."""
    return max(first, second, key=_GRAVE.index)


def group_of(endpoint: Endpoint) -> Group:
    """What an endpoint does: its method's group, made graver by the words of its path, tag and operationId."""
    if endpoint.method in ("GET", "HEAD", "OPTIONS"):
        return Group.READ
    group = Group.DELETE if endpoint.method == "DELETE" else Group.WRITE
    literals = [part for part in endpoint.path.split("/") if part and "{" not in part]
    last = _kebab(literals[-1]) if literals else ""
    words = set(_WORDS.findall(_kebab(endpoint.operation_id.rpartition("/")[2]))) | set(_WORDS.findall(last))
    if words & DELETING:
        group = graver(group, Group.DELETE)
    parts = {word for literal in literals for word in _WORDS.findall(_kebab(literal))}
    return Group.ADMIN if parts & ADMINISTERING or _kebab(endpoint.tag) in ADMINISTERING else group


def action_of(endpoint: Endpoint) -> str:
    """The action's name: the operationId in lower case with dashes, under its tag; else the tag or path, and the method."""
    name = _kebab(endpoint.operation_id).strip(_EDGES)
    tag = _kebab(endpoint.tag).replace("/", "-").strip(_EDGES)
    if not name:
        literals = "-".join(part for part in endpoint.path.split("/") if part and "{" not in part)
        name = f"{tag or _kebab(literals).replace('/', '-').strip(_EDGES) or 'root'}/{endpoint.method.lower()}"
    elif "/" not in name and tag:
        name = f"{tag}/{name}"
    if name in Group or name.startswith("unlisted/"):
        name = f"operations/{name.replace('/', '-')}"
    return name[:128].rstrip(_EDGES)


def _kebab(text: str) -> str:
    return _UNFIT.sub("-", _CAMEL.sub("-", text).lower())


def template_of(endpoint: Endpoint) -> str:
    """The path as a template; raise ValueError when it can't be one.

    Captures get names in lower case; a part that is only partly a capture is taken as a whole one.
    """
    path, sign, query = endpoint.path.partition("?")
    pieces = path[1:].split("/") if path != "/" else []
    used: set[str] = set()
    parts = [_part(piece, index == len(pieces) - 1, endpoint.deep, used) for index, piece in enumerate(pieces)]
    template = "/" + "/".join(parts)
    parse_template(template)
    return template + sign + query


def _part(piece: str, last: bool, deep: frozenset[str], used: set[str]) -> str:
    written = _BRACES.findall(piece)
    if not written:
        return piece
    whole = _BRACES.fullmatch(piece) is not None
    name = _fresh("_".join(written) if len(written) > 1 else written[0], used)
    if verb := re.fullmatch(r"(@?)\{[^{}]*\}([:.][A-Za-z][A-Za-z0-9_-]*)?", piece):
        if whole and last and written[0] in deep:
            return f"{{{name}...}}"
        return f"{verb[1]}{{{name}}}{verb[2] or ''}"
    return f"{{{name}...}}" if last and deep.intersection(written) else f"{{{name}}}"


def _fresh(written: str, used: set[str]) -> str:
    name = re.sub(r"[^a-z0-9_]+", "_", _CAMEL.sub("_", written).lower()).strip("_") or "part"
    name = (name if name[0].isalpha() else f"p_{name}")[:30]
    fresh = next(each for each in _numbered(name) if each not in used)
    used.add(fresh)
    return fresh


def _numbered(name: str) -> Iterable[str]:
    yield name
    for number in range(2, 40):
        yield f"{name[:28]}{number}"
