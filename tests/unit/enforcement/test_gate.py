"""The gate: every fault of a port is a refusal, every request has one decision and one outcome, in that order."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "decision"))
from decision_world import AGENTS, HOST, MISSION, NOW, FakeEngine, empty_snapshot

from exeat.credentials.custody import Custody
from exeat.decision.snapshot import with_mission
from exeat.decision.verdict import Denied, Failed, Held
from exeat.enforcement.admission import Pending
from exeat.enforcement.answers.keeping import Keeper
from exeat.enforcement.exchange import Exchange
from exeat.enforcement.gate import Gate
from exeat.enforcement.identified import Identity
from exeat.enforcement.identify import Identifier
from exeat.enforcement.limits.budgets import Budgets
from exeat.enforcement.openings import Openings
from exeat.enforcement.refusal import Refusal
from exeat.enforcement.world import World
from exeat.errors import RefusalError
from exeat.identity.agents import AgentIndex
from exeat.identity.prove import Prover
from exeat.identity.shown import Shown, Way
from exeat.identity.tokens import TokenVerifier
from exeat.model.decision import Deny
from exeat.model.issuing import Grade
from exeat.model.mission import MissionState
from exeat.model.reason import Reason
from exeat.model.request import Headers, Tunnel, WireRequest
from exeat.model.secret import Secret
from exeat.model.service import Handouts
from exeat.model.token import Token
from exeat.ports import VerifiedPass
from unit.memory_ledger import MemoryLedger
from unit.quiet_rules import quiet
from unit.standing_clock import StandingClock

TOKEN = Token(Secret("minted-token-value"), "t_1", Grade.A, NOW + 60)
ME = Identity("m_1", "bot")


class Audit:
    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.broken: BaseException | None = None

    def append(self, record: dict[str, Any]) -> None:
        if self.broken is not None:
            raise self.broken
        self.records.append(record)


class Broker:
    def __init__(self, ready: Token | None = TOKEN) -> None:
        self.ready = ready
        self.mint: Callable[[], Any] = lambda: TOKEN
        self.order: list[str] = []

    def cached(self, request: Any) -> Token | None:
        return self.ready

    async def token(self, request: Any) -> Token:
        self.order.append("mint")
        result = self.mint()
        return await result if asyncio.iscoroutine(result) else result


class Passes:
    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def verify(self, presented: Secret) -> VerifiedPass:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


class Never:
    def use(self, *_: Any) -> None:
        raise AssertionError("no token is shown")


class NoOpener:
    async def open(self, template: str, agent: str, evidence: Any) -> None:
        raise AssertionError("nothing opens on request")


class Rig:
    def __init__(self, engine: Any = None, broker: Broker | None = None, passes: Any = None) -> None:
        self.world = World(with_mission(empty_snapshot(engine), MISSION, AGENTS), lambda: 0.0)
        self.audit, self.broker = Audit(), broker or Broker()
        keeper = Keeper(Custody(b"k" * 32, StandingClock(NOW).time, 4096), StandingClock(NOW), Handouts())
        self.gate = Gate(
            self.world,
            self.identifier(passes),
            self.broker,
            self.audit,
            StandingClock(NOW),
            keeper,
            quiet(self.world, StandingClock(NOW)),
            Budgets(MemoryLedger(), StandingClock(NOW)),
            Openings((), NoOpener()),
            deadline=0.2,
            pairwise_key=b"k" * 32,
        )  # type: ignore[arg-type]

    def identifier(self, passes: Any) -> Identifier:
        prover = Prover(AgentIndex(AGENTS.values(), {}), Passes(passes), TokenVerifier((), Never(), StandingClock(NOW)))
        return Identifier(prover, self.world, StandingClock(NOW))

    async def ask(self, wire: WireRequest | None = None, identity: Identity = ME, **more: Any) -> Any:
        answer = self.gate.admit(identity, wire or request(), **more)
        return await answer.mint() if isinstance(answer, Pending) else answer

    def kinds(self) -> list[str]:
        return [str(record["kind"]) for record in self.audit.records]


def request(method: str = "POST", target: str = "/v1/refunds", sni: str = HOST) -> WireRequest:
    return WireRequest(method, target.encode(), "", ((b"Host", HOST.encode()),), "HTTP/1.1", Tunnel(HOST, 443, sni))


def showing(headers: Headers) -> Shown:
    return Shown(Way("http://127.0.0.1:8080"), "127.0.0.1", headers=headers)


def code(answer: Any) -> str:
    assert isinstance(answer, Refusal), answer
    return str(orjson.loads(answer.body)["code"])


async def test_a_permit_is_recorded_then_stamped_with_the_token_and_one_tag() -> None:
    rig = Rig()
    exchange = await rig.ask()
    assert isinstance(exchange, Exchange)
    assert rig.kinds() == ["decision"]
    assert rig.audit.records[0]["decision"] == "permit"
    fields = dict(exchange.headers)
    assert fields[b"authorization"] == b"Bearer minted-token-value"
    assert fields[b"exeat-agent"] == b"spiffe://exeat.internal/env/prod/agent/bot"
    rig.gate.finish(exchange, 200)
    rig.gate.finish(exchange, 200)
    assert rig.kinds() == ["decision", "outcome"]
    assert "minted-token-value" not in str(rig.audit.records)


@pytest.mark.guard("outlived-by-any-clock")
async def test_a_mission_that_is_over_by_the_other_clock_is_over() -> None:
    rig = Rig()
    rig.world.lifetimes.note(MISSION, MISSION.expires_at - 1, StandingClock(NOW).monotonic())
    assert isinstance(await rig.ask(), Exchange)
    rig.world.lifetimes.note(MISSION, MISSION.expires_at, StandingClock(NOW).monotonic())
    assert code(await rig.ask()) == "mission_ended"


@pytest.mark.guard("write-ahead")
async def test_the_record_comes_before_the_mint() -> None:
    rig = Rig(broker=Broker(ready=None))
    rig.broker.mint = lambda: (rig.broker.order.append(rig.kinds()[0]), TOKEN)[1]  # type: ignore[func-returns-value]
    assert isinstance(await rig.ask(), Exchange)
    assert rig.broker.order == ["mint", "decision"]


@pytest.mark.parametrize(
    "fault", [RefusalError(Reason.AUDIT_UNAVAILABLE), OSError("disk"), RuntimeError("bug"), MemoryError()]
)
async def test_what_cant_be_recorded_is_refused(fault: BaseException) -> None:
    rig = Rig(broker=Broker(ready=None))
    rig.audit.broken = fault
    assert code(await rig.ask()) in ("audit_unavailable", "internal_error")
    assert rig.broker.order == []


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (RefusalError(Reason.TOKEN_UNAVAILABLE), "token_unavailable"),
        (RefusalError(Reason.TOKEN_TOO_WIDE), "token_too_wide"),
        (RefusalError(Reason.MISSION_ENDED), "mission_ended"),
        (OSError("issuer down"), "internal_error"),
        (ValueError("lie"), "internal_error"),
        (TimeoutError(), "token_unavailable"),
    ],
)
async def test_a_failed_mint_is_refused_and_accounted_for(fault: BaseException, expected: str) -> None:
    def fail() -> Token:
        raise fault

    rig = Rig(broker=Broker(ready=None))
    rig.broker.mint = fail
    assert code(await rig.ask()) == expected
    assert rig.kinds() == ["decision", "outcome"]
    assert rig.audit.records[1]["outcome"] == "not_sent"


async def test_a_late_mint_is_refused() -> None:
    rig = Rig(broker=Broker(ready=None))
    rig.broker.mint = lambda: asyncio.sleep(5, TOKEN)
    assert code(await rig.ask()) == "token_unavailable"


@pytest.mark.guard("stamp-recheck-after-mint")
@pytest.mark.parametrize("state", [MissionState.REVOKED, MissionState.CLOSED, MissionState.SUSPENDED])
async def test_a_mission_that_ends_while_its_token_is_minted_sends_nothing(state: MissionState) -> None:
    from dataclasses import replace

    rig = Rig(broker=Broker(ready=None))

    def end_then_mint() -> Token:
        rig.world.snapshot = with_mission(rig.world.snapshot, replace(MISSION, state=state), AGENTS)
        return TOKEN

    rig.broker.mint = end_then_mint
    assert code(await rig.ask()) == "mission_ended"
    assert rig.audit.records[1]["outcome"] == "not_sent"


async def test_an_abandoned_mint_is_accounted_for() -> None:
    rig = Rig(broker=Broker(ready=None))
    rig.broker.mint = lambda: asyncio.sleep(5, TOKEN)
    pending = rig.gate.admit(ME, request())
    assert isinstance(pending, Pending)
    task = asyncio.ensure_future(pending.mint())
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert rig.kinds() == ["decision", "outcome"]


@pytest.mark.parametrize(
    ("verdict", "expected", "kind"),
    [
        (Denied(Reason.POLICY_DENIED, ("a",), "Ask."), "policy_denied", "deny"),
        (Failed("skipped forbid"), "policy_error", "deny"),
        (Held(("security-team",)), "approval_required", "hold"),
    ],
)
async def test_a_verdict_against_it_is_rendered_and_recorded(verdict: Any, expected: str, kind: str) -> None:
    rig = Rig(engine=FakeEngine(verdict))
    assert code(await rig.ask()) == expected
    assert rig.kinds() == ["decision", "outcome"]
    assert rig.audit.records[0]["decision"] == kind
    assert "skipped forbid" not in str(await rig.ask())


async def test_an_engine_that_raises_refuses() -> None:
    class Broken(FakeEngine):
        def judge(self, *_: Any) -> Any:
            raise RuntimeError("engine")

    assert code(await Rig(engine=Broken()).ask()) == "internal_error"


async def test_malformed_and_foreign_authority_are_refused_and_close_the_connection() -> None:
    rig = Rig()
    for wire, expected in (
        (request(sni="evil.test"), "authority_mismatch"),
        (request(target="/a/../b"), "request_malformed"),
    ):
        answer = await rig.ask(wire)
        assert code(answer) == expected
        assert answer.close


async def test_a_session_that_isnt_there_has_ended() -> None:
    rig = Rig()
    assert code(await rig.ask(identity=Identity("m_2", "bot"))) == "mission_ended"
    assert code(await rig.ask(identity=Identity("", "", ended=True))) == "mission_ended"


async def test_a_stopping_worker_refuses() -> None:
    rig = Rig()
    rig.world.draining = True
    assert code(await rig.ask()) == "state_stale"


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (RefusalError(Reason.IDENTITY_INVALID), Reason.IDENTITY_INVALID),
        (RuntimeError("verifier"), Reason.INTERNAL_ERROR),
    ],
)
def test_a_pass_that_cant_be_verified_identifies_nobody(answer: BaseException, expected: Reason) -> None:
    shown = ((b"Proxy-Authorization", b"Bearer abc"),)
    found = Rig(passes=answer).gate.identify(showing(shown))
    assert isinstance(found, Deny)
    assert found.reason is expected


def test_an_expired_pass_identifies_somebody_whose_mission_is_over() -> None:
    found = Rig(passes=RefusalError(Reason.MISSION_ENDED)).gate.identify(
        showing(((b"Proxy-Authorization", b"Bearer abc"),))
    )
    assert found == Identity("", "", ended=True)


def test_no_pass_is_a_challenge() -> None:
    rig = Rig()
    found = rig.gate.identify(showing(()))
    assert isinstance(found, Deny)
    assert rig.gate.refuse(found, None, None).status == 407
    assert rig.kinds() == ["decision", "outcome"]
