"""Which agent evidence means."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from exeat.errors import RefusalError
from exeat.identity.agents import AgentIndex, Names, TokenSubject
from exeat.identity.issuer import REQUIRED, TYPES, TrustedIssuer, VerifiedToken
from exeat.model.identity import SPIFFE_ID, Agent, trust_domain_of
from exeat.model.reason import Reason

ANN, BOB = Agent("ann", "prod", "exeat.internal"), Agent("bob", "prod", "exeat.internal")
ISSUER = TrustedIssuer("https://i", "oidc", "us", frozenset({"ES256"}), REQUIRED["oidc"], TYPES["oidc"], 3600, 30)


def index(*names: Names) -> AgentIndex:
    return AgentIndex([ANN, BOB], dict(zip((ANN.key, BOB.key), names, strict=False)))


def token(subject="s", **claims) -> VerifiedToken:
    return VerifiedToken(ISSUER, subject, "", 2e9, claims)


@pytest.mark.parametrize(
    ("address", "agent"),
    [
        ("10.1.2.3", ANN), ("10.1.2.4", None), ("10.2.0.255", ANN), ("10.2.1.0", None), ("::ffff:10.1.2.3", ANN),
        ("fd00::1", BOB), ("fd01::1", None), ("FD00:0::1", BOB), ("fd00::1%eth0", None), ("", None), ("x", None), ("010.1.2.3", None),
    ],
)  # fmt: skip
def test_addresses(address, agent):
    known = index(
        Names(networks=(ip_network("10.1.2.3"), ip_network("10.2.0.0/24"))), Names(networks=(ip_network("fd00::/16"),))
    )
    assert known.by_address(address) is agent


def test_the_longest_network_wins():
    """The configuration refuses overlaps; were there one, the nearer name would count."""
    known = index(Names(networks=(ip_network("10.0.0.0/8"),)), Names(networks=(ip_network("10.1.0.0/16"),)))
    assert known.by_address("10.1.0.1") is BOB
    assert known.by_address("10.2.0.1") is ANN


def test_a_token_that_means_two_agents_means_none():
    both = index(
        Names(subjects=(TokenSubject("https://i", "s", ((("a",), "1"),)),)),
        Names(subjects=(TokenSubject("https://i", "s", ((("b", "c"), "2"),)),)),
    )
    assert both.by_token(token(a="1")) is ANN
    assert both.by_token(token(b={"c": "2"})) is BOB
    assert both.by_token(token(a="2")) is None
    assert both.by_token(token("t", a="1")) is None
    with pytest.raises(RefusalError) as refused:
        both.by_token(token(a="1", b={"c": "2"}))
    assert refused.value.reason is Reason.IDENTITY_CONFLICT


def test_an_agents_own_id_means_it():
    known = index(Names(spiffe=("spiffe://example.org/a",)))
    assert known.by_spiffe(ANN.spiffe_id) is ANN
    assert known.by_spiffe("spiffe://example.org/a") is ANN
    assert known.by_spiffe("spiffe://example.org/A") is None


@pytest.mark.parametrize(
    "text",
    ["", "spiffe://", "spiffe://a", "spiffe://a/", "spiffe://a//b", "spiffe://a/b/", "spiffe://a/./b", "spiffe://a/..",
     "spiffe://A/b", "spiffe://a/b%41", "spiffe://a/b\n", "SPIFFE://a/b", "spiffe://a:1/b", "spiffe://a/" + "b" * 2048],
)  # fmt: skip
def test_what_is_no_spiffe_id(text):
    assert not SPIFFE_ID.fullmatch(text)
    assert trust_domain_of(text) == ""


def test_a_spiffe_id_of_the_greatest_length():
    assert trust_domain_of("spiffe://a/" + "b" * (2048 - 11)) == "a"
    assert trust_domain_of("spiffe://a.b-c_d/..x/.y/z.") == "a.b-c_d"
