"""Promise 7 tried many times: when revoke has returned, the origin's byte counter doesn't move any more.

``make bench-revoke`` is the long form. A violation is a fact; how long it took is printed there and judged nowhere.
"""

from __future__ import annotations

import random
import time

import pytest

from rig.trials import clients, trial
from rig.trials.hits import Hits
from rig.trials.series import load, run
from rig.trials.site import Said, Site
from rig.trials.trial import KINDS


def wrong(outcomes):
    return [f"{each.kind}: {what}" for each in outcomes for what in each.wrong]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    with Site(tmp_path_factory.mktemp("alone"), places=3) as running:
        yield running


def test_nothing_comes_after_the_call_has_returned(site):
    with load(site, 1):
        outcomes = run(site, KINDS, 10, hold=0.12, seed=random.randrange(10**6))
    assert wrong(outcomes) == []
    assert len(outcomes) == 10 * len(KINDS)


def test_nothing_comes_from_workers_that_are_killed_and_stopped(tmp_path):
    def change(config):
        config.environ["EXEAT_PROXY__WORKERS"] = "2"
        config.tables["store"]["lease"] = "500ms"

    seed = random.randrange(10**6)
    with Site(tmp_path, places=4, change=change) as site, Hits(site, 0.5, random.Random(seed), longest=0.8) as hits:
        outcomes = run(site, KINDS, 2, hold=0.12, seed=seed, hits=hits)
        deadline = time.monotonic() + 60
        while hits.killed + hits.stopped < 3 and time.monotonic() < deadline:
            outcomes += run(site, KINDS, 1, hold=0.12, seed=seed, hits=hits)
    assert wrong(outcomes) == [], f"seed {seed}"
    assert hits.killed + hits.stopped


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind != "tunnel"])
def test_the_instrument_sees_what_comes_late(site, monkeypatch, kind):
    """With a revoke that answers and does nothing, every kind of traffic is found out."""
    monkeypatch.setattr(clients, "_PATIENCE", 0.3)
    monkeypatch.setattr(trial, "_REVOKED", 0.3)
    monkeypatch.setattr(site, "revoke", lambda _: Said({}, time.monotonic(), time.monotonic(), 1))
    outcome = trial.attempt(site, 0, kind, hold=0.3, rng=random.Random(1))
    assert "a connection was not ended" in outcome.wrong
    if kind not in ("sse", "mint"):
        assert any("bytes" in what for what in outcome.wrong)
    if kind == "mint":
        assert any("not revoked" in what for what in outcome.wrong)
