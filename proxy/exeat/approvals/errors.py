"""Why somebody's word isn't taken.

Must not know: how an answer is rendered.
"""

from __future__ import annotations

from typing import ClassVar

from exeat.errors import AdminError, NotAuthenticatedError


class ApproverError(AdminError):
    """Whoever asks may not decide this: no member of a group that is asked, or the requester."""

    code: ClassVar[str] = "not_an_approver"
    status: ClassVar[int] = 403
    exit_code: ClassVar[int] = 5


class SignatureError(NotAuthenticatedError):
    """A webhook isn't signed by anybody we know, or not now."""

    code: ClassVar[str] = "signature_invalid"


class ReplayedError(AdminError):
    """A webhook that was taken before."""

    code: ClassVar[str] = "replayed"
    status: ClassVar[int] = 409
