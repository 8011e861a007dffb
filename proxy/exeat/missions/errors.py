"""Refusals of the control plane that name every wrong field.

Must not know: how an answer is rendered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from exeat.errors import CeilingError, InvalidRequestError


@dataclass(frozen=True, slots=True)
class FieldError:
    """One field and what is wrong with it; ``field`` as in ``destinations[0]``."""

    field: str
    message: str

    def __str__(self) -> str:
        return f"{self.field}: {self.message}" if self.field else self.message


class InvalidFieldsError(InvalidRequestError):
    """Fields are missing or wrong; ``errors`` names them all."""

    def __init__(self, errors: Sequence[FieldError], hint: str = "") -> None:
        super().__init__("; ".join(map(str, errors)), hint)
        self.errors = tuple(errors)


class CeilingExceededError(CeilingError):
    """The mission would exceed what admins allow; ``errors`` names every excess."""

    def __init__(self, errors: Sequence[FieldError], hint: str = "Ask a network admin, or ask for less.") -> None:
        super().__init__("; ".join(map(str, errors)), hint)
        self.errors = tuple(errors)
