"""Opened missions kept for whoever opened them: one private file each, in the state folder, gone with the mission.

Only a user who may read the signing keys beside them can read these. Must not know: what a pass is.
"""

from __future__ import annotations

import re
import time
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from exeat.errors import StartError
from exeat.files import private_folder, write_private

if TYPE_CHECKING:
    from exeat.config.loading import Loaded

_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")


def _folder(loaded: Loaded) -> Path:
    return loaded.path(loaded.settings.state.path) / "passes"


def keep(loaded: Loaded, answer: dict[str, Any]) -> Path:
    """Write an answer of ``mission open`` to its file and return the file; ones that must have expired are removed.

    Raise StartError when the folder isn't ours alone or can't be written.
    """
    folder = _folder(loaded)
    mission = str(answer["mission"])
    file = folder / f"{mission if _ID.fullmatch(mission) else 'mission'}.json"
    try:
        private_folder(folder.parent)
        private_folder(folder)
        _prune(folder, loaded.settings.ceilings.longest_life)
        write_private(file, orjson.dumps(answer))
    except OSError as error:
        raise StartError(
            f"the pass can't be kept in {folder}: {error.strerror}", "use --json, --shell or --show-pass"
        ) from None
    return file


def _prune(folder: Path, longest_life: float) -> None:
    for file in folder.glob("*.json"):
        with suppress(OSError):
            if file.stat().st_mtime < time.time() - longest_life:
                file.unlink()


def forget(loaded: Loaded, mission: str) -> None:
    """Remove a mission's file, if there is one."""
    if _ID.fullmatch(mission):
        with suppress(OSError):
            (_folder(loaded) / f"{mission}.json").unlink(missing_ok=True)
