"""The options mitmproxy's layers read, as constants: set explicitly, never inherited, impossible to change.

mitmproxy's own options object deep-copies at each read and can be changed at run time; this one can't. Must not know:
requests, agents.
"""

from __future__ import annotations

from typing import Any, ClassVar, final

from exeat.enforcement.parts import HostFace


@final
class LayerOptions:
    """One a connection, because ``host`` is how our layers reach their connection handler."""

    __slots__ = ("host", "tcp_timeout")

    connection_strategy: ClassVar[str] = "lazy"
    """Nothing is opened upstream before a request was permitted."""
    rawtcp: ClassVar[bool] = False
    websocket: ClassVar[bool] = False
    http2: ClassVar[bool] = True
    http3: ClassVar[bool] = False
    http2_ping_keepalive: ClassVar[int] = 58
    validate_inbound_headers: ClassVar[bool] = True
    normalize_outbound_headers: ClassVar[bool] = True
    store_streamed_bodies: ClassVar[bool] = False
    stream_large_bodies: ClassVar[None] = None
    body_size_limit: ClassVar[None] = None
    """Bodies stream when the gate says so, not by size: at a size limit they would leave before the decision. What is
    read for a decision is bounded by our own stream layer."""
    keep_host_header: ClassVar[bool] = False
    http_connect_send_host_header: ClassVar[bool] = True
    proxyauth: ClassVar[None] = None
    proxy_debug: ClassVar[bool] = False

    def __init__(self, host: HostFace, idle: float) -> None:
        self.host = host
        self.tcp_timeout = idle

    def __contains__(self, name: str) -> bool:
        return hasattr(self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        if hasattr(self, name):
            raise AttributeError(f"{name} is fixed")
        object.__setattr__(self, name, value)
