"""The sample requests of a service, read as the proxy would read them.

Must not know: missions, policies, credentials, how results are shown.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from exeat.config.tables.service import ExampleTable, ServiceTable
    from exeat.services.index import ServiceIndex


@dataclass(frozen=True, slots=True)
class Tried:
    """One example: what it should mean and what it means; both as ``action on resource`` or ``refused: reason``."""

    service: str
    request: str
    expected: str
    found: str
    detail: str = ""

    @property
    def holds(self) -> bool:
        """Whether it means what it should."""
        return self.expected == self.found


def try_examples(table: ServiceTable, index: ServiceIndex) -> tuple[Tried, ...]:
    """Read every example of a merged table; ``index`` holds its service. Never raises on an example."""
    return tuple(_try(table, example, index) for example in table.example)


def _try(table: ServiceTable, example: ExampleTable, index: ServiceIndex) -> Tried:
    expected = f"refused: {example.refused}"
    if not example.refused:
        own = f'Exeat::Service::"{table.name}"'
        expected = f"{example.action} on {example.resource or own}"
    found, detail = _meaning(table, example, index)
    return Tried(table.name, example.request, expected, found, detail)


def _meaning(table: ServiceTable, example: ExampleTable, index: ServiceIndex) -> tuple[str, str]:
    from exeat.decision.classify import Unread, classify, classify_body
    from exeat.decision.normalize import normalize
    from exeat.model.decision import Deny
    from exeat.model.request import Tunnel, WireRequest

    method, _, target = example.request.partition(" ")
    host, port, path = _address(table, target)
    body = example.body.encode()
    headers = {"host": host if port == 443 else f"{host}:{port}"}
    if body:
        headers |= {"content-type": "application/json", "content-length": str(len(body))}
    if method == "WEBSOCKET":
        headers |= {"upgrade": "websocket", "connection": "Upgrade", "sec-websocket-version": "13"}
        headers |= {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA=="}
    headers |= {name.lower(): value for name, value in example.headers.items()}
    wire = WireRequest(
        "GET" if method == "WEBSOCKET" else method,
        path.encode(),
        "",
        tuple((name.encode(), value.encode()) for name, value in headers.items()),
        "HTTP/1.1",
        Tunnel(host, port, host),
        has_body=bool(body),
    )
    request = normalize(wire)
    if isinstance(request, Deny):
        return f"refused: {request.reason}", request.detail
    meaning = classify(request, index)
    asked = classify_body(meaning, request, body) if isinstance(meaning, Unread) else meaning
    if isinstance(asked, Deny):
        return f"refused: {asked.reason}", asked.detail
    each = asked if isinstance(asked, tuple) else (asked,)
    told = [(one.action.removeprefix(f"{table.name}:"), str(one.resource.uid)) for one in each]
    return "; ".join(f"{action} on {resource}" for action, resource in told), ""


def _address(table: ServiceTable, target: str) -> tuple[str, int, str]:
    """Host, port and path of an example: its own, or the service's first."""
    from exeat.services.hosts import sample

    if target.startswith("/"):
        host = table.hosts[0] if table.hosts else ""
        return sample(host), 443 if 443 in table.ports else table.ports[0], target
    parts = urlsplit(target)
    path = target.partition("://")[2]
    slash = path.find("/")
    return parts.hostname or "", parts.port or 443, path[slash:] if slash >= 0 else "/"
