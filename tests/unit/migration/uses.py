"""Counts to reckon with."""

from __future__ import annotations

from typing import Any

from exeat.model.credential_use import DAY, CredentialUse, Sight

TODAY = 20_800
NOW = TODAY * DAY + 3600.0
KEY = "fp_000000000000000a"
STRANGER = "fp_00000000000000ff"


def agent(name: str) -> str:
    return f"spiffe://exeat.internal/env/prod/agent/{name}"


def use(
    state: str, name: str = "bot", count: int = 1, first: float = NOW, last: float | None = None, **more: Any
) -> CredentialUse:
    """``count`` requests; of what is real also where."""
    quiet = state in ("placeholder", "none")
    told: dict[str, Any] = {} if quiet else {"mission": "m_1", "place": "header", "host": "api.example.test"}
    fields = (
        {"fingerprint": "" if quiet else KEY, "service": "example", "grade": "A", "day": int(first // DAY)}
        | told
        | more
    )
    sight = Sight(state=state, agent=agent(name), **fields)
    return CredentialUse(sight, count, first, first if last is None else last)
