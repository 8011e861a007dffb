"""One decision, one outcome, in bounded memory."""

from __future__ import annotations

from exeat.audit import pairs
from exeat.audit.findings import Kind


def record(kind, key, seq, decision="deny"):
    return {"kind": kind, "decision_id": key, "seq": seq, "decision": decision}


def test_a_long_chain_is_checked_in_bounded_memory_and_nothing_slips_through(monkeypatch):
    monkeypatch.setattr(pairs, "_REMEMBERED", 10)
    check = pairs.OutcomePairs()
    check.feed(record("decision", "open", 1, "permit"), "f", 1)
    for number in range(100):
        check.feed(record("decision", f"d{number}", number), "f", number)
    assert len(check._over) == 10
    assert check.feed(record("outcome", "open", 200), "f", 200) is None
    assert check.feed(record("outcome", "open", 201), "f", 201).kind is Kind.TWO_OUTCOMES
    assert check.feed(record("outcome", "d5", 202), "f", 202).kind is Kind.OUTCOME_WITHOUT_DECISION


def test_other_records_and_odd_fields_are_left_alone():
    check = pairs.OutcomePairs()
    assert check.feed({}, "f", 1) is None
    assert check.feed({"kind": "mission", "decision_id": "d", "seq": 1}, "f", 1) is None
    assert check.feed({"kind": "outcome", "decision_id": ["d"], "seq": 1}, "f", 1) is None
