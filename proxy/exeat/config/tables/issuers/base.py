"""What the settings of every kind of issuer have in common.

Must not know: any kind.
"""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from exeat.config.values import Duration, Table
from exeat.model.issuing import Grade, IssuerDetails


class IssuerTable(Table):
    """``service.issuer``: which issuer mints the service's tokens."""

    grade: ClassVar[Grade]
    """What every token of this kind promises to be."""
    listed: ClassVar[bool] = True
    """Whether its tokens are worth a list; ours that live for seconds and can't be revoked are not."""

    kind: str
    audience: str = ""
    """For whom a token is."""
    ttl: Duration = 60.0
    """How long a token lives, or the longest life that is accepted."""
    rate: Annotated[float, Field(gt=0)] | None = None
    """Mints a second at most, by all workers of this host together; what is asked for beyond is refused at once."""

    def promised(self) -> Grade:
        """The grade of the tokens as these settings have it."""
        return self.grade

    def details(self) -> IssuerDetails | None:
        """What only this kind needs, as a value."""
        return None

    def default_audience(self, hosts: tuple[str, ...]) -> str:  # noqa: ARG002 some kinds derive it
        """The audience where none is written."""
        return ""
