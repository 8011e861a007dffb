"""A login by a form, as a person's browser does it.

Must not know: how it is carried out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from exeat.model.issuing import IssuerDetails


@dataclass(frozen=True, slots=True)
class BrowserLogin(IssuerDetails):
    """Where the form is, what goes into it, and how success is told.

    ``fields`` maps form fields to source references, ``values`` to plain text. ``cookie`` is the session's cookie, ``cookies`` what
    has to be sent beside it. ``success_path``, where one is set, is where the redirects after the form must lead.
    """

    login_url: str
    fields: Mapping[str, str]
    cookie: str
    values: Mapping[str, str] = field(default_factory=dict)
    cookies: tuple[str, ...] = ()
    success_path: str = ""
    logout_url: str = ""
    logout_method: str = "POST"

    def secrets(self) -> Sequence[str]:
        """What a person would type."""
        return tuple(self.fields.values())
