"""The request that the issuers of these tests mint for, and what the end of a mission did, in short."""

from __future__ import annotations

from exeat.model.decision import TokenRequest
from exeat.ports import Ended

REQUEST = TokenRequest(
    session="m_1/invoice-bot",
    mission="m_1",
    agent="spiffe://exeat.internal/env/prod/agent/invoice-bot",
    service="example",
    action="example:refunds/create",
    resource='Exeat::Service::"example"',
    scope="refunds/create",
)


def counts(ended: Ended) -> tuple[int, int]:
    """(dropped, revoked)."""
    return ended.dropped, ended.revoked
