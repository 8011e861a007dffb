"""The client matrix, as data: which real clients are run, through which cells, and what can't be asked of one and why.

A cell is one thing every client goes through. ``absent`` names cells that a client has no way of doing, ``mute`` cells in
which the client hides the refusal's text from its caller, with what to do then; nothing is left out without a reason.
``docs/clients.md`` is generated from these rows (``scripts/clients_doc.py``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

CELLS: dict[str, str] = {
    "permit": "an allowed call works; the origin sees a scoped token and one tag, never the shared key",
    "refused": "a call that policy refuses, inside TLS",
    "no_identity": "the proxy URL holds no pass: 407",
    "origin_tls_error": "the origin's certificate isn't trusted",
    "streaming": "an answer is read piece by piece while it is being sent",
    "large_upload": "8 MB arrive whole",
    "redirect_refused": "the origin redirects to a host outside the mission",
    "keep_alive": "several calls over one connection",
}

REFUSALS = ("refused", "no_identity", "origin_tls_error", "redirect_refused")
"""The cells in which the caller must be able to read a reason and a decision id."""

TUNNEL = (
    "the refusal of a tunnel: the client shows a status at most. It always means that the proxy URL holds no pass; "
    "`exeat audit tail --denied` shows the decision"
)


@dataclass(frozen=True)
class Client:
    """One row. ``proxy`` and ``trust`` say in one sentence how it is routed and how it trusts our certificates."""

    name: str
    title: str
    proxy: str
    trust: str
    absent: Mapping[str, str] = field(default_factory=dict)
    mute: Mapping[str, str] = field(default_factory=dict)
    shows: str = "status, headers and body of the refusal"
    caution: str = ""

    def __post_init__(self) -> None:
        for cell, why in (*self.absent.items(), *self.mute.items()):
            assert cell in CELLS, (self.name, cell)
            assert len(why) > 10, (self.name, cell, "needs a reason")
        assert not set(self.mute) - set(REFUSALS), self.name
        assert not set(self.mute) & set(self.absent), self.name

    @property
    def cells(self) -> tuple[str, ...]:
        """The cells this client goes through."""
        return tuple(cell for cell in CELLS if cell not in self.absent)


ENVIRONMENT = "`HTTPS_PROXY`, as it stands"

ROW = [
    Client("requests", "requests", ENVIRONMENT, "`REQUESTS_CA_BUNDLE`"),
]
