"""The request that the issuers of these tests mint for."""

from __future__ import annotations

from exeat.model.decision import TokenRequest

REQUEST = TokenRequest(
    session="m_1/invoice-bot",
    mission="m_1",
    agent="spiffe://exeat.internal/env/prod/agent/invoice-bot",
    service="example",
    action="example:refunds/create",
    resource='Exeat::Service::"example"',
    scope="refunds/create",
)
