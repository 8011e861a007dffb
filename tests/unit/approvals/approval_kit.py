"""Questions and missions for the tests of approvals."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from exeat.model.approval import Approval, ApprovalAsked, Approver, Terms, Vote
from exeat.model.mission import Mission

NOW = 1_900_000_000.0
ASKED = ApprovalAsked(
    binding="b" * 64,
    decision_id="d_1",
    session="m_1/bot",
    mission="m_1",
    agent="spiffe://exeat.internal/env/prod/agent/bot",
    method="POST",
    scheme="https",
    host="api.example.test",
    port=443,
    path="/v1/refunds",
    query="dry=no",
    content_type="application/json",
    digest="d" * 64,
    size=2,
    service="example",
    action="example:refunds/create",
    resource='Exeat::Service::"example"',
    also=(),
    groups=("finance",),
)
MISSION = Mission("m_1", "prod", ("bot",), (), (), NOW - 10, NOW + 3600, owner="Olga", opened_by="oskar")
GROUPS = {
    "finance": Approver("finance", frozenset({"alice", "bob"})),
    "board": Approver("board", frozenset({"alice", "carol", "dora"}), 2, "#board"),
}


def question(**changes: Any) -> Approval:
    """A question that waits; ``changes`` are of what is asked."""
    return Approval("a_1", replace(ASKED, **changes), NOW, NOW + 600)


def vote(by: str = "alice", *groups: str, terms: Terms | None = None) -> Vote:
    """A word for it, good for a minute."""
    return Vote(by, groups or ("finance",), NOW, terms=terms or Terms(until=NOW + 60))
