"""The policies behind a decision, as they stand in the folder now.

A record names each by ``file:line id``; the text is today's, so whether the file was written since is told with it. Must
not know: how a decision is shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from exeat.config.loading import Loaded
    from exeat.policy.values import ParsedPolicy

_LABEL = re.compile(r"(?P<file>[^:/\\]+):(?P<line>[0-9]{1,9}) (?P<id>.*)", re.DOTALL)
_BUILTIN = ("base.cedar", "grant.cedar")


@dataclass(frozen=True, slots=True)
class Deciding:
    """One policy that decided: ``where`` as ``path:line``, its text now, and what to mind about it (``""``: nothing)."""

    label: str
    where: str = ""
    text: str = ""
    note: str = ""


def deciding(decision: Mapping[str, Any], loaded: Loaded) -> list[Deciding]:
    """The policies that a decision record names. Never raises for what the folder holds."""
    from exeat.policy.parse import read_builtin, read_folder

    labels = decision.get("policies")
    if not isinstance(labels, list) or not labels:
        return []
    folder = None if loaded.settings.policy.path is None else loaded.path(loaded.settings.policy.path)
    known = [] if folder is None else read_folder(folder).policies
    builtin = [policy for name in _BUILTIN for policy in read_builtin(name).policies]
    return [_found(str(label), [*known, *builtin], decision) for label in labels]


def _found(label: str, policies: list[ParsedPolicy], decision: Mapping[str, Any]) -> Deciding:
    match = _LABEL.fullmatch(label)
    if match is None:
        return Deciding(label)
    same = [policy for policy in policies if policy.info.id == match["id"]]
    policy = next((policy for policy in same if policy.info.file == match["file"]), same[0] if same else None)
    if policy is None:
        return Deciding(label, note="it isn't there any more: the policies changed since this decision")
    if policy.builtin:
        return Deciding(label, f"built-in {policy.info.file}:{policy.info.line}", policy.info.text)
    note = ""
    if policy.info.label != label:
        note = "it stands elsewhere now: the policies changed since this decision"
    elif _written_after(Path(policy.path), str(decision.get("time", ""))):
        note = "the file was written after this decision; this is its text now"
    return Deciding(label, f"{policy.path}:{policy.info.line}", policy.info.text, note)


def _written_after(path: Path, time: str) -> bool:
    """Whether a file is newer than an RFC 3339 time; True when that can't be told."""
    try:
        return path.stat().st_mtime > datetime.fromisoformat(time).timestamp()
    except (OSError, ValueError):
        return True
