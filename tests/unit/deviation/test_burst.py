"""Writes counted against their own baseline, compared with a plain list of times."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from exeat.deviation.burst import Burst

WINDOW = 10.0


def plainly(times):
    """What the newest write should give: those in its window's slices, and the average of all slices that have left it."""
    slices = [int(time // (WINDOW / 10)) for time in times]
    now, first = slices[-1], slices[0]
    recent = sum(each > now - 10 for each in slices)
    left = range(first, now - 9)
    return recent, 10 * sum(each <= now - 10 for each in slices) / len(left) if left else 0.0


@given(st.lists(st.floats(0, 12), min_size=1, max_size=60), st.floats(0, 1e6))
def test_it_counts_as_a_list_would(pauses, start):
    """As long as the average has forgotten nothing, which is for thirty windows."""
    burst, times, now = Burst(WINDOW), [], start
    for pause in pauses:
        now += pause
        if now - start > 290:
            break
        times.append(now)
        recent, usual = burst.add(now)
        assert recent == plainly(times)[0]
        assert usual == pytest.approx(plainly(times)[1], abs=1e-6)


@given(st.lists(st.floats(0, 1e7), min_size=1, max_size=50))
def test_it_stays_finite_whatever_the_pauses(pauses):
    burst, now = Burst(WINDOW), 0.0
    for pause in pauses:
        now += pause
        recent, usual = burst.add(now)
        assert 1 <= recent <= len(pauses)
        assert 0 <= usual <= 10 * len(pauses)


@given(st.integers(1, 40))
def test_what_is_steady_is_usual(rate):
    burst = Burst(WINDOW)
    for number in range(rate * 60):
        recent, usual = burst.add(number / rate)
    assert recent <= rate * WINDOW + 1
    assert usual == pytest.approx(rate * WINDOW, rel=0.15)


def test_a_burst_is_not_its_own_baseline():
    burst = Burst(WINDOW)
    for number in range(60):
        burst.add(float(number))
    counts = [burst.add(60 + number / 100) for number in range(500)]
    assert counts[-1][0] > 500
    assert all(usual == pytest.approx(10, abs=0.5) for _, usual in counts)


def test_long_after_a_busy_time_nothing_is_usual():
    burst = Burst(WINDOW)
    for number in range(3000):
        burst.add(number / 10)
    assert burst.add(100_000.0)[1] < 0.01
