"""Rules applied to events: what fires, how often, on what evidence; and what doesn't."""

from __future__ import annotations

from dataclasses import replace
from itertools import count, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.deviation import watch as module
from exeat.deviation.events import OWN_DOING, Event, Subject, refused
from exeat.deviation.rules import BUILT_IN, in_force
from exeat.deviation.watch import Watch
from exeat.model.deviation import Rule, Then, When
from exeat.model.reason import Reason

ME = Subject("m_1", "bot", "spiffe://exeat.internal/env/prod/agent/bot", "prod", "refunds")


def a_watch(*rules):
    numbers = count()
    return Watch(rules, lambda: f"f_{next(numbers)}")


def only(*rules):
    """Only these rules are about anybody."""
    others = [replace(rule, template="nobody's") for rule in BUILT_IN if rule.name not in {each.name for each in rules}]
    return a_watch(*rules, *others)


def a_refusal(code=Reason.OPERATION_UNKNOWN, decision_id="d_1", where="api.example.test:443"):
    return refused(code, decision_id, where, {})


def a_write():
    return Event((When.BURST,), "d_1", None, "api.example.test:443", {"action": "example:create"})


class TestRefusals:
    RULE = Rule("refusals", When.REFUSALS, Then.SUSPEND, window=10.0, count=3)

    @given(st.lists(st.floats(0, 12), min_size=1, max_size=40), st.integers(1, 6))
    def test_it_fires_exactly_when_the_newest_lie_in_one_window(self, pauses, needed):
        watch, now, counted = only(replace(self.RULE, count=needed)), 0.0, []
        for pause in pauses:
            now += pause
            counted.append(now)
            fired = watch.see(ME, a_refusal(), now)
            expected = len(counted) >= needed and now - counted[-needed] < 10.0
            assert bool(fired) == expected
            if expected:
                counted.clear()

    def test_the_evidence_names_codes_decisions_and_places(self):
        watch = only(self.RULE)
        codes = [Reason.OPERATION_UNKNOWN, Reason.POLICY_DENIED, Reason.OPERATION_UNKNOWN]
        fired = [
            watch.see(ME, a_refusal(code, f"d_{number}", f"h{number}:443"), float(number))
            for number, code in enumerate(codes)
        ]
        assert [len(each) for each in fired] == [0, 0, 1]
        firing = fired[-1][0]
        assert firing.evidence == {
            "codes": {"operation_unknown": 2, "policy_denied": 1}, "decisions": ["d_0", "d_1", "d_2"],
            "destinations": ["h0:443", "h1:443", "h2:443"],
        }  # fmt: skip
        assert (firing.mission, firing.agent, firing.cause) == ("m_1", ME.spiffe_id, "rule:refusals")

    @pytest.mark.parametrize("code", [code for code in Reason if code not in OWN_DOING])
    def test_what_an_agent_can_t_help_doesn_t_count(self, code):
        watch = only(self.RULE)
        assert not any(watch.see(ME, a_refusal(code), 0.0) for _ in range(20))

    def test_a_rule_may_name_its_codes(self):
        watch = only(replace(self.RULE, codes=frozenset({Reason.BUDGET_EXHAUSTED}), count=2))
        assert not any(watch.see(ME, a_refusal(), 0.0) for _ in range(5))
        assert [len(watch.see(ME, a_refusal(Reason.BUDGET_EXHAUSTED), 0.0)) for _ in range(4)] == [0, 1, 0, 1]

    def test_missions_are_counted_apart(self):
        watch = only(self.RULE)
        fired = [watch.see(replace(ME, mission=f"m_{number}"), a_refusal(), 0.0) for number in range(20)]
        assert not any(fired)


class TestBursts:
    RULE = Rule("write-burst", When.BURST, Then.SUSPEND, window=10.0, factor=5.0, floor=20)

    @given(st.lists(st.floats(0.5, 60), max_size=200))
    def test_below_the_floor_nothing_is_a_burst(self, pauses):
        """Twenty or fewer in any ten seconds."""
        watch, now = only(self.RULE), 0.0
        for pause in pauses:
            now += pause
            assert not watch.see(ME, a_write(), now)

    @pytest.mark.guard("burst-baseline")
    def test_many_times_more_than_usual_is_a_burst_and_a_few_times_is_none(self):
        watch = only(self.RULE)
        times = [number / 2 for number in range(240)]  # 20 in a window, for two minutes
        times += [120 + number / 8 for number in range(160)]  # 80: four times as many
        assert not any(watch.see(ME, a_write(), now) for now in times)
        fired = [watch.see(ME, a_write(), 140 + number / 40) for number in range(400)]  # 400
        firing = next(each[0] for each in fired if each)
        assert firing.evidence["writes"] > 5 * firing.evidence["usual"] > 5 * 19
        assert firing.evidence["action"] == "example:create"


