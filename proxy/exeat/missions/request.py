"""What somebody wants opened.

Must not know: whether it may be.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from exeat.model.mission import Budget


@dataclass(frozen=True, slots=True)
class OpenRequest:
    """A mission from a template, perhaps narrowed, or an ad hoc one, which needs ``purpose`` and ``owner``.

    ``agents`` are names, or ``environment/name``. ``ttl`` and ``idle`` in seconds; None means the template's, or an hour
    and no bound. With a ``parent`` (a mission's id) it is delegated: what isn't said is the parent's.
    """

    agents: tuple[str, ...]
    template: str = ""
    environment: str = ""
    destinations: tuple[str, ...] = ()
    operations: tuple[str, ...] = ()
    ttl: float | None = None
    purpose: str = ""
    owner: str = ""
    ticket: str = ""
    read_only: bool = False
    labels: Mapping[str, str] = field(default_factory=dict)
    models: tuple[str, ...] = ()
    idle: float | None = None
    budget: Budget = field(default_factory=Budget)
    parent: str = ""
