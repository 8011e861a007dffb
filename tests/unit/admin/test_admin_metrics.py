"""Metrics: what is counted is shown, in a text that others parse, and names nobody."""

from __future__ import annotations

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from exeat.admin.metrics import METRICS, render
from exeat.counting import LATEST, Durations, from_wire, merge, to_wire


def parsed(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


async def test_a_scraper_reads_the_figures_with_a_token_for_that_alone(api: Any) -> None:
    made = await api.call("POST", "/v1/tokens", {"name": "prometheus", "role": "metrics"})
    bearer = f"Bearer {made.body['secret']}"
    await api.call("GET", "/v1/status", Authorization="Bearer wrong")
    answer = await api.call("GET", "/metrics", Authorization=bearer)
    assert (answer.status, answer.headers["Content-Type"]) == (200, "text/plain; version=0.0.4; charset=utf-8")
    found = parsed(answer.body)
    assert found["exeat_decisions_total", (("reason", ""), ("service", "example"), ("verdict", "permit"))] == 3
    assert found["exeat_admin_refused_logins_total", ()] == 1
    assert (await api.call("GET", "/metrics", Authorization=None)).status == 401
    assert (await api.call("GET", "/v1/missions", Authorization=bearer)).status == 403


def test_every_metric_is_well_named_and_labels_are_few() -> None:
    allowed = {
        "verdict",
        "reason",
        "service",
        "stage",
        "state",
        "status_class",
        "issuer",
        "sink",
        "version",
        "cause",
        "decision",
        "outcome",
    }
    for name, meaning in METRICS.items():
        assert re.fullmatch(r"exeat_[a-z_]+", name)
        assert meaning.help.endswith(".")
        assert set(meaning.labels) <= allowed
        assert name.endswith("_total") == (meaning.kind == "counter")
        assert meaning.kind != "histogram" or name.endswith("_seconds")
    assert set(METRICS) >= LATEST


def test_a_histogram_is_cumulative_and_complete() -> None:
    durations = Durations((0.1, 1.0))
    for seconds in (0.05, 0.1, 0.5, 7.0):
        durations.add(("decide",), seconds)
    found = parsed(render(durations.read("exeat_decision_duration_seconds")).decode())
    name, stage = "exeat_decision_duration_seconds", ("stage", "decide")
    buckets = {bound: found[f"{name}_bucket", (("le", bound), stage)] for bound in ("0.1", "1", "+Inf")}
    assert buckets == {"0.1": 2, "1": 3, "+Inf": 4}
    assert (found[f"{name}_count", (stage,)], found[f"{name}_sum", (stage,)]) == (4, pytest.approx(7.65))


def test_a_label_can_not_break_out_of_its_line() -> None:
    text = render({"exeat_policy_bundle_info": {('1"}\n evil 1\\',): 1}}).decode()
    assert parsed(text)["exeat_policy_bundle_info", (("version", '1"}\n evil 1\\'),)] == 1
    assert not [line for line in text.splitlines() if line.startswith(" evil")]


_COUNTS = st.dictionaries(
    st.sampled_from(sorted(METRICS)),
    st.dictionaries(st.tuples(st.sampled_from("abc")), st.integers(0, 10**6).map(float)),
)


@given(st.lists(_COUNTS, max_size=4))
def test_counts_of_several_processes_are_added_and_the_newest_moment_stays(each: list[Any]) -> None:
    total = merge(from_wire(to_wire(counts)) for counts in each)
    for name in METRICS:
        for label in "abc":
            numbers = [counts[name][label,] for counts in each if (label,) in counts.get(name, {})]
            if numbers:
                assert total[name][label,] == (max(numbers) if name in LATEST else sum(numbers))
