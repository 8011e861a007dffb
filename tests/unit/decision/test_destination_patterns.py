"""A mission goes where its own destinations and a living ceiling both say."""

from __future__ import annotations

from exeat.decision.destinations import in_ceiling, in_mission
from exeat.model.destination import DestinationPattern
from exeat.model.mission import AllowedDestination, Ceilings

PATTERN = DestinationPattern.parse("*.example.test:443")


def test_a_destination_covers_its_host_and_port_only():
    assert in_mission([PATTERN], "api.example.test", 443)
    assert not in_mission([PATTERN], "example.test", 443)
    assert not in_mission([PATTERN], "evilexample.test", 443)
    assert not in_mission([PATTERN], "api.example.test", 8443)
    assert not in_mission([], "api.example.test", 443)


def test_a_ceiling_ends_at_its_first_expired_second():
    ceilings = Ceilings((AllowedDestination(PATTERN, "o", "r", 1000.0),), (), 1.0)
    assert in_ceiling(ceilings, "api.example.test", 443, 999.9)
    assert not in_ceiling(ceilings, "api.example.test", 443, 1000.0)
    assert not in_ceiling(ceilings, "api.example.test", 443, float("nan"))
