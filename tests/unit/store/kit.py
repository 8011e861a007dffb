"""Missions to store, and the SQLite file of a test."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from exeat.model.destination import DestinationPattern
from exeat.model.mission import Mission

SQLITE = "sqlite:///exeat.db"


def a_mission(number: int = 1, **changes: Any) -> Mission:
    mission = Mission(
        id=f"m_{number:026}",
        environment="prod",
        agents=("invoice-bot", "report-bot"),
        destinations=(DestinationPattern("api.example.test", 443), DestinationPattern("*.files.example.test", 8443)),
        operations=("example:read", "example:refunds/create"),
        opened_at=1_800_000_000.125,
        expires_at=1_800_001_800.25,
        template="refunds",
        purpose="pay back “Ana”; DROP TABLE missions --",
        owner="payments",
        ticket="PAY-7",
        read_only=True,
        labels={"team": "payments", "ключ": "значение"},
    )
    return replace(mission, **changes)


_PROCESS = """
import asyncio, pathlib, sys
sys.path.insert(0, {tests!r})
from unit.store.kit import a_mission
from exeat.store.opening import open_store
{script}
async def run():
    store = open_store({url!r}, pathlib.Path({base!r}))
    try:
        await main(store, *map(int, sys.argv[1:]))
    finally:
        await store.close()
asyncio.run(run())
"""


def process(script: str, url: str, base: Path, *arguments: str) -> subprocess.Popen[str]:
    """Another process that opens the store and runs ``async def main(store, …)`` of ``script``."""
    tests = str(Path(__file__).parents[2])
    code = _PROCESS.format(tests=tests, script=script, url=url, base=str(base))
    return subprocess.Popen([sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, text=True)
