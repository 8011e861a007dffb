"""What the report finds, and the near misses that it must not."""

from __future__ import annotations

from mission_world import DAY, NOW, pattern

from exeat.missions.destination_report import Line, report
from exeat.model.mission import AllowedDestination
from exeat.model.traffic import LastUse

LATER = NOW + 400 * DAY


def entry(text: str, expires: float = LATER, added_at: float | None = None) -> AllowedDestination:
    return AllowedDestination(pattern(text), "payments", "why", expires, added_at=added_at)


def lines(*entries: AllowedDestination, uses: dict[str, LastUse] | None = None, **places: object) -> list[Line]:
    wanted = {"missions": {}, "templates": {}} | places
    return report(entries, uses or {}, now=NOW, unused=90 * DAY, expiring=30 * DAY, **wanted)  # type: ignore[arg-type]


def kinds(*entries: AllowedDestination, uses: dict[str, LastUse] | None = None) -> list[list[str]]:
    return [[worry.kind for worry in line.worries] for line in lines(*entries, uses=uses)]


API = "api.example.test:443"


def test_unused_counts_from_the_last_use_and_one_day_less_is_none() -> None:
    old = LastUse(NOW - 300 * DAY, NOW - 90 * DAY, "agent", "m_1")
    assert kinds(entry(API), uses={API: old}) == [["unused"]]
    assert kinds(entry(API), uses={API: LastUse(NOW - 300 * DAY, NOW - 89.9 * DAY)}) == [[]]


def test_what_was_never_used_counts_from_when_it_was_first_seen_or_added() -> None:
    never = LastUse(NOW - 100 * DAY)
    [line] = lines(entry(API), uses={API: never})
    assert [worry.message for worry in line.worries] == ["never used for 100 days"]
    assert kinds(entry(API, added_at=NOW - DAY), uses={API: never}) == [[]], "added anew yesterday"
    assert kinds(entry(API)) == [[]], "not known since when"


def test_a_wider_entry_that_lasts_as_long_shadows() -> None:
    assert kinds(entry(API), entry("*.example.test:443")) == [["shadowed"], []]
    assert kinds(entry(API), entry("*:443", LATER + 1)) == [["shadowed"], []]
    assert kinds(entry("*.a.example.test:443"), entry("*.example.test:443")) == [["shadowed"], []]


def test_a_wider_entry_that_ends_earlier_has_another_port_or_has_ended_does_not() -> None:
    assert kinds(entry(API), entry("*.example.test:443", LATER - 1)) == [[], []]
    assert kinds(entry(API), entry("*.example.test:8443")) == [[], []]
    assert kinds(entry("example.test:443"), entry("*.example.test:443")) == [[], []], "the apex isn't covered"
    assert kinds(entry(API, NOW - 2), entry("*.example.test:443", NOW - 1)) == [["expired"], ["expired"]]


def test_of_two_alike_the_earlier_stays_and_the_longer_wins() -> None:
    assert kinds(entry(API), entry(API)) == [[], ["shadowed"]]
    assert kinds(entry(API), entry(API, LATER + 1)) == [["shadowed"], []]


def test_about_to_expire_is_within_the_days_and_only_when_something_stops() -> None:
    assert kinds(entry(API, NOW + 30 * DAY)) == [["expiring"]]
    assert kinds(entry(API, NOW + 30 * DAY + 1)) == [[]]
    assert kinds(entry(API, NOW)) == [["expired"]]
    assert kinds(entry(API, NOW + DAY), entry("*.example.test:443")) == [["shadowed"], []]


def test_who_depends_on_an_entry() -> None:
    missions = {
        "m_1": [pattern(API)],
        "m_2": [pattern("api.example.test:8443")],
        "m_3": [pattern("*.example.test:443")],
    }
    exact, wide = lines(
        entry(API), entry("*.example.test:443", LATER - 1), missions=missions, templates={"t": missions["m_3"]}
    )
    assert (exact.missions, exact.templates) == (("m_1",), ())
    assert (wide.missions, wide.templates) == (("m_1", "m_3"), ("t",))
