"""Every pair of kinds of evidence, any and all: agreeing, one alone, none, contradicting, one not genuine."""

from __future__ import annotations

import math
import sys
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from ipaddress import ip_network

from decision_world import FOREIGN_PLACEHOLDER, HOST, PLACEHOLDER, empty_snapshot

from exeat.errors import RefusalError
from exeat.identity.agents import AgentIndex, Names, TokenSubject
from exeat.identity.issuer import REQUIRED, TYPES, TrustedIssuer, VerifiedToken
from exeat.identity.prove import Prover
from exeat.identity.shown import Evidence, Shown, Way
from exeat.model.identity import Agent
from exeat.model.reason import Reason
from exeat.model.request import Tunnel, WireRequest
from exeat.ports import VerifiedPass

BOT, OTHER = Agent("bot", "prod", "exeat.internal"), Agent("other-bot", "prod", "exeat.internal")
ISSUER = TrustedIssuer("https://i", "oidc", "us", frozenset({"ES256"}), REQUIRED["oidc"], TYPES["oidc"], 3600, 30)
KINDS = list(Evidence)
ENDS = {Evidence.PASS: 500.0, Evidence.JWT: 400.0, Evidence.SVID: 300.0}


class Passes:
    def verify(self, presented):
        agent = next((each for each in (BOT, OTHER) if presented.reveal() == f"pass.{each.name}"), None)
        if agent is None:
            raise RefusalError(Reason.IDENTITY_INVALID)
        return VerifiedPass("m_1", agent.name, "j", ENDS[Evidence.PASS], agent.spiffe_id)


class Tokens:
    def verify(self, presented, connection):
        if not presented.reveal().startswith("jwt."):
            raise RefusalError(Reason.IDENTITY_INVALID)
        return VerifiedToken(ISSUER, presented.reveal()[4:], "j", ENDS[Evidence.JWT], {})


NAMES = {
    each.key: Names(
        spiffe=(f"spiffe://x/{each.name}",),
        subjects=(TokenSubject("https://i", each.name),),
        networks=(ip_network(f"10.0.0.{number}"),),
    )
    for number, each in enumerate((BOT, OTHER))
}
PROVER = Prover(AgentIndex([BOT, OTHER], NAMES), Passes(), Tokens())
SNAPSHOT = empty_snapshot()


def request(*headers) -> WireRequest:
    return WireRequest(
        "POST", b"/v1/refunds", "", ((b"Host", HOST.encode()), *headers), "HTTP/1.1", Tunnel(HOST, 443, HOST)
    )


def bearer(name: str, text: str):
    return (name.encode(), f"Bearer {text}".encode())


def shown(way: Way, evidence: dict[Evidence, str], *, at_tunnel: bool = False) -> Shown:
    """A connection that shows for each kind an agent's name, or something that isn't genuine."""
    fields = {"svid": "", "svid_until": 0.0, "peer": "10.9.9.9", "headers": ()}
    placeholder = ()
    for kind, name in evidence.items():
        if kind in (Evidence.PASS, Evidence.JWT):
            fields["headers"] = (bearer("Proxy-Authorization", f"{kind}.{name}" if name != "bad" else "nonsense"),)
        elif kind is Evidence.SVID:
            fields |= {"svid": f"spiffe://x/{name}", "svid_until": ENDS[kind]}
        elif kind is Evidence.ADDRESS:
            fields["peer"] = {"bot": "10.0.0.0", "other-bot": "10.0.0.1"}[name]
        elif kind is Evidence.PLACEHOLDER:
            value = {"bot": PLACEHOLDER, "other-bot": FOREIGN_PLACEHOLDER, "bad": "exeat-ph-example-cccc"}[name]
            placeholder = (bearer("Authorization", value),)
    return Shown(way, request=None if at_tunnel else request(*placeholder), **fields)


def outcome(one: Shown):
    try:
        proven = PROVER.prove(one, SNAPSHOT)
    except RefusalError as error:
        return error.reason
    return None if proven is None else (proven.name, set(proven.kinds))


PAIRS = [pair for pair in combinations(KINDS, 2) if set(pair) != {Evidence.PASS, Evidence.JWT}]
PAIR_IDS = ["+".join(pair) for pair in PAIRS]


def way(pair, *, require_all: bool) -> Way:
    return Way("w", frozenset(pair), require_all, BOT.key if Evidence.LISTENER in pair else "")