class TestAlerts:
    RULE = Rule("foreign-credential", When.FOREIGN, Then.ALERT, window=60.0)

    @given(st.lists(st.floats(0, 90), min_size=1, max_size=40))
    def test_at_most_one_a_window_and_none_is_forgotten(self, pauses):
        watch, now, told = only(self.RULE), 0.0, []
        for pause in pauses:
            now += pause
            told += [(now, each.count) for each in watch.see(ME, a_refusal(Reason.CREDENTIAL_FOREIGN), now)]
        assert told[0] == (pauses[0], 1)
        assert all(later - earlier >= 60 for (earlier, _), (later, _) in pairwise(told))
        assert sum(number for _, number in told) <= len(pauses)
        assert not watch.see(ME, a_refusal(), now)

    def test_the_next_one_tells_how_many_were_kept_back(self):
        watch = only(self.RULE)
        fired = [watch.see(ME, a_refusal(Reason.CREDENTIAL_FOREIGN), now) for now in (0.0, 1.0, 2.0, 61.0)]
        assert [[each.count for each in firings] for firings in fired] == [[1], [], [], [3]]


class TestDestinations:
    def test_each_first_attempt_counts_once(self):
        watch = only(Rule("unlisted-destination", When.UNLISTED, Then.ALERT, window=1.0))
        fired = [
            watch.see(ME, a_refusal(Reason.DESTINATION_NOT_ALLOWED, where=where), now)
            for now, where in ((0, "a:443"), (5, "a:443"), (10, "b:443"), (15, "a:443"))
        ]
        assert [len(each) for each in fired] == [1, 0, 1, 0]
        assert fired[2][0].evidence["destination"] == "b:443"

    def test_what_is_remembered_is_bounded(self):
        watch = only(Rule("unlisted-destination", When.UNLISTED, Then.REVOKE, window=1.0))
        fired = sum(
            len(watch.see(ME, a_refusal(Reason.DESTINATION_NOT_ALLOWED, where=f"h{number}:443"), float(number)))
            for number in range(1000)
        )
        assert fired == 1000  # each firing forgets the mission, so each is the first
        alerts = only(Rule("unlisted-destination", When.UNLISTED, Then.ALERT, window=1.0))
        for number in range(1000):
            alerts.see(ME, a_refusal(Reason.DESTINATION_NOT_ALLOWED, where=f"h{number}:443"), 2.0 * number)
        assert not alerts.see(ME, a_refusal(Reason.DESTINATION_NOT_ALLOWED, where="new:443"), 9999.0)


def test_one_event_may_concern_several_rules_and_the_order_is_that_of_its_kinds():
    watch = only(
        Rule("refusals", When.REFUSALS, Then.SUSPEND, count=1),
        Rule("model-pin", When.MODEL, Then.REVOKE),
        Rule("another", When.MODEL, Then.ALERT),
    )
    fired = watch.see(ME, a_refusal(Reason.MODEL_NOT_ALLOWED), 0.0)
    assert [(each.rule, each.cause) for each in fired] == [
        ("model-pin", "model"), ("another", "model"), ("refusals", "rule:refusals"),
    ]  # fmt: skip


def test_a_firing_that_stops_the_mission_starts_the_count_anew():
    watch = only(Rule("refusals", When.REFUSALS, Then.SUSPEND, count=2))
    fired = [len(watch.see(ME, a_refusal(), 0.0)) for _ in range(4)]
    assert fired == [0, 1, 0, 1]
    watch.see(ME, a_refusal(), 0.0)
    watch.forget("m_1")
    assert len(watch) == 0
    assert not watch.see(ME, a_refusal(), 0.0)


def test_the_missions_remembered_are_bounded(monkeypatch):
    monkeypatch.setattr(module, "_MISSIONS", 10)
    watch = only(Rule("refusals", When.REFUSALS, Then.SUSPEND, count=2))
    for number in range(50):
        watch.see(replace(ME, mission=f"m_{number}"), a_refusal(), 0.0)
    assert len(watch) == 10
    assert watch.see(replace(ME, mission="m_49"), a_refusal(), 0.0)
    assert not watch.see(replace(ME, mission="m_1"), a_refusal(), 0.0)


def test_a_rule_of_a_built_in_name_takes_its_place_and_the_others_stay():
    mine = Rule("refusals", When.REFUSALS, Then.ALERT, count=7)
    rules = {rule.name: rule for rule in in_force([mine, Rule("extra", When.BURST, Then.ALERT)])}
    assert rules["refusals"] is mine
    assert set(rules) == {rule.name for rule in BUILT_IN} | {"extra"}
    assert {rule.when for rule in BUILT_IN} == set(When)


@pytest.mark.parametrize(("field", "mine"), [("template", "refunds"), ("agent", "bot"), ("environment", "prod")])
def test_a_rule_is_about_those_it_names(field, mine):
    for value, fires in ((mine, True), ("other", False)):
        watch = only(Rule("refusals", When.REFUSALS, Then.SUSPEND, count=1, **{field: value}))
        assert bool(watch.see(ME, a_refusal(), 0.0)) == fires


def test_other_rules_hold_from_the_moment_they_are_put_in():
    watch = only(Rule("refusals", When.REFUSALS, Then.SUSPEND, count=2))
    watch.see(ME, a_refusal(), 0.0)
    watch.replace([Rule("refusals", When.REFUSALS, Then.REVOKE, count=1)])
    [firing] = watch.see(ME, a_refusal(), 0.0)
    assert firing.then is Then.REVOKE
