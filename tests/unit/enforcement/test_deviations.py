"""What a worker does when a rule fires: no rights at once, and none back before the control plane has acted."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from decision_world import AGENTS, MISSION, NOW, empty_snapshot

from exeat.decision.snapshot import with_mission
from exeat.deviation.watch import Watch
from exeat.enforcement import reports as module
from exeat.enforcement.deviations import Deviations
from exeat.enforcement.known_values import NOTHING_KNOWN
from exeat.enforcement.registry import Registry
from exeat.enforcement.world import World
from exeat.errors import UnavailableError
from exeat.model.decision import Deny
from exeat.model.deviation import Firing, Rule, Then, When
from exeat.model.reason import Reason
from unit.standing_clock import StandingClock

SESSION = "m_1/bot"


class Tower:
    """Takes a firing at the last of so many attempts."""

    def __init__(self, failures: int = 0) -> None:
        self.failures = failures
        self.told: list[Firing] = []
        self.taken = asyncio.Event()

    async def report(self, firing: Firing) -> None:
        self.told.append(firing)
        if len(self.told) <= self.failures:
            raise UnavailableError("not yet")
        self.taken.set()


class Connection:
    def __init__(self) -> None:
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1


class Rig:
    def __init__(self, then: Then, tower: Tower | None = None) -> None:
        clock: Any = StandingClock(NOW)
        self.world = World(with_mission(empty_snapshot(), MISSION, AGENTS), clock.boot)
        self.registry, self.connection = Registry(), Connection()
        connection: Any = self.connection
        self.registry.bind("m_1", connection)
        rule = Rule("refusals", When.REFUSALS, then, count=1)
        self.deviations = Deviations(self.world, Watch([rule], lambda: "f_1"), NOTHING_KNOWN, self.registry, clock)
        if tower is not None:
            self.deviations.report_to(tower)

    def refuse(self, reason: Reason = Reason.OPERATION_UNKNOWN) -> Any:
        view = self.world.snapshot.sessions[SESSION]
        return self.deviations.refused(Deny(reason, detail="as it was"), view, None, "d_1", "api.example.test:443")


@pytest.mark.guard("barred-here")
@pytest.mark.parametrize(
    ("then", "reason"), [(Then.SUSPEND, Reason.MISSION_SUSPENDED), (Then.REVOKE, Reason.MISSION_ENDED)]
)
async def test_rights_are_gone_before_anybody_is_asked(then: Then, reason: Reason) -> None:
    rig = Rig(then)  # there is nobody to ask
    assert rig.world.is_live(SESSION)
    verdict = rig.refuse()
    assert (verdict.reason, verdict.detail) == (reason, "rule refusals: operation_unknown")
    assert not rig.world.is_live(SESSION)
    barred = rig.deviations.barred("m_1")
    assert barred is not None
    assert barred.reason is reason
    assert rig.deviations.barred("m_2") is None


async def test_rights_stay_gone_until_the_firing_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SLOWEST", 0.05)
    tower = Tower(failures=3)
    rig = Rig(Then.REVOKE, tower)
    rig.refuse()
    while len(tower.told) < 3:
        assert not rig.world.is_live(SESSION)
        await asyncio.sleep(0.005)
    await asyncio.wait_for(tower.taken.wait(), 2)
    await asyncio.sleep(0)
    assert rig.world.is_live(SESSION)  # from here on the snapshot says it, which this tower doesn't change
    assert {firing.id for firing in tower.told} == {"f_1"}


async def test_connections_are_reset_where_the_control_plane_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CUT", 0.02)
    late, quick = Rig(Then.REVOKE, Tower(failures=100)), Rig(Then.REVOKE, Tower())
    late.refuse()
    quick.refuse()
    assert (late.connection.cuts, quick.connection.cuts) == (0, 0)  # the refusal is still to be sent
    await asyncio.sleep(0.1)
    assert (late.connection.cuts, quick.connection.cuts) == (1, 0)  # the other's change cuts, and counts


async def test_an_alert_changes_nothing() -> None:
    tower = Tower()
    rig = Rig(Then.ALERT, tower)
    verdict = rig.refuse()
    assert (verdict.reason, verdict.detail) == (Reason.OPERATION_UNKNOWN, "as it was")
    assert rig.world.is_live(SESSION)
    await asyncio.wait_for(tower.taken.wait(), 2)


async def test_a_fault_in_the_rules_lets_the_refusal_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig(Then.REVOKE)
    monkeypatch.setattr(Watch, "see", lambda *_: 1 / 0)
    assert rig.refuse().reason is Reason.OPERATION_UNKNOWN
