"""What a change of a mission did, in words: what was cut, what was revoked, what lives on and until when.

Must not know: how any of it was done.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from exeat.cli.output import printable, until


def told(applied: Mapping[str, Any]) -> Iterator[str]:
    """One line for each thing that happened; figures as the admin API gives them."""
    cut, workers = applied.get("connections_cut", 0), applied.get("workers", 1)
    where = "" if workers == 1 else f" in {workers} workers"
    yield f"{_count(cut, 'connection')} cut{where} within {applied.get('cut_ms', '?')} ms: no byte more can go"
    dropped, revoked = applied.get("tokens_dropped", 0), applied.get("tokens_revoked", 0)
    if dropped:
        took = f" in {applied.get('tokens_ms', '?')} ms" if revoked else ""
        yield f"{_count(dropped, 'token')} dropped, {revoked} revoked at their issuers{took}"
    left = applied.get("tokens_left") or ()
    for (service, end), number in sorted(Counter(_life(each) for each in left).items()):
        ends = f"end {until(end)}" if end else "live until somebody changes them there"
        yield f"{_count(number, 'token')} of {printable(service)} can't be revoked and {ends}; nobody here holds them any more"
    for name in applied.get("lapsed") or ():
        yield f"{printable(str(name))} did not confirm; its lease has run out, and it serves nobody until it has caught up"


def _life(token: Mapping[str, Any]) -> tuple[str, str]:
    return str(token.get("service", "")), str(token.get("expires_at") or "")


def _count(number: Any, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
