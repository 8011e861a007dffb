"""Who is asked to approve, how they are told, and how long an answer holds.

Must not know: behaviour.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from exeat.config.endpoints import check_server_url
from exeat.config.values import Duration, LocalReference, Name, Table

_HookUrl = Annotated[
    str, AfterValidator(lambda url: url and check_server_url(url, "would tell everybody on the way what is asked"))
]
Person = Annotated[str, Field(pattern=r"^[^\s\x00-\x1f\x7f](?:[^\x00-\x1f\x7f]{0,126}[^\s\x00-\x1f\x7f])?$")]
"""A person's name as their admin token or the webhook has it."""


class ApproverTable(Table):
    """``[[approver]]``: a group of people that policies name in ``@approval``."""

    name: Name
    members: tuple[Person, ...] = ()
    """Who is in it; empty means everybody who may approve at all."""
    needed: Annotated[int, Field(strict=True, ge=1, le=2)] = 1
    """How many of them have to agree."""
    ask: Annotated[str, Field(pattern=r"^[^\x00-\x1f\x7f]{0,200}$")] = ""
    """Where they are found, a text or a URL: agents are shown it."""
    webhook: _HookUrl = ""
    """Where questions are sent, signed with ``secret``; https, or http on this machine."""
    secret: LocalReference | None = None
    """What webhooks are signed with in both directions: ``whsec_…`` (Standard Webhooks), or 24 characters at least."""


class ApprovalTable(Table):
    """``[approval]``: how long things hold."""

    pending: Duration = 3600.0
    """How long a question waits for people."""
    granted: Duration = 900.0
    """How long an approval for one or some uses holds unless its approver says otherwise."""
    denied: Duration = 900.0
    """How long the same request isn't asked about again."""
