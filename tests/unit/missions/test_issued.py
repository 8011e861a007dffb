"""What missions got from issuers outside ends with them, whoever held it."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import pytest

from exeat.credentials.sealing import Sealer, SealingKey
from exeat.errors import UnavailableError
from exeat.missions.issued import Issued
from exeat.model.issued import IssuedToken, TokenState
from exeat.model.issuing import Grade, IssuerSpec
from exeat.model.secret import Secret
from exeat.ports import Applied, TokenLeft
from unit.standing_clock import StandingClock

ONE = IssuedToken("t-1", "m_1", "m_1/bot", "example", "vault", "B", "example:read", 1.0, 2_000_000_000.0)
SPECS = {"example": IssuerSpec("vault", 60.0, grade=Grade.B, listed=True)}


class Listed:
    """The list, in memory."""

    def __init__(self) -> None:
        self.lines: dict[str, IssuedToken] = {}
        self.down = False

    async def add(self, token: IssuedToken) -> None:
        if self.down:
            raise UnavailableError("down")
        self.lines[token.id] = token

    async def of_mission(self, mission: str) -> Sequence[IssuedToken]:
        if self.down:
            raise UnavailableError("down")
        return [each for each in self.lines.values() if each.mission == mission]

    async def stranded(self, replica: str, now: float) -> Sequence[IssuedToken]:
        return [each for each in self.lines.values() if each.state is TokenState.LIVE]

    async def settle(self, mission: str, ids: Collection[str], state: TokenState) -> None:
        for each in ids:
            if each in self.lines:
                self.lines[each] = replace(self.lines[each], state=state)

    async def forget(self, before: float) -> int:
        return 0


class Vault:
    """An issuer that revokes whatever it is shown, unless it is told to fail."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.answer: bool | Exception = True

    async def mint(self, request, spec):
        raise NotImplementedError

    async def revoke(self, token, spec):
        self.shown.append((token.handle or token.value).reveal())
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.fixture
def listed():
    return Listed()


@pytest.fixture
def vault():
    return Vault()


@pytest.fixture
def issued(listed, vault):
    return Issued(listed, Sealer([SealingKey.derive(b"k" * 32)]), {"vault": vault}, SPECS, StandingClock())


@pytest.mark.guard("orphans-are-revoked")
async def test_what_nobody_held_any_more_is_revoked_and_counted(issued, listed, vault):
    """Its worker is gone; what opens it lay sealed in the list."""
    await issued.issued(ONE, Secret("CANARY-opens-it"))
    assert b"CANARY" not in (listed.lines["t-1"].sealed or b"")
    after = await issued.settle("m_1", Applied(tokens_dropped=2, tokens_revoked=2, ended=("t-9",)))
    assert (after.tokens_dropped, after.tokens_revoked, after.left) == (3, 3, ())
    assert vault.shown == ["CANARY-opens-it"]
    assert listed.lines["t-1"].state is TokenState.REVOKED


@pytest.mark.parametrize("answer", [False, RuntimeError("CANARY in a message"), UnavailableError("gone")])
async def test_what_cannot_be_revoked_is_named_with_its_end(issued, listed, vault, answer):
    """The call that ends the mission says so."""
    await issued.issued(ONE, Secret("opens-it"))
    vault.answer = answer
    after = await issued.settle("m_1", Applied())
    assert (after.tokens_dropped, after.tokens_revoked) == (1, 0)
    assert after.left == (TokenLeft("example", "t-1", 2_000_000_000.0),)
    assert listed.lines["t-1"].state is TokenState.LEFT


async def test_what_a_worker_answered_for_is_not_revoked_again(issued, listed, vault):
    """Revoked there, or named there as living on."""
    await issued.issued(ONE, Secret("a"))
    await issued.issued(replace(ONE, id="t-2"), Secret("b"))
    before = Applied(
        tokens_dropped=2, tokens_revoked=1, left=(TokenLeft("example", "t-2", 2_000_000_000.0),), ended=("t-1",)
    )
    assert await issued.settle("m_1", before) == before
    assert vault.shown == []
    assert [each.state for each in listed.lines.values()] == [TokenState.REVOKED, TokenState.LEFT]


async def test_what_is_over_or_another_replicas_is_left_alone(issued, listed, vault):
    """The other replica settles its own."""
    await issued.issued(replace(ONE, expires_at=1.0), Secret("a"))
    listed.lines["t-2"] = replace(ONE, id="t-2", replica="other")
    assert await issued.settle("m_1", Applied()) == Applied()
    assert vault.shown == []


async def test_a_list_that_cannot_be_had_holds_up_no_end_but_no_token_is_used_unlisted(issued, listed):
    """Ending is done whatever the list says; a mint that can't be listed isn't used."""
    listed.down = True
    assert await issued.settle("m_1", Applied(tokens_dropped=1)) == Applied(tokens_dropped=1)
    with pytest.raises(UnavailableError):
        await issued.issued(ONE, Secret("a"))


@pytest.mark.guard("sealed-for-one-token")
async def test_sealed_for_one_token_opens_no_other(issued, listed, vault):
    """Whoever writes into the store can't have another mission's token revoked with it."""
    await issued.issued(ONE, Secret("a"))
    listed.lines["t-2"] = replace(listed.lines.pop("t-1"), id="t-2")
    after = await issued.settle("m_1", Applied())
    assert (after.tokens_revoked, vault.shown) == (0, [])


async def test_the_sweep_ends_what_outlived_its_mission(issued, listed, vault):
    """After a crash between the end and its settling."""
    await issued.issued(ONE, Secret("a"))
    assert await issued.sweep() == 1
    assert listed.lines["t-1"].state is TokenState.REVOKED
