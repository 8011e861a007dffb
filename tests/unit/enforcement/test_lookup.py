"""Lookups of one session wait for that session only, and giving up doesn't make room."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Sequence

import pytest

from exeat.enforcement.lookup import FairResolver, SystemResolver
from exeat.errors import RefusalError
from exeat.model.reason import Reason


class Slow:
    """A resolver that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.go = asyncio.Event()

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked.append(host)
        await self.go.wait()
        if host == "bad":
            raise RefusalError(Reason.UPSTREAM_UNREACHABLE, "no")
        return [host]


@pytest.mark.guard("lookup-share")
async def test_one_session_waits_for_itself_and_no_other_does() -> None:
    slow = Slow()
    fair = FairResolver(slow)
    mine = [asyncio.create_task(fair.resolve("a", f"h{number}", 443)) for number in range(20)]
    await asyncio.sleep(0.01)
    assert len(slow.asked) == 8
    other = asyncio.create_task(fair.resolve("b", "other", 443))
    await asyncio.sleep(0.01)
    assert slow.asked[-1] == "other"
    slow.go.set()
    assert await other == ["other"]
    assert [await task for task in mine] == [[f"h{number}"] for number in range(20)]


async def test_who_gives_up_still_holds_a_share_until_the_lookup_ends() -> None:
    slow = Slow()
    fair = FairResolver(slow)
    for number in range(8):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await fair.resolve("a", f"h{number}", 443)
    late = asyncio.create_task(fair.resolve("a", "late", 443))
    await asyncio.sleep(0.01)
    assert "late" not in slow.asked
    slow.go.set()
    assert await late == ["late"]


async def test_a_failed_lookup_gives_its_share_back() -> None:
    slow = Slow()
    slow.go.set()
    fair = FairResolver(slow)
    for _ in range(20):
        with pytest.raises(RefusalError):
            await fair.resolve("a", "bad", 443)
    assert await fair.resolve("a", "good", 443) == ["good"]


@pytest.mark.parametrize("error", [OSError("no"), UnicodeError("label too long"), ValueError("odd"), MemoryError()])
async def test_whatever_a_lookup_raises_the_name_has_no_address(
    monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(socket, "getaddrinfo", fails)
    with pytest.raises(RefusalError) as caught:
        await SystemResolver().resolve("api.example.com", 443)
    assert caught.value.reason is Reason.UPSTREAM_UNREACHABLE


@pytest.mark.guard("absolute-name")
@pytest.mark.guard("lookup-threads")
async def test_a_lookup_asks_for_the_absolute_name_in_a_thread_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    def finds(host: str, port: int, **_: object) -> list[tuple[object, ...]]:
        asked.append((host, port, threading.current_thread().daemon))
        return [(socket.AF_INET, 0, 0, "", (address, port)) for address in ("192.0.2.1", "192.0.2.2", "192.0.2.1")]

    monkeypatch.setattr(socket, "getaddrinfo", finds)
    assert await SystemResolver().resolve("api.example.com", 443) == ["192.0.2.1", "192.0.2.2"]
    assert asked == [("api.example.com.", 443, True)]
