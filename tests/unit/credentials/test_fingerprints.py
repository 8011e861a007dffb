"""Placeholders and fingerprints: worthless values that say whose they are."""

from __future__ import annotations

import re
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.credentials.fingerprints import build_table, check_shared, placeholder, with_shared
from exeat.credentials.held import Replaced
from exeat.decision.recognise import Known, fingerprint, public_id
from exeat.model.identity import Agent
from exeat.model.secret import Secret
from exeat.model.service import Service, SharedCredential

KEY = b"k" * 32
BOT, OTHER = Agent("bot", "prod", "exeat.internal"), Agent("bot", "staging", "exeat.internal")
SLACK = Service("slack", "Slack", ("slack.test",), shared=SharedCredential("env:SLACK", 2_000_000_000.0))
STRIPE = Service("stripe", "Stripe", ("stripe.test",), shared=SharedCredential("env:STRIPE"))
SHARED = {"slack": Secret("xoxb-0123456789abcdef"), "stripe": Secret("sk_live_0123456789")}


def test_a_placeholder_looks_as_documented():
    """``exeat-ph-<service>-`` and 32 base32 characters, the same at every start."""
    value = placeholder(KEY, BOT, SLACK)
    assert re.fullmatch(r"exeat-ph-slack-[a-z2-7]{32}", value)
    assert value == placeholder(KEY, replace(BOT, groups=frozenset({"g"})), SLACK)


def test_placeholders_differ_by_agent_environment_service_and_key():
    """No two of them are equal."""
    values = {
        placeholder(KEY, BOT, SLACK),
        placeholder(KEY, OTHER, SLACK),
        placeholder(KEY, replace(BOT, name="bot2"), SLACK),
        placeholder(KEY, BOT, STRIPE).replace("stripe", "slack"),
        placeholder(b"o" * 32, BOT, SLACK),
    }
    assert len(values) == 5


def test_the_table_knows_every_placeholder_and_shared_credential():
    """Each is known with its service, agent and date; nothing near it is."""
    table = build_table(KEY, [SLACK, STRIPE], [BOT, OTHER], SHARED)
    assert len(table.known) == 6
    for service, date in ((SLACK, 2_000_000_000.0), (STRIPE, None)):
        value = SHARED[service.name].reveal()
        name = public_id(fingerprint(KEY, value))
        assert table.look_up(value) == Known("shared", service.name, "", date, name)
    assert table.look_up(placeholder(KEY, OTHER, SLACK)) == Known("placeholder", "slack", "staging/bot", None)
    own = placeholder(KEY, BOT, SLACK)
    for wrong in (own[:-1], own + "a", own.upper(), own[:-1] + "!", "", "xoxb-0123456789abcdeF"):
        assert table.look_up(wrong) is None


def test_a_service_without_a_shared_credential_still_has_placeholders():
    """Placeholders don't depend on an old secret."""
    table = build_table(KEY, [replace(SLACK, shared=None)], [BOT], {})
    assert table.look_up(placeholder(KEY, BOT, SLACK)) == Known("placeholder", "slack", "prod/bot", None)


def test_the_table_shows_no_secret():
    """Neither values nor the key are in its repr."""
    shown = repr(build_table(KEY, [SLACK, STRIPE], [BOT], SHARED))
    assert "xoxb" not in shown
    assert "kkkk" not in shown


def test_two_services_with_one_secret_are_a_warning():
    """The second one is named, the first one owns the credential, and the secret isn't quoted."""
    shared = {"slack": Secret("one-and-the-same-secret"), "stripe": Secret("one-and-the-same-secret")}
    (finding,) = check_shared(KEY, [SLACK, STRIPE], shared)
    assert finding.warning
    assert finding.field == "service.stripe.shared"
    assert "slack" in finding.message
    assert "same-secret" not in str(finding)
    table = build_table(KEY, [SLACK, STRIPE], [BOT], shared)
    assert table.look_up("one-and-the-same-secret").service == "slack"


def test_a_short_secret_is_a_warning():
    """Ordinary values would be taken for it."""
    (finding,) = check_shared(KEY, [SLACK], {"slack": Secret("true")})
    assert finding.warning
    assert "true" not in str(finding)


def test_distinct_long_secrets_are_no_finding():
    """Nothing to say, nothing said."""
    assert check_shared(KEY, [SLACK, STRIPE], SHARED) == ()


@settings(max_examples=100)
@given(
    st.lists(
        st.text("abcdefghijklmnopqrstuvwxyz-._0123456789", min_size=1, max_size=20), min_size=2, max_size=6, unique=True
    )
)
def test_every_placeholder_is_known_as_its_own(names):
    """Property: however names resemble each other, a placeholder is known as exactly its agent's and service's."""
    agents = [Agent(name, "prod", "d") for name in names]
    services = [replace(SLACK, name=name, shared=None) for name in names]
    table = build_table(KEY, services, agents, {})
    assert len(table.known) == len(names) ** 2
    for agent in agents:
        for service in services:
            known = table.look_up(placeholder(KEY, agent, service))
            assert (known.agent, known.service) == (agent.key, service.name)


def test_what_a_credential_was_is_taken_for_it_until_its_time_is_up():
    """With shared credentials as they are now; placeholders stay as they were."""
    old, new = Secret("xoxb-old-0123456789"), Secret("xoxb-new-0123456789")
    table = build_table(KEY, [SLACK, STRIPE], [BOT], {"slack": old})
    later = with_shared(table, [SLACK, STRIPE], {"slack": new}, {"slack": [Replaced(old, 1_900_000_000.0)]})
    assert later.look_up(new.reveal()).retire_by == 2_000_000_000.0
    assert later.look_up(old.reveal()).retire_by == 1_900_000_000.0
    assert later.look_up(placeholder(KEY, BOT, SLACK)) == table.look_up(placeholder(KEY, BOT, SLACK))
    assert with_shared(later, [SLACK, STRIPE], {"slack": new}, {}).look_up(old.reveal()) is None
