"""What may stand in a path or a query: declared once, checked and described from that.

Must not know: which call they are for.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, final

from multidict import MultiMapping

from exeat.errors import NotFoundError
from exeat.missions.errors import FieldError, InvalidFieldsError
from exeat.missions.ids import MISSION_ID

_LONGEST = 256
"""Characters of a value without a pattern."""


@final
@dataclass(frozen=True, slots=True)
class Text:
    """A text of one shape. Where ``pattern`` is left out, anything printable of reasonable length."""

    name: str
    summary: str
    pattern: str = ""
    wrong: str = "has a shape that no such value has"

    def read(self, text: str) -> str:
        """Return the value; raise InvalidFieldsError for one of another shape."""
        fits = re.fullmatch(self.pattern, text) if self.pattern else len(text) <= _LONGEST
        if not fits:
            raise InvalidFieldsError([FieldError(self.name, self.wrong)])
        return text

    @property
    def default(self) -> None:
        """There is none."""
        return

    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        shape = {"pattern": f"^(?:{self.pattern})$"} if self.pattern else {"maxLength": _LONGEST}
        return {"type": "string", **shape}


@final
@dataclass(frozen=True, slots=True)
class Number:
    """A whole number from 1 to ``most``."""

    name: str
    summary: str
    default: int
    most: int

    def read(self, text: str) -> int:
        """Return the value; raise InvalidFieldsError for anything else."""
        if not (text.isascii() and text.isdigit() and len(text) <= 9 and 1 <= int(text) <= self.most):
            raise InvalidFieldsError([FieldError(self.name, f"write a number from 1 to {self.most}")])
        return int(text)

    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        return {"type": "integer", "minimum": 1, "maximum": self.most, "default": self.default}


Parameter = Text | Number


@final
@dataclass(frozen=True, slots=True)
class Segment:
    """``{name}`` in a path. What has another shape names nothing, and is never looked up."""

    name: str
    what: str
    pattern: str
    hint: str = ""

    def read(self, text: str) -> str:
        """Return the value; raise NotFoundError for one of another shape."""
        if not re.fullmatch(self.pattern, text):
            raise NotFoundError(f"that is not a {self.what}", self.hint)
        return text

    @property
    def summary(self) -> str:
        """What it is."""
        return f"A {self.what}."

    def schema(self) -> Mapping[str, Any]:
        """As JSON Schema."""
        return {"type": "string", "pattern": f"^{self.pattern}$"}


LIMIT = Number("limit", "How many at most.", 100, 1000)
MISSION = Segment("id", "mission id", MISSION_ID.pattern, "Mission ids look like m_ and 26 letters and digits.")


def read_query(
    query: MultiMapping[str], declared: Sequence[Parameter], *, others: bool = False
) -> dict[str, str | int]:
    """Return every declared parameter that is given or has a default.

    Raise InvalidFieldsError for one that isn't declared (unless there may be ``others``), is given twice, or has another
    shape.
    """
    known = {each.name: each for each in declared}
    for name in query:
        if name not in known and others:
            continue
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            message = f"unknown parameter; did you mean {close[0]!r}?" if close else "unknown parameter"
            raise InvalidFieldsError([FieldError(name[:64], message)])
        if len(query.getall(name)) > 1:
            raise InvalidFieldsError([FieldError(name, "given twice")])
    found: dict[str, str | int] = {each.name: each.default for each in declared if each.default is not None}
    return found | {name: known[name].read(query[name]) for name in query if name in known}