@pytest.mark.parametrize("require_all", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
def test_two_that_agree(pair, require_all):
    assert outcome(shown(way(pair, require_all=require_all), dict.fromkeys(pair, "bot"))) == ("bot", set(pair))


@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
@pytest.mark.parametrize("which", [0, 1])
def test_one_of_two(pair, which):
    """Enough for any, not for all; a listener is there for everyone who comes in by it."""
    one = {pair[which]: "bot"}
    has = {pair[which]} | ({Evidence.LISTENER} & set(pair))
    assert outcome(shown(way(pair, require_all=False), one)) == ("bot", has)
    expected = ("bot", has) if has == set(pair) else Reason.IDENTITY_MISSING
    assert outcome(shown(way(pair, require_all=True), one)) == expected


@pytest.mark.guard("evidence-conflict")
@pytest.mark.parametrize("require_all", [False, True])
@pytest.mark.parametrize("pair", PAIRS, ids=PAIR_IDS)
def test_two_that_contradict(pair, require_all):
    first, second = pair if pair[1] is not Evidence.LISTENER else pair[::-1]
    evidence = {first: "bot", second: "other-bot"}
    assert outcome(shown(way(pair, require_all=require_all), evidence)) is Reason.IDENTITY_CONFLICT


@pytest.mark.parametrize("require_all", [False, True])
@pytest.mark.parametrize("bad", [Evidence.PASS, Evidence.JWT, Evidence.SVID, Evidence.PLACEHOLDER])
def test_what_isnt_genuine_refuses_beside_what_is(bad, require_all):
    for other in KINDS:
        pair = (bad, other)
        if other is bad or set(pair) == {Evidence.PASS, Evidence.JWT}:
            continue
        evidence = {other: "bot", bad: "bad"}
        assert outcome(shown(way(pair, require_all=require_all), evidence)) is Reason.IDENTITY_INVALID


@pytest.mark.parametrize("require_all", [False, True])
@pytest.mark.parametrize("pair", [pair for pair in PAIRS if Evidence.LISTENER not in pair], ids="+".join)
def test_nothing_shown(pair, require_all):
    assert outcome(shown(way(pair, require_all=require_all), {})) is Reason.IDENTITY_MISSING


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_doesnt_count_is_no_proof(kind):
    """A credential is refused where none counts; of the rest nobody takes notice."""
    for counts in KINDS:
        if counts in (kind, Evidence.LISTENER):
            continue
        found = outcome(shown(Way("w", frozenset({counts})), {kind: "other-bot"}))
        refused = Reason.IDENTITY_INVALID if kind in (Evidence.PASS, Evidence.JWT) else Reason.IDENTITY_MISSING
        assert found is refused


@pytest.mark.guard("pinned-agent")
@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Evidence.LISTENER])
def test_a_pin_contradicts_whoever_it_isnt(kind):
    pinned = Way("w", frozenset({kind}), agent=BOT.key)
    assert outcome(shown(pinned, {kind: "bot"})) == ("bot", {kind})
    assert outcome(shown(pinned, {kind: "other-bot"})) is Reason.IDENTITY_CONFLICT
    unknown = Way("w", frozenset({kind}), agent="prod/gone")
    assert outcome(shown(unknown, {kind: "bot"})) is Reason.IDENTITY_CONFLICT


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind is not Evidence.PLACEHOLDER])
def test_a_placeholder_is_waited_for_only_as_long_as_it_can_decide(kind):
    """Where a tunnel opens: for any, what is there is enough; for all, the rest has to be there already."""
    pair = (kind, Evidence.PLACEHOLDER)
    some, every = way(pair, require_all=False), way(pair, require_all=True)
    assert outcome(shown(some, {kind: "bot"}, at_tunnel=True)) == ("bot", {kind})
    assert outcome(shown(every, {kind: "bot"}, at_tunnel=True)) is None
    if kind is not Evidence.LISTENER:
        assert outcome(shown(some, {}, at_tunnel=True)) is None
        assert outcome(shown(every, {}, at_tunnel=True)) is Reason.IDENTITY_MISSING


def test_the_earliest_end_counts():
    both = Way("w", frozenset({Evidence.PASS, Evidence.SVID}), require_all=True)
    proven = PROVER.prove(shown(both, {Evidence.PASS: "bot", Evidence.SVID: "bot"}), SNAPSHOT)
    assert proven is not None
    assert proven.until == 300.0
    assert proven.mission == "m_1"
    alone = PROVER.prove(shown(Way("w", frozenset({Evidence.ADDRESS})), {Evidence.ADDRESS: "bot"}), SNAPSHOT)
    assert alone is not None
    assert alone.until == math.inf


@pytest.mark.parametrize(
    "spoil", [{"target": b"/a/../b"}, {"method": "TRACE"}, {"headers": ((b"Host", b"evil.test"),)}]
)
def test_a_request_without_one_reading_shows_no_placeholder(spoil):
    """It is refused anyway; here it just proves nobody."""
    one = shown(Way("w", frozenset({Evidence.PLACEHOLDER})), {Evidence.PLACEHOLDER: "bot"})
    assert one.request is not None
    headers = spoil.get("headers", ()) + one.request.headers[1:] if "headers" in spoil else one.request.headers
    spoilt = replace(one, request=replace(one.request, **{**spoil, "headers": headers}))
    assert outcome(spoilt) is Reason.IDENTITY_MISSING
