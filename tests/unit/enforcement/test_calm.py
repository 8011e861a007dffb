"""An HTTP/2 connection alone: its allowances come back, and what waits is counted exactly."""

from __future__ import annotations

import h2.config
import h2.connection
import pytest
from h2.settings import SettingCodes
from hypothesis import given
from hypothesis import strategies as st

from exeat.config.tables.proxy import LimitsTable
from exeat.enforcement.limits import calm
from exeat.enforcement.limits.calm import Allowance, CalmConnection, FloodError


def test_an_allowance_is_so_many_in_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 100.0
    monkeypatch.setattr(calm.time, "monotonic", lambda: now)
    allowance = Allowance(10)
    for _ in range(10):
        allowance.take("frames")
    with pytest.raises(FloodError):
        allowance.take("frames")
    now += 1.0
    allowance.take("frames")
    with pytest.raises(FloodError):
        allowance.take("frames")


def _pair(window: int) -> tuple[h2.connection.H2Connection, CalmConnection]:
    agent = h2.connection.H2Connection(h2.config.H2Configuration(client_side=True))
    ours = CalmConnection(h2.config.H2Configuration(client_side=False), LimitsTable())
    agent.initiate_connection()
    agent.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: window})
    ours.initiate_connection()
    ours.receive_data(agent.data_to_send())
    agent.receive_data(ours.data_to_send())
    agent.send_headers(
        1, [(":method", "GET"), (":scheme", "https"), (":authority", "a"), (":path", "/")], end_stream=True
    )
    ours.receive_data(agent.data_to_send())
    ours.send_headers(1, [(":status", "200")])
    return agent, ours


@given(
    st.lists(st.integers(0, 40_000), max_size=12), st.integers(0, 50_000), st.lists(st.integers(1, 60_000), max_size=6)
)
def test_everything_arrives_once_and_what_waits_is_counted(pieces: list[int], window: int, grants: list[int]) -> None:
    agent, ours = _pair(window)
    sent = bytearray()
    for number, size in enumerate(pieces):
        piece = bytes([number % 251]) * size
        sent += piece
        ours.send_data(1, piece)
    ours.end_stream(1)
    got, ended = bytearray(), False

    def deliver() -> bool:
        over = False
        for event in agent.receive_data(ours.data_to_send()):
            if isinstance(event, h2.events.DataReceived):
                got.extend(event.data)
            over = over or isinstance(event, h2.events.StreamEnded)
        return over

    ended = deliver()
    for grant in [*grants, len(sent) + 1]:
        assert ours.kept.get(1, 0) == len(sent) - len(got)
        if ended:
            break
        agent.increment_flow_control_window(grant, 1)
        agent.increment_flow_control_window(grant)
        ours.receive_data(agent.data_to_send())
        ended = deliver()
    assert ended
    assert got == sent
    assert ours.kept == {}


def test_room_is_granted_when_what_came_was_passed_on() -> None:
    agent, ours = _pair(65535)
    ours.data_to_send()
    agent.send_headers(3, [(":method", "POST"), (":scheme", "https"), (":authority", "a"), (":path", "/")])
    ours.full = lambda _: True
    for _ in range(20):
        agent.send_data(3, b"x" * 16384)
        for event in ours.receive_data(agent.data_to_send()):
            if isinstance(event, h2.events.DataReceived):
                ours.acknowledge_received_data(event.flow_controlled_length, 3)
    assert not ours.may_settle()
    assert ours.owed == {3: 20 * 16384}
    assert ours.data_to_send() == b""
    ours.full = lambda _: False
    assert ours.may_settle()
    before = agent.local_flow_control_window(3)
    agent.receive_data(ours.settle())
    assert agent.local_flow_control_window(3) > before
    assert ours.owed == {}
