"""Twenty agents of an organisation that begins with one shared key: each holds its copy, none knows of Exeat.

Each calls its service through a client like a vendor's SDK: a base URL, an API key, a connection that is kept. What each sent
is counted here, by what it held at that moment, to be compared with what Exeat says.
"""

from __future__ import annotations

import http.client
import ssl
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson

from rig.proxy import Exeat
from rig.wire import basic

REAL, PLACEHOLDER = "real", "placeholder"


class Sdk:
    """A vendor's client: ``Authorization: Bearer`` on a connection that it keeps, through the proxy of its environment."""

    def __init__(self, host: str, proxy_port: int, proxy_pass: str, ca_file: str) -> None:
        self.key = ""
        self._connection = http.client.HTTPSConnection(
            "127.0.0.1", proxy_port, timeout=20, context=ssl.create_default_context(cafile=ca_file)
        )
        self._connection.set_tunnel(host, 443, {"Proxy-Authorization": basic(proxy_pass)})

    def list_refunds(self) -> tuple[int, str]:
        """One call; its status, and the code where it was refused."""
        self._connection.request("GET", "/v1/refunds", headers={"Authorization": f"Bearer {self.key}"})
        answer = self._connection.getresponse()
        body = answer.read()
        return answer.status, str(orjson.loads(body).get("code", "")) if answer.status >= 400 else ""

    def close(self) -> None:
        self._connection.close()


@dataclass
class Bot:
    """One agent: its name, its mission, what it holds for its service, and what it sent so far."""

    name: str
    service: str
    host: str
    calls: int
    key: str
    holds: str = REAL
    mission: dict[str, Any] = field(default_factory=dict)
    sent: Counter[str] = field(default_factory=Counter)
    answers: list[tuple[int, str]] = field(default_factory=list)
    sdk: Sdk | None = None

    @property
    def agent(self) -> str:
        return str(self.mission["agent"])

    def work(self, exeat: Exeat) -> None:
        """Its calls of one round."""
        if self.sdk is None:
            self.sdk = Sdk(self.host, exeat.port, self.mission["pass"], self.mission["ca_file"])
        self.sdk.key, self.answers = self.key, []
        for _ in range(self.calls):
            self.answers.append(self.sdk.list_refunds())
            self.sent[self.holds] += 1

    def disconnect(self) -> None:
        """Its connection is gone, and so is its memory of it."""
        if self.sdk is not None:
            self.sdk.close()
            self.sdk = None


class Fleet:
    """All of them. ``round`` lets each work; ``move`` gives some their placeholder."""

    def __init__(self, count: int, service: str, host: str, key: str) -> None:
        self.bots = [Bot(f"bot-{number:02}", service, host, 1 + number % 3, key) for number in range(count)]
        self.key = key

    def open(self, exeat: Exeat) -> None:
        """A mission each."""
        for bot in self.bots:
            bot.mission = exeat.open(agent=bot.name)

    def move(self, *bots: Bot) -> None:
        """Their environment holds the placeholder from now on, as ``exeat env`` prints it."""
        for bot in bots:
            bot.key, bot.holds = bot.mission["placeholders"][bot.service], PLACEHOLDER

    def fall_back(self, bot: Bot) -> None:
        """Somebody has found an old copy of its configuration."""
        bot.key, bot.holds = self.key, REAL

    def round(self, exeat: Exeat) -> Counter[tuple[int, str]]:
        """Every agent works, four at a time; all answers, counted."""
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda bot: bot.work(exeat), self.bots))
        return Counter(answer for bot in self.bots for answer in bot.answers)

    def disconnect(self) -> None:
        """What they were connected to has ended."""
        for bot in self.bots:
            bot.disconnect()

    def sent(self, what: str) -> int:
        """Calls so far."""
        return sum(bot.sent[what] for bot in self.bots)
