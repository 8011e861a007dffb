"""Several workers' figures are one: what any of them counted is in the sum, also after it has ended."""

from __future__ import annotations

import os
import signal
import time

from prometheus_client.parser import text_string_to_metric_families

from rig.wire import ask

PERMITS = ("exeat_decisions_total", ("reason", ""), ("service", "example"), ("verdict", "permit"))


def configure(config, _origin):
    config.tables["proxy"]["workers"] = 2


def count(exeat, name):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(exeat.admin("GET", "/metrics").ok())
        for sample in family.samples
    }.get(name, 0)


def settles(exeat, name, value):
    """Workers say what they counted once a second."""
    deadline = time.monotonic() + 10
    while count(exeat, name) != value and time.monotonic() < deadline:
        time.sleep(0.1)
    assert count(exeat, name) == value


def test_the_workers_sum_outlives_a_worker(exeat, mission, origin):
    for _ in range(10):
        ask(exeat, mission, "GET", "/v1/refunds")
    settles(exeat, PERMITS, 10)
    exeat.lossy = True
    status = exeat.admin("GET", "/v1/status").ok()
    assert not [name for worker in status["workers"].values() for name in worker if name == "counts"]
    os.kill(next(worker["pid"] for worker in status["workers"].values()), signal.SIGKILL)
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline and exeat.admin("GET", "/v1/status").ok()["workers"] == status["workers"]:
        time.sleep(0.1)
    settles(exeat, PERMITS, 10)
    assert count(exeat, ("exeat_active_missions",)) == 1


def test_a_worker_answers_what_it_would_decide(exeat, mission):
    question = {
        "subject": {"type": "session", "id": f"{mission['mission']}/invoice-bot"},
        "action": {"name": "example:refunds/list"}, "resource": {"type": "Exeat::Service", "id": "example"},
    }  # fmt: skip
    assert exeat.admin("POST", "/access/v1/evaluation", question).ok()["decision"] is True
