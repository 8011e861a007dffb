"""Promise 9, record before act: the decision is written before anything is minted, resolved or dialled."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest

from rig.wire import ask, refused

WORLD = {"mint": True}


@pytest.mark.guard("write-ahead")
def test_what_can_not_be_recorded_is_neither_minted_nor_dialled(exeat, mission, origin, world):
    world.slow_mint(True)  # a mint would leave a trace
    world.full_disk(True)
    before = len(world.dials())
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "audit_unavailable")
    assert not world.minting()
    assert world.dials()[before:] == []
    assert origin.connections == []


@pytest.mark.guard("write-ahead")
def test_the_decision_is_on_disk_while_the_token_is_still_being_minted(exeat, mission, origin, world):
    world.slow_mint(True)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(ask(exeat, mission, "GET", "/v1/refunds")))
    thread.start()
    while not world.minting():
        assert thread.is_alive()
    [record] = exeat.audit_records("decision", mission=mission["mission"])
    assert record["decision"] == "permit"
    assert exeat.audit_records("outcome", decision_id=record["decision_id"]) == []
    world.slow_mint(False)
    thread.join(10)
    assert answers[0].status == 200


def test_the_outcome_follows_the_decision(exeat, mission, origin):
    ask(exeat, mission, "GET", "/slow?s=0.2")
    origin.wait_quiet(0.1)
    [decision] = exeat.audit_records("decision", mission=mission["mission"])
    [outcome] = exeat.audit_records("outcome", decision_id=decision["decision_id"])
    assert decision["seq"] < outcome["seq"]
    assert datetime.fromisoformat(decision["time"]) <= datetime.fromisoformat(outcome["time"])
    assert outcome["outcome"] == "sent"
    assert outcome["status"] == 200
    assert outcome["ms"] >= 150
