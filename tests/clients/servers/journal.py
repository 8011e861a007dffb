"""What the real servers write down: one JSON line a request, in the shape of ``World.seen``."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterable
from pathlib import Path


class Journal:
    def __init__(self, file: str) -> None:
        self._file, self._lock = Path(file), threading.Lock()

    def note(
        self, method: str, path: str, connection: object, headers: Iterable[tuple[str, str]], length: int = 0
    ) -> None:
        line = {"method": method, "path": path, "connection": str(connection), "headers": list(headers), "length": length,
                "sha256": "", "claims": None}  # fmt: skip
        with self._lock, self._file.open("a") as file:
            file.write(json.dumps(line) + "\n")
