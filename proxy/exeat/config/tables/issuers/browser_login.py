"""``kind = "browser_login"``: a session of a site that has nothing but a login form.

Must not know: other kinds.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import Field

from exeat.config.tables.issuers.base import IssuerTable
from exeat.config.values import Duration, ServerUrl, SourceReference
from exeat.model.issuing import Grade
from exeat.model.issuing.browser_login import BrowserLogin

_Cookie = Annotated[str, Field(pattern=r"^[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}$")]
_Field = Annotated[str, Field(pattern=r"^[ -~]{1,128}$")]


class BrowserLoginTable(IssuerTable):
    """Log in by a form, once for each session of each mission; the browser never sees password or session cookie."""

    grade: ClassVar[Grade] = Grade.C

    kind: Literal["browser_login"]
    login_url: ServerUrl
    """The page with the form. Its hidden fields are sent along, and the form must lead to the same host."""
    fields: Annotated[dict[_Field, SourceReference], Field(min_length=1)]
    """What is filled in, by the name of the input: ``{ user = "env:SHOP_USER", password = "file:shop.password" }``."""
    values: dict[_Field, str] = {}
    """What is filled in and no secret: ``{ remember = "0" }``."""
    cookie: _Cookie
    """The cookie that is the session; it is the service's ``credential.name`` too."""
    cookies: tuple[_Cookie, ...] = ()
    """Other cookies of the login that have to be sent with it."""
    success_path: Annotated[str, Field(pattern=r"^(/[!-~]*)?$")] = ""
    """Where one is led after logging in; by default any page will do that has no password to fill in."""
    logout_url: ServerUrl = ""
    """What ends the session at the site; called with its cookies when the mission ends."""
    logout_method: Literal["GET", "POST"] = "POST"
    ttl: Duration = 900.0
    """How long a session is used before another login."""

    def details(self) -> BrowserLogin:
        """The form, and what goes into it."""
        return BrowserLogin(
            self.login_url,
            self.fields,
            self.cookie,
            self.values,
            self.cookies,
            self.success_path,
            self.logout_url,
            self.logout_method,
        )
