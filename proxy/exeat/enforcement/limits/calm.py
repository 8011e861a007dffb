"""An HTTP/2 connection that a peer can't exhaust: floods are answered with GOAWAY, what isn't read is counted.

h2 and mitmproxy speak the protocol; here is only how much of it a peer may make us do. Must not know: requests, agents,
what a stream is for.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Any

import h2.config
import h2.connection
import h2.errors
import h2.exceptions
from h2.settings import SettingCodes
from hyperframe import frame as frames
from mitmproxy.proxy.layers.http._http_h2 import BufferedH2Connection, SendH2Data

from exeat.config.tables.proxy import LimitsTable

_PERIOD = 10.0
_UPDATES = 10
"""WINDOW_UPDATE frames a peer may send for each DATA frame of ours (Envoy's number)."""
_PIECE = 4096
"""Smaller pieces are joined while they wait, or a frame of one byte would cost a hundred."""


class FloodError(h2.exceptions.ProtocolError):
    """A peer makes us work for nothing."""

    error_code = h2.errors.ErrorCodes.ENHANCE_YOUR_CALM


class Allowance:
    """So many in ten seconds: a bucket of that size, filled evenly."""

    __slots__ = ("_left", "_most", "_then")

    def __init__(self, most: int) -> None:
        self._most = self._left = float(most)
        self._then = time.monotonic()

    def take(self, what: str) -> None:
        """Use one; raise FloodError when there is none."""
        now = time.monotonic()
        self._left = min(self._most, self._left + (now - self._then) * self._most / _PERIOD)
        self._then = now
        if self._left < 1:
            raise FloodError(f"too many {what}")
        self._left -= 1


class CalmConnection(BufferedH2Connection):
    """mitmproxy's connection, with limits. ``full`` says of a stream that what comes on it can't be passed on now."""

    MAX_CLOSED_STREAMS = 4096

    def __init__(self, config: h2.config.H2Configuration, limits: LimitsTable) -> None:
        super().__init__(config)
        self.limits = limits
        self.full: Callable[[int], bool] = lambda _: False
        self.kept: dict[int, int] = {}
        """Bytes by stream that wait for the peer to grant a window."""
        self.owed: dict[int, int] = {}
        """Bytes by stream that came and can't be passed on yet: the peer is granted no room for them."""
        self._resets, self._empty = Allowance(limits.resets), Allowance(limits.empty_frames)
        self._updates = 0
        self._receiving = False
        self.local_settings[SettingCodes.INITIAL_WINDOW_SIZE] = limits.window
        self.local_settings[SettingCodes.MAX_CONCURRENT_STREAMS] = limits.streams
        self.local_settings[SettingCodes.MAX_HEADER_LIST_SIZE] = limits.header_bytes
        self.local_settings.acknowledge()  # else the old ones would be announced
        self.decoder.max_header_list_size = limits.header_bytes

    # --- what a peer may make us do -------------------------------------------------------------------------------------

    def receive_data(self, data: Any) -> list[Any]:
        """As mitmproxy's; a header block is bounded also while it isn't complete (CONTINUATION flood, CVE-2024-27316)."""
        events: list[Any] = super().receive_data(data)
        if sum(len(each.data) for each in self.unfinished) > self.limits.header_bytes:
            self._terminate_connection(FloodError.error_code)
            raise FloodError("a header block is too large")
        for stream in [stream for stream in self.kept if stream not in self.stream_buffers]:
            del self.kept[stream]
        return events

    @property
    def unfinished(self) -> list[Any]:
        """The frames of a header block that isn't complete."""
        found: list[Any] = self.incoming_buffer._headers_buffer  # noqa: SLF001 h2 has no public name for it
        return found

    @property
    def head_pending(self) -> bool:
        """Whether a header block has begun and not ended."""
        rest = self.incoming_buffer._data  # noqa: SLF001 as above
        return bool(self.unfinished) or (len(rest) > 3 and rest[3] in (1, 9))  # HEADERS, CONTINUATION

    def _receive_frame(self, frame: frames.Frame) -> list[Any]:
        self._charge(frame)
        self._receiving = True
        try:
            events: list[Any] = super()._receive_frame(frame)
        finally:
            self._receiving = False
        return events

    def _charge(self, frame: Any) -> None:
        kind = type(frame)
        if kind is frames.HeadersFrame or (kind is frames.DataFrame and (frame.data or "END_STREAM" in frame.flags)):
            return
        if kind is frames.RstStreamFrame:
            self._resets.take("resets")
        elif kind is frames.WindowUpdateFrame and self._updates > 0:
            self._updates -= 1
        else:
            self._empty.take("frames that carry nothing")

    def _prepare_for_sending(self, sent: list[frames.Frame]) -> None:
        for each in sent:
            kind = type(each)
            if kind is frames.DataFrame:
                self._updates = min(self._updates + _UPDATES, 10_000)
            elif kind is frames.RstStreamFrame and self._receiving:
                self._resets.take("streams that we had to reset")  # MadeYouReset
        super()._prepare_for_sending(sent)

    # --- what a peer doesn't read ---------------------------------------------------------------------------------------

    def send_data(self, stream_id: int, data: Any, end_stream: bool = False, pad_length: None = None) -> None:  # noqa: ARG002 h2's signature
        """Send what the peer's windows let, keep and count the rest."""
        step = self.max_outbound_frame_size
        while len(data) > step:
            self._send_piece(stream_id, data[:step], end=False)
            data = data[step:]
        self._send_piece(stream_id, data, end=end_stream)

    def _send_piece(self, stream_id: int, data: bytes, *, end: bool) -> None:
        waiting: deque[SendH2Data] = self.stream_buffers.get(stream_id) or deque()
        if not waiting:
            room = max(0, self.local_flow_control_window(stream_id))
            if len(data) <= room:
                h2.connection.H2Connection.send_data(self, stream_id, data, end_stream=end)
                return
            if room:
                h2.connection.H2Connection.send_data(self, stream_id, data[:room])
                data = data[room:]
        self.kept[stream_id] = self.kept.get(stream_id, 0) + len(data)
        if waiting and len(waiting[-1].data) + len(data) <= _PIECE:
            data = waiting.pop().data + data
        waiting.append(SendH2Data(data, end))
        self.stream_buffers[stream_id] = waiting

    def stream_window_updated(self, stream_id: int) -> bool:
        """As mitmproxy's, with the count kept right."""
        stream = self.streams.get(stream_id)
        if stream is not None and stream.open and self.local_flow_control_window(stream_id) <= 0:
            return False
        sent: bool = super().stream_window_updated(stream_id)
        waiting = self.stream_buffers.get(stream_id)
        if waiting:
            self.kept[stream_id] = sum(len(each.data) for each in waiting)
        else:
            self.kept.pop(stream_id, None)
        return sent

    def acknowledge_received_data(self, acknowledged_size: int, stream_id: int) -> None:
        """Grant a stream's peer new room, unless what it has sent so far can't be passed on yet."""
        if self.full(stream_id):
            self.owed[stream_id] = self.owed.get(stream_id, 0) + acknowledged_size
        else:
            super().acknowledge_received_data(acknowledged_size + self.owed.pop(stream_id, 0), stream_id)

    def may_settle(self) -> bool:
        """Whether room that was withheld needn't be any more."""
        return bool(self.owed) and not all(self.full(each) for each in self.owed)

    def settle(self) -> bytes:
        """Grant the room that was withheld and needn't be any more; return what has to be sent for it."""
        for stream_id in [each for each in self.owed if not self.full(each)]:
            super().acknowledge_received_data(self.owed.pop(stream_id), stream_id)
        return self.data_to_send() or b""
