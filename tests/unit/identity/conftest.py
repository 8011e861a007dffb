"""Fixtures of the identity tests: a clock that stands still until it is moved."""

from __future__ import annotations

from pathlib import Path

import pytest

from exeat.credentials.keys import KeyRing


class StandingClock:
    def __init__(self) -> None:
        self.now = 1_900_000_000.0

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock() -> StandingClock:
    return StandingClock()


@pytest.fixture
def keyring(tmp_path: Path, clock: StandingClock) -> KeyRing:
    return KeyRing.load_or_create(tmp_path / "state", "pass", "ES256", 86400.0, 3600.0, clock)
