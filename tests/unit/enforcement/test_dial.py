"""The second gate: only checked addresses are dialled, and exactly those."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from exeat.enforcement.dial import Dialer
from exeat.errors import RefusalError
from exeat.model.reason import Reason


class Names:
    """A resolver that answers what it is told."""

    def __init__(self, *answers: str) -> None:
        self.answers, self.asked = answers, 0

    async def resolve(self, host: str, port: int) -> Sequence[str]:
        self.asked += 1
        return self.answers


@pytest.fixture
async def listening() -> AsyncIterator[tuple[int, list[object]]]:
    seen: list[object] = []

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(writer)
        await reader.read()
        writer.close()

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    async with server:
        yield server.sockets[0].getsockname()[1], seen


async def refusal(dialer: Dialer, host: str = "api.example.com", port: int = 443) -> Reason:
    with pytest.raises(RefusalError) as caught:
        await dialer.dial(host, port, asyncio.Protocol)
    return caught.value.reason


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "169.254.169.254", "100.64.0.1", "192.168.1.1", "0.0.0.0", "::1", "::", "fe80::1%eth0",
     "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "2001:0:53aa::1", "fd00:ec2::254", "fc00::1", "ff02::1",
     "2001:db8::1", "240.0.0.1", "224.0.0.1", "198.18.0.1", "2606:4700::5efe:7f00:1", "nonsense"],
)  # fmt: skip
async def test_a_name_with_a_refused_address_opens_no_connection(address: str) -> None:
    assert await refusal(Dialer(Names(address), {}, [], 1)) is Reason.ADDRESS_NOT_ALLOWED


async def test_an_override_reaches_a_private_address_and_asks_no_resolver(listening) -> None:
    port, seen = listening
    names = Names("203.0.113.1")
    dialer = Dialer(names, {("api.example.com", 443): ("127.0.0.1", port)}, [], 1)
    transport = await dialer.dial("api.example.com", 443, asyncio.Protocol)
    await asyncio.sleep(0.02)
    transport.close()
    assert names.asked == 0
    assert len(seen) == 1


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "::ffff:169.254.169.254", "100.100.100.200"])
@pytest.mark.guard("metadata-override")
async def test_no_override_reaches_metadata(address: str) -> None:
    dialer = Dialer(Names(), {("api.example.com", 443): (address, 80)}, [], 1)
    assert await refusal(dialer) is Reason.ADDRESS_NOT_ALLOWED


@pytest.mark.parametrize("address", ["127.0.0.1", "0.0.0.0", "::1", "::ffff:127.0.0.1"])
async def test_no_override_reaches_our_own_listeners(listening, address: str) -> None:
    port, seen = listening
    dialer = Dialer(Names(), {("api.example.com", 443): (address, port)}, [("127.0.0.1", port)], 1)
    assert await refusal(dialer) is Reason.ADDRESS_NOT_ALLOWED
    assert seen == []


@pytest.mark.parametrize(
    ("host", "own"),
    [("127.0.0.1", True), ("localhost", True), ("x.localhost", True), ("127.9.9.9", True), ("::1", True),
     ("::ffff:127.0.0.1", True), ("0.0.0.0", True), ("api.example.com", False), ("8.8.8.8", False)],
)  # fmt: skip
def test_a_loop_is_recognised_in_any_form(host: str, own: bool) -> None:
    dialer = Dialer(Names(), {}, [("127.0.0.1", 8080)], 1)
    assert dialer.is_self(host, 8080) is own
    assert not dialer.is_self(host, 9999)


@pytest.mark.guard("own-address")
def test_a_port_of_ours_is_ours_at_every_address_of_this_machine() -> None:
    dialer = Dialer(Names(), {}, [("0.0.0.0", 8080)], 1)
    own = {entry[4][0] for entry in socket.getaddrinfo(socket.gethostname(), None)}
    assert all(dialer.is_self(address, 8080) for address in own)
    assert not any(dialer.is_self(address, 8081) for address in own)
    assert not dialer.is_self("192.0.2.1", 8080)  # documentation: nobody has it


async def test_no_answer_in_time_is_unreachable() -> None:
    class Silent:
        async def resolve(self, host: str, port: int) -> Sequence[str]:
            await asyncio.sleep(10)
            return []

    assert await refusal(Dialer(Silent(), {}, [], 0.05)) is Reason.UPSTREAM_UNREACHABLE


async def test_nobody_listening_is_unreachable() -> None:
    dialer = Dialer(Names(), {("api.example.com", 443): ("127.0.0.1", 1)}, [], 1)
    assert await refusal(dialer) is Reason.UPSTREAM_UNREACHABLE
