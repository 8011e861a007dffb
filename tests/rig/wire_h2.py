"""A raw HTTP/2 client inside a tunnel: streams one can watch, reset, and fill with headers a library would refuse."""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass, field
from typing import Any, Self

import h2.config
import h2.connection
import h2.events
import h2.exceptions
import hpack
from h2.frame_buffer import FrameBuffer
from h2.settings import SettingCodes
from hyperframe.frame import DataFrame, Frame, GoAwayFrame, HeadersFrame, RstStreamFrame, SettingsFrame

from rig.proxy import Exeat
from rig.wire import Response, Wire, tunnel


@dataclass
class Stream:
    """What came back on one stream."""

    status: int = 0
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    trailers: list[tuple[str, str]] = field(default_factory=list)
    ended: bool = False
    reset: bool = False
    error: int = -1
    last_data_at: float = 0.0

    def response(self) -> Response:
        return Response(self.status, self.headers, bytes(self.body), self.ended)


class H2Wire:
    """One HTTP/2 connection through the proxy, in a tunnel of its own or in ``wire``."""

    def __init__(
        self, exeat: Exeat, mission: dict[str, Any], host: str = "api.example.test", *, wire: Wire | None = None
    ) -> None:
        self.host, self.closed, self.generous, self.goaway = host, False, True, -1
        self.streams: dict[int, Stream] = {}
        self.settings: dict[int, int] | None = None
        self._reader: FrameBuffer | None = None
        self._wire = wire or tunnel(exeat, mission, host, 443, "h2")
        assert isinstance(self._wire.sock, ssl.SSLSocket)
        assert self._wire.sock.selected_alpn_protocol() == "h2"
        self._h2 = h2.connection.H2Connection(
            h2.config.H2Configuration(
                client_side=True,
                header_encoding="latin-1",
                validate_outbound_headers=False,
                normalize_outbound_headers=False,
            )
        )
        self._h2.initiate_connection()
        self._h2.increment_flow_control_window(16 * 1024 * 1024)
        self._flush()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._wire.close()

    def _flush(self) -> None:
        self._wire.send(self._h2.data_to_send())

    def open(
        self, method: str, path: str, *headers: tuple[str, str], authority: str | None = None, end: bool = True
    ) -> int:
        """Send a request head; return its stream's number."""
        number: int = self._h2.get_next_available_stream_id()
        fields = [
            (":method", method), (":scheme", "https"), (":authority", authority or self.host), (":path", path), *headers
        ]  # fmt: skip
        self.streams[number] = Stream()
        self._h2.send_headers(number, fields, end_stream=end)
        self._flush()
        return number

    def data(self, number: int, data: bytes, *, end: bool = True) -> None:
        """Send a piece of a body (small: within the first window)."""
        self._h2.send_data(number, data, end_stream=end)
        self._flush()

    def trailers(self, number: int, *fields: tuple[str, str]) -> None:
        """End a body with trailers."""
        self._h2.send_headers(number, list(fields), end_stream=True)
        self._flush()

    def frames(self, *frames: Frame) -> None:
        """Send frames past the library, which would refuse to make them."""
        self._wire.send(b"".join(frame.serialize() for frame in frames))

    def window(self, size: int) -> None:
        """Have streams opened from now on send so much before they need leave, and never give any."""
        self._h2.update_settings({SettingCodes.INITIAL_WINDOW_SIZE: size})
        self._flush()
        self.generous = False

    def room(self, number: int) -> int:
        """How much a stream may send now."""
        return int(self._h2.local_flow_control_window(number))

    def grant(self, number: int, size: int) -> None:
        """Allow a stream so much more."""
        self._h2.increment_flow_control_window(size, number)
        self._flush()

    def fields(self, *fields: tuple[str, str]) -> bytes:
        """A header block, compressed as this connection does it."""
        return self._h2.encoder.encode(list(fields))

    def raw(self, *frames: Frame) -> None:
        """Send frames as they are. From here on answers are read frame by frame: the library doesn't know what was asked."""
        if self._reader is None:
            self._reader = FrameBuffer()
            self._reader.max_frame_size = 2**14
            self._decoder = hpack.Decoder()
        self.frames(*frames)

    def reset(self, number: int) -> None:
        """Give a stream up."""
        self._h2.reset_stream(number)
        self._flush()

    def pump(self, limit: float, until: Any) -> bool:
        """Read until ``until()`` holds, the connection is closed, or ``limit`` seconds have passed."""
        deadline = time.monotonic() + limit
        while not until() and not self.closed and (left := deadline - time.monotonic()) > 0:
            self._wire.sock.settimeout(left)
            try:
                data = self._wire.sock.recv(65536)
                if self._reader is not None:
                    self._read_frames(self._reader, data)
                    continue
                events = self._h2.receive_data(data) if data else []
            except TimeoutError:
                break
            except (OSError, h2.exceptions.ProtocolError):
                data, events = b"", []
            self.closed = self.closed or not data
            for event in events:
                self._handle(event)
            self._flush()
        return bool(until())

    def _read_frames(self, reader: FrameBuffer, data: bytes) -> None:
        self.closed = self.closed or not data
        reader.add_data(data)
        for frame in reader:
            stream = self.streams.setdefault(frame.stream_id, Stream()) if frame.stream_id else Stream()
            if isinstance(frame, SettingsFrame) and "ACK" not in frame.flags:
                self.settings = dict(frame.settings)
            elif isinstance(frame, GoAwayFrame):
                self.closed = True
            elif isinstance(frame, RstStreamFrame):
                stream.reset = True
            elif isinstance(frame, HeadersFrame):
                fields = self._decoder.decode(frame.data)
                stream.headers = [(key, value) for key, value in fields if not key.startswith(":")]
                stream.status = int(dict(fields)[":status"])
            elif isinstance(frame, DataFrame):
                stream.body += frame.data
            if "END_STREAM" in frame.flags:
                stream.ended = True

    def _handle(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.RemoteSettingsChanged):
            self.settings = {code: change.new_value for code, change in event.changed_settings.items()}
        if isinstance(event, h2.events.ConnectionTerminated):
            self.closed, self.goaway = True, int(event.error_code)
            return
        stream = self.streams.get(getattr(event, "stream_id", None) or 0)
        if stream is None:
            return
        if isinstance(event, h2.events.ResponseReceived):
            stream.headers = [(key, value) for key, value in event.headers if not key.startswith(":")]
            stream.status = int(dict(event.headers)[":status"])
        elif isinstance(event, h2.events.DataReceived):
            stream.body += event.data
            stream.last_data_at = time.monotonic()
            if self.generous:
                self._h2.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
        elif isinstance(event, h2.events.TrailersReceived):
            stream.trailers = list(event.headers)
        elif isinstance(event, h2.events.StreamEnded):
            stream.ended = True
        elif isinstance(event, h2.events.StreamReset):
            stream.reset, stream.error = True, int(event.error_code)

    def finish(self, number: int, limit: float = 8) -> Response:
        """Wait for the end of a stream, whatever it is."""
        stream = self.streams[number]
        self.pump(limit, lambda: stream.ended or stream.reset)
        return stream.response()

    def request(self, method: str, path: str, *headers: tuple[str, str], **more: Any) -> Response:
        """One request and its response."""
        return self.finish(self.open(method, path, *headers, **more))
