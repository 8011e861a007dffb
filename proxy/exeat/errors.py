"""The error tree: one root, one leaf per cause, each with a stable code, an HTTP status and a hint.

    ExeatError
    ├── RefusalError             carries a Reason: raised by a port, becomes a refusal of the request
    ├── FindingsError            carries every finding of a check, with file, line and fix
    │   ├── ConfigurationError       exit code 2
    │   └── PolicyError              exit code 3
    ├── AdminError               an answer of the admin API
    │   ├── NotAuthenticatedError    401, exit code 4
    │   ├── NotFoundError            404
    │   ├── InvalidRequestError      422
    │   ├── CeilingError             403: a mission would exceed what admins allow
    │   └── ConflictError            409: the mission's state doesn't allow this
    ├── UnavailableError         store or audit can't be reached, exit code 6
    └── StartError               refused to start, with the fix; exit code 2

Anything that reaches the enforcement point and is not a RefusalError is refused as ``internal_error``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from exeat.model.reason import EXPLANATIONS, Reason


class ExeatError(Exception):
    """Root of everything Exeat raises on purpose."""

    code: ClassVar[str] = "error"
    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1

    def __init__(self, message: str = "", hint: str = "") -> None:
        super().__init__(message)
        self._hint = hint

    @property
    def hint(self) -> str:
        """What to do about it."""
        return self._hint


class RefusalError(ExeatError):
    """A port refuses: ``reason`` reaches the agent, ``detail`` only the record and the log."""

    def __init__(self, reason: Reason, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else str(reason))
        self.reason = reason
        self.detail = detail

    @property
    def hint(self) -> str:
        """The fixed text for the agent."""
        return EXPLANATIONS[self.reason].hint


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing wrong with an input: where, what, and how to mend it."""

    file: str
    message: str
    line: int = 0
    column: int = 0
    field: str = ""
    fix: str = ""
    warning: bool = False

    def __str__(self) -> str:
        where = self.file + (f":{self.line}" if self.line else "") + (f":{self.column}" if self.column else "")
        what = f"{self.field}: {self.message}" if self.field else self.message
        return f"{where}: {what}" + (f" ({self.fix})" if self.fix else "")


class FindingsError(ExeatError):
    """An input was refused; ``findings`` holds everything wrong with it, not just the first."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        self.findings = tuple(findings)
        super().__init__("\n".join(map(str, self.findings)))


class ConfigurationError(FindingsError):
    """The configuration or a service file is wrong."""

    code = "configuration_invalid"
    exit_code = 2


class PolicyError(FindingsError):
    """The policy bundle is wrong; a running proxy keeps the old one."""

    code = "policy_invalid"
    exit_code = 3


class AdminError(ExeatError):
    """Something the admin API answers with an RFC 9457 problem."""


class NotAuthenticatedError(AdminError):
    """No valid admin token was shown."""

    code = "not_authenticated"
    status = 401
    exit_code = 4


class NotFoundError(AdminError):
    """No such mission, agent, template or decision."""

    code = "not_found"
    status = 404


class InvalidRequestError(AdminError):
    """A field is missing or wrong."""

    code = "invalid_request"
    status = 422
    exit_code = 2


class CeilingError(AdminError):
    """The mission would exceed a ceiling."""

    code = "ceiling_exceeded"
    status = 403
    exit_code = 5


class ConflictError(AdminError):
    """The mission's state doesn't allow the change."""

    code = "conflict"
    status = 409


class UnavailableError(ExeatError):
    """The store, the audit log or the admin API can't be reached."""

    code = "unavailable"
    status = 503
    exit_code = 6


class StartError(ExeatError):
    """The proxy refuses to start; the message says what is wrong, the hint how to mend it."""

    code = "start_refused"
    exit_code = 2
