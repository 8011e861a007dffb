"""What the outside tells the inside, and what comes back.

Must not know: how either does it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Plan:
    """One jail. ``host`` and ``port`` are the proxy's, the same inside as outside.

    ``become`` is the user and group to run as, for root alone; else the caller's own. ``hidden`` and ``shown`` are
    absolute paths (``mounts``). With ``probe`` everything is built and nothing run.
    """

    host: str
    port: int
    become: tuple[int, int] | None = None
    hidden: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    probe: bool = False

    def write(self) -> str:
        """As one argument of a command line; it holds no secret."""
        return json.dumps(asdict(self))

    @classmethod
    def read(cls, text: str) -> Self:
        """What ``write`` wrote."""
        fields = json.loads(text)  # noqa: TID251 our own words, where there is only the standard library
        for name in ("hidden", "shown"):
            fields[name] = tuple(fields[name])
        if fields["become"] is not None:
            fields["become"] = tuple(fields["become"])
        return cls(**fields)


class JailError(Exception):
    """The jail can't be built: ``what`` failed, and what to do about it."""

    def __init__(self, what: str, fix: str = "") -> None:
        super().__init__(what)
        self.fix = fix


READY, GO, FAILED = b"ready", b"go", b"failed "
"""The command waits, with its process id in the credentials · it may start · why not, as JSON behind it."""
