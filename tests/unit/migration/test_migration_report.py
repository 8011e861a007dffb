"""What the counts say, and what is advised: pure, so every state is a value."""

from __future__ import annotations

from dataclasses import replace

import pytest

from exeat.migration.advice import advice
from exeat.migration.report import Known, Line, Sends, State, report
from exeat.model.credential_use import DAY, CredentialTotal, CredentialUse, RegisteredCredential
from unit.migration.uses import KEY, NOW, STRANGER, TODAY, agent, use

ENTRY = RegisteredCredential(KEY, ("example",), ("env:KEY",), {"example": "stored_key"}, "A", NOW + 30 * DAY)


def line(*uses: CredentialUse, entry: RegisteredCredential | None = ENTRY, before: float | None = None) -> Line:
    """The only line of a report; ``before`` is when the credential was last used before the period."""
    totals = [
        CredentialTotal(each.sight.fingerprint, "example", each.sight.state, each.count, each.first_at, each.last_at)
        for each in uses
    ]
    if before is not None:
        totals.append(CredentialTotal(KEY, "example", "shared", 1, before, before))
    (found,) = report(Known(NOW, TODAY - 29, () if entry is None else (entry,), uses, totals, ()))
    return found


@pytest.mark.parametrize(
    ("found", "state", "word"),
    [
        (line(), State.NEVER_SEEN, "past Exeat"),
        (line(before=NOW - 60 * DAY), State.UNUSED, "needed"),
        (line(use("shared"), use("placeholder", "moved")), State.IN_USE, "give bot the placeholder"),
        (line(use("placeholder", grade="C")), State.PLACEHOLDER_ONLY, "grade A can be had"),
        (line(use("placeholder")), State.SCOPED_TOKENS, "take shared out of example"),
        (line(use("none", grade="B")), State.SCOPED_TOKENS, "take shared out of example"),
        (line(use("retired"), entry=replace(ENTRY, retire_by=NOW)), State.RETIRED, "is refused"),
        (line(use("placeholder"), entry=replace(ENTRY, retire_by=NOW)), State.RETIRED, "revoke it at the vendor"),
        (
            line(use("none", grade="C"), entry=replace(ENTRY, retire_by=NOW, kept=True)),
            State.RETIRED,
            "every call",
        ),
        (line(use("placeholder"), entry=replace(ENTRY, replaced=True)), State.SCOPED_TOKENS, "another value"),
        (line(use("shared"), entry=replace(ENTRY, replaced=True)), State.IN_USE, "give bot the placeholder"),
        (line(before=NOW - DAY, entry=None), State.RETIRED, "nothing, once"),
        (line(use("forwarded", fingerprint=STRANGER), entry=None), State.UNREGISTERED, "who gave it to bot"),
        (line(use("foreign", fingerprint=STRANGER, service=""), entry=None), State.UNREGISTERED, "have it taken away"),
    ],
)
def test_how_a_credential_stands_and_what_to_do_next(found: Line, state: State, word: str) -> None:
    assert found.state is state
    assert word in advice(found)
    assert "\n" not in advice(found)


def test_only_a_stranger_that_comes_and_a_retired_one_that_is_sent_are_urgent() -> None:
    over = replace(ENTRY, retire_by=NOW)
    assert line(use("forwarded", fingerprint=STRANGER), entry=None).urgent
    assert line(use("retired"), entry=over).urgent
    assert not line(use("placeholder"), entry=over).urgent
    assert line(use("placeholder"), entry=replace(over, kept=True)).urgent
    assert not line(use("shared")).urgent


@pytest.mark.parametrize(
    ("uses", "sends"),
    [
        ([use("shared")], Sends.REAL),
        ([use("shared", last=NOW + 1), use("placeholder", first=NOW + 2)], Sends.PLACEHOLDER),
        ([use("placeholder"), use("shared", first=NOW + 1)], Sends.BOTH),
        ([use("placeholder", last=NOW + 9), use("shared", first=NOW + 1)], Sends.BOTH),
        ([use("shared"), use("none", last=NOW + 60)], Sends.REAL),
        ([use("shared"), use("none", last=NOW + DAY)], Sends.NOTHING),
        ([use("none"), use("placeholder", first=NOW + 1)], Sends.PLACEHOLDER),
    ],
)
def test_what_an_agent_sends(uses: list[CredentialUse], sends: Sends) -> None:
    """One that may still send the real one is said to."""
    (found,) = line(*uses).agents
    assert found.sends is sends
    assert found.agent == agent("bot")


def test_figures_add_up() -> None:
    found = line(
        use("shared", count=3),
        use("retired", count=2, mission="m_2", place="query"),
        use("foreign", "other", count=1),
        use("shared", count=4, first=NOW - DAY),
        use("placeholder", count=10),
        use("none", "third", count=20, first=NOW - DAY),
        use("placeholder", count=99, service="another"),
    )
    assert found.calls == {"shared": 7, "retired": 2, "foreign": 1, "placeholder": 10, "none": 20}
    assert (found.real, found.share) == (10, 0.25)
    assert found.days == [(TODAY - 1, 4, 0, 20), (TODAY, 6, 10, 0)]
    assert found.seen == [("header", "api.example.test", 8), ("query", "api.example.test", 2)]
    assert (found.first_at, found.last_at) == (NOW - DAY, NOW)
    assert {each.agent: (each.real, each.missions) for each in found.agents} == {
        agent("bot"): (9, ("m_1", "m_2")), agent("other"): (1, ("m_1",)), agent("third"): (0, ()),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("older", "newer", "trend"), [(5, 2, "falling"), (2, 5, "rising"), (3, 3, "steady"), (0, 0, "none")]
)
def test_a_trend_compares_two_weeks(older: int, newer: int, trend: str) -> None:
    uses = [use("shared", count=each, first=NOW - days * DAY) for each, days in ((older, 7), (newer, 6)) if each]
    assert line(*uses).trend == trend


def test_a_credential_of_two_services_is_one() -> None:
    both = replace(ENTRY, services=("example", "another"))
    found = line(use("shared"), use("placeholder", service="another"), entry=both)
    assert found.calls == {"shared": 1, "placeholder": 1}
