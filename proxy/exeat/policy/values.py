"""What the policy package is told and what it hands out.

Must not know: how any of it is read or checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from exeat.decision.engine import Engine
from exeat.errors import Finding
from exeat.policy.source import position


@dataclass(frozen=True, slots=True)
class SchemaNames:
    """Names an admin configures. They become enumerated entities, so that a policy with a misspelt one is refused."""

    environments: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    templates: frozenset[str] = frozenset()
    approvers: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PolicyInfo:
    """A policy for people: its ``@id``, ``permit`` or ``forbid``, and where it stands. ``file`` is the file's name."""

    id: str
    effect: str
    file: str
    line: int
    annotations: Mapping[str, str]
    text: str

    @property
    def label(self) -> str:
        """How records and refusals name it."""
        return f"{self.file}:{self.line} {self.id}"


@dataclass(frozen=True, slots=True)
class ParsedPolicy:
    """A policy as Cedar read it. ``path`` is the file as findings name it; ``json`` is Cedar's own rendering."""

    info: PolicyInfo
    path: str
    json: Mapping[str, Any]
    builtin: bool = False
    column: int = 1

    def finding(self, message: str, *, fix: str = "", warning: bool = False, at: tuple[int, int] = (0, 0)) -> Finding:
        """A finding at this policy; ``at`` is a line and column inside its own text, both from 1."""
        line = self.info.line + max(at[0] - 1, 0)
        column = at[1] + self.column - 1 if at[0] == 1 else at[1]
        return Finding(self.path, message, line, column, field=self.info.id, fix=fix, warning=warning)

    def finding_at(self, offset: int | None, message: str, *, fix: str = "", warning: bool = False) -> Finding:
        """A finding at an offset of this policy's text; at its beginning when that is None."""
        at = position(self.info.text, offset) if offset is not None else (0, 0)
        return self.finding(message, fix=fix, warning=warning, at=at)


@dataclass(frozen=True, slots=True)
class Bundle:
    """One moment's policies, checked and ready. ``version`` is the engine's."""

    engine: Engine
    version: str
    policies: tuple[PolicyInfo, ...]
    warnings: tuple[Finding, ...]
    schema_text: str = field(repr=False)
