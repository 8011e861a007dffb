"""Faults and facts below the product: what ``inside/sitecustomize.py`` does in the serving process."""

from __future__ import annotations

import json
import os
from pathlib import Path

from rig.config import Config

_INSIDE = Path(__file__).parent / "inside"


class World:
    """Put into a configuration with ``install``; switch faults on and off while it serves.

    ``names`` are all names that resolve; ``divert`` maps ``address:port`` to where a connection really goes.
    """

    def __init__(
        self, folder: Path, *, names: dict[str, list[str]] | None = None, divert: dict[str, str] | None = None,
        mint: bool = False, ports: bool = False, engine: bool = False,
    ) -> None:  # fmt: skip
        self._dials = folder / "dials"
        self._full, self._slow = folder / "full-disk", folder / "slow-mint"
        self._waiting = folder / "slow-mint.waiting"
        self._fault, self._struck, self._engine = folder / "fault", folder / "fault.struck", folder / "engine-fault"
        self._world = {
            "dials": str(self._dials), "names": names or {}, "divert": divert or {}, "full_disk": str(self._full),
        } | ({"slow_mint": str(self._slow)} if mint else {}) | ({"ports": str(self._fault)} if ports else {}) | (
            {"engine": str(self._engine)} if engine else {}
        )  # fmt: skip

    def install(self, config: Config) -> None:
        """Have the next ``serve`` of this configuration load it."""
        path = os.pathsep.join(filter(None, (str(_INSIDE), os.environ.get("PYTHONPATH"))))
        config.environ |= {"RIG_INSIDE": json.dumps(self._world), "PYTHONPATH": path}

    def dials(self) -> list[str]:
        """Lookups and connections so far, in order: ``lookup NAME``, ``connect ('127.0.0.1', 1)``."""
        return self._dials.read_text().splitlines() if self._dials.exists() else []

    def full_disk(self, on: bool) -> None:
        """Let every write to the audit fail, or work again."""
        self._full.touch() if on else self._full.unlink(missing_ok=True)

    def slow_mint(self, on: bool) -> None:
        """Let every mint wait, or go on."""
        self._waiting.unlink(missing_ok=True)
        self._slow.touch() if on else self._slow.unlink(missing_ok=True)

    def fault(self, port: str, mode: str) -> None:
        """Let one port fail from now on, as ``inside/port_faults.py`` lists it."""
        self._fault.with_suffix(".new").write_text(f"{port} {mode}")
        self._fault.with_suffix(".new").rename(self._fault)

    def struck(self) -> list[str]:
        """``PORT MODE`` for each time that a fault struck."""
        return self._struck.read_text().splitlines() if self._struck.exists() else []

    def heal(self) -> None:
        """Let everything work again."""
        self.full_disk(False)
        self.slow_mint(False)
        self._fault.unlink(missing_ok=True)

    def minting(self) -> bool:
        """Whether a mint has begun to wait since they were last told to."""
        return self._waiting.exists()

    def engine_fault(self, kind: str) -> None:
        """Let the policy engine answer in one of the ways of ``inside/sitecustomize.py``; as it should when empty."""
        self._engine.write_text(kind) if kind else self._engine.unlink(missing_ok=True)
