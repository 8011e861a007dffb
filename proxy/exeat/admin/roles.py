"""Who may do what: five roles, and the permissions each of them has.

Every route names the one permission it needs (``route``); this table says which roles have it, and nothing else does. An
approver doesn't operate and an operator doesn't approve, so that what asks for two people needs two people. Must not know:
routes, how a caller was authenticated.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType


class Permission(StrEnum):
    """What a call needs."""

    READ = "read"
    """See missions, decisions, records, services; ask what would be decided."""
    OPERATE = "operate"
    """Open and change missions."""
    APPROVE = "approve"
    """Answer what a policy holds for a human."""
    ADMINISTER = "administer"
    """Change who may call and what missions may be given: tokens, destinations."""
    SCRAPE = "scrape"
    """Read figures that name nobody."""


class Role(StrEnum):
    """What a caller is."""

    METRICS = "metrics"
    VIEWER = "viewer"
    OPERATOR = "operator"
    APPROVER = "approver"
    ADMIN = "admin"

    def may(self, permission: Permission) -> bool:
        """Whether this role has a permission."""
        return permission in GRANTS[self]


_SEE = frozenset({Permission.READ, Permission.SCRAPE})

GRANTS: Mapping[Role, frozenset[Permission]] = MappingProxyType(
    {
        Role.METRICS: frozenset({Permission.SCRAPE}),
        Role.VIEWER: _SEE,
        Role.OPERATOR: _SEE | {Permission.OPERATE},
        Role.APPROVER: _SEE | {Permission.APPROVE},
        Role.ADMIN: frozenset(Permission),
    }
)
"""The whole table."""
