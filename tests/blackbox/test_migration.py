"""A fleet of twenty agents goes from one shared key to none, and the migration report says the truth at every step.

``RIG_SHOW=1 pytest -s`` shows each step's report as its reader sees it.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import sys
import time
from collections import Counter
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import orjson
import pytest

from rig.config import operation, service
from rig.legacy_fleet import PLACEHOLDER, REAL, Fleet
from rig.wire import ask, refused

KEY = "sk_live_fleet_0f1e2d3c4b5a69788796a5b4"
KEPT = "sk_live_kept_99aa88bb77cc66dd55ee44ff"
SPARE = "sk_live_spare_123456789012345678901234"
HOST = "acme.example.test"
READ = operation("GET /v1/refunds", "refunds/list", "read")
STEP = 480
"""Seconds by which the clock is set on: leaf certificates are valid from ten minutes before they are made."""


class World:
    """One installation that is started anew with a changed configuration, its fleet, and a clock to be set."""

    def __init__(self, make_exeat, origin, workers, off):
        self.origin, self.off, self.workers = origin, off, workers
        off.write_text("0")
        self.retire_by = datetime.now(UTC) + timedelta(seconds=STEP - 60)
        self.exeat = make_exeat(origin, change=self._change)
        self.fleet = Fleet(20, "acme", HOST, KEY)
        self.ours_then = {}
        self.kept_calls = 0

    def _change(self, config):
        inside = str(Path(__file__).parents[1] / "rig" / "inside_clock")
        config.environ |= {
            "ACME_KEY": KEY, "KEPT_KEY": KEPT, "SPARE_KEY": SPARE, "RIG_CLOCK": str(self.off),
            "PYTHONPATH": os.pathsep.join(filter(None, (inside, os.environ.get("PYTHONPATH")))),
        }  # fmt: skip
        config.tables["proxy"]["workers"] = self.workers
        config.tables["agent"] += [{"name": f"bot-{number:02}", "environment": "prod"} for number in range(20)]
        for name in ("acme", "kept", "spare"):
            config.allow(f"{name}.example.test")
            config.template["operations"].append(f"{name}:read")
        custody = {"issuer": {"kind": "stored_key"}}
        config.tables["service"] += [
            service("acme", HOST, READ, foreign="forward"),
            service("kept", "kept.example.test", READ, shared=self.shared("KEPT_KEY"), **custody),
            service("spare", "spare.example.test", READ, shared={"source": "env:SPARE_KEY"}, **custody),
        ]

    def shared(self, name):
        return {"source": f"env:{name}", "retire_by": self.retire_by}

    def start(self, **acme):
        """Serve with this changed in the service of the fleet; the missions outlive it."""
        self.fleet.disconnect()
        self.exeat.stop()
        table = self.exeat.config.service("acme")
        table.update(acme)
        for name in [name for name, value in table.items() if value is None]:
            del table[name]
        self.exeat.config.write(self.exeat.folder)
        self.exeat.start()

    def round(self):
        """Everybody works; what the origin was shown of the real key is what the clients sent, unless it was swapped."""
        self.origin.clear()
        answers = self.fleet.round(self.exeat)
        self.origin.wait_quiet(0.02)
        assert len(self.origin.requests) == answers[200, ""]
        return answers

    def at_origin(self):
        """Requests of the last round that carried the real key."""
        return sum(seen.header("authorization") == [f"Bearer {KEY}"] for seen in self.origin.requests)

    def report(self, code, **calls):
        """The credential's line, once the workers' last second is in it; ``calls`` is what the clients counted."""
        wanted = Counter(calls)
        deadline = time.monotonic() + 20
        while time.monotonic() < deadline:
            self.whole = self.exeat.admin("GET", "/v1/migration?days=2").ok()
            settled = any(Counter(each["calls"]) == wanted for each in self.whole["credentials"])
            if settled and self.of(KEPT)["calls"]["placeholder"] == self.kept_calls:
                break
            time.sleep(0.1)
        if os.environ.get("RIG_SHOW"):
            sys.stdout.write(
                f"\n$ exeat report migration\n{self.exeat.cli('report', 'migration', '--since', '2d').stdout}"
            )
        if code or self.workers == 1:  # a process of its own takes a second
            ran = self.exeat.cli("report", "migration", "--since", "2d", "--json")
            assert ran.returncode == code, ran.stderr
            self.whole = orjson.loads(ran.stdout)
        line = next(each for each in self.whole["credentials"] if each["fingerprint"] == self.name(KEY))
        assert Counter(line["calls"]) == wanted
        real = self.fleet.sent(REAL)
        assert line["real"] == real
        assert line["share"] == pytest.approx(real / wanted.total(), abs=1e-5)
        assert {each["agent"]: (each["real"], each["placeholder"]) for each in line["agents"]} == {
            bot.agent: (bot.sent[REAL], bot.sent[PLACEHOLDER]) for bot in self.fleet.bots
        }
        assert sum(day["real"] for day in line["days"]) == real
        assert sum(day["placeholder"] for day in line["days"]) == self.fleet.sent(PLACEHOLDER)
        assert line["seen"] == [{"in": "header", "host": HOST, "calls": real}]
        for each in line["agents"]:
            bot = next(bot for bot in self.fleet.bots if bot.agent == each["agent"])
            assert each["missions"] == [bot.mission["mission"]]
        return line

    def ours(self, forwarded):
        """What the clients sent since the key is registered, by what they held."""
        return {"shared": self.fleet.sent(REAL) - forwarded, "placeholder": self.fleet.sent(PLACEHOLDER)}

    def name(self, key):
        """What the installation calls a credential: the same for all that it says about it."""
        secret = (self.exeat.folder / "state" / "fingerprint.key").read_bytes()
        return "fp_" + hmac.digest(secret, key.encode(), hashlib.sha256)[:8].hex()

    def of(self, key):
        return next(each for each in self.whole["credentials"] if each["fingerprint"] == self.name(key))


def sending(line):
    return [each["agent"].rpartition("/")[2] for each in line["agents"] if each["sends"] in ("real", "both")]


@pytest.mark.guard("migration-counts-once")
@pytest.mark.guard("migration-alert-forwarded")
@pytest.mark.guard("custody-retires")
@pytest.mark.parametrize("workers", [1, 2])
def test_a_fleet_goes_from_one_shared_key_to_none(make_exeat, origin, tmp_path, workers):
    world = World(make_exeat, origin, workers, tmp_path / "off")
    world.exeat.start()
    world.fleet.open(world.exeat)
    try:
        forwarded = nobody_has_registered_it(world)
        registered(world, forwarded)
        placeholders_for_some_then_all(world, forwarded)
        scoped_tokens(world, forwarded)
        the_date_passes(world, forwarded)
        gone_from_the_configuration(world, forwarded)
        check_page(world)
    finally:
        world.fleet.disconnect()


def nobody_has_registered_it(world):
    """The service lets the key through, and every session that shows it is told of once."""
    exeat, fleet = world.exeat, world.fleet
    for _ in range(2):
        answers = world.round()
        assert set(answers) == {(200, "")}
        assert world.at_origin() == answers.total()
    line = world.report(1, forwarded=fleet.sent(REAL))
    assert (line["state"], line["registered"], line["services"]) == ("unregistered", False, ["acme"])
    assert line["alerts"] == fleet.sent(REAL)
    alerts = exeat.audit_records("alert", event="credential_unregistered")
    assert sorted((each["agent"], each["mission"]) for each in alerts) == sorted(
        (bot.agent, bot.mission["mission"]) for bot in fleet.bots
    )
    assert {each["credential"]["fingerprint"] for each in alerts} == {world.name(KEY)}
    assert KEY.encode() not in exeat.everything_written()
    assert [world.of(key)["state"] for key in (KEPT, SPARE)] == ["never_seen", "never_seen"]
    return fleet.sent(REAL)


def registered(world, forwarded):
    """From now on it is one of ours, kept and swapped, and each agent that sends it is known."""
    world.start(shared=world.shared("ACME_KEY"), issuer={"kind": "stored_key"}, foreign=None)
    assert world.round().keys() == {(200, "")}
    line = world.report(0, forwarded=forwarded, shared=world.fleet.sent(REAL) - forwarded)
    assert (line["state"], line["grade_now"], line["grade_attainable"]) == ("in_use", "C", "C")
    assert (line["sources"], line["issuers"]) == (["env:ACME_KEY"], {"acme": "stored_key"})
    assert sending(line) == [bot.name for bot in world.fleet.bots]


def placeholders_for_some_then_all(world, forwarded):
    fleet = world.fleet
    fleet.move(*fleet.bots[:8])
    assert world.round().keys() == {(200, "")}
    line = world.report(0, forwarded=forwarded, **world.ours(forwarded))
    assert (line["state"], sending(line)) == ("in_use", [bot.name for bot in fleet.bots[8:]])
    fleet.move(*fleet.bots[8:])
    assert world.round().keys() == {(200, "")}
    assert world.at_origin() == len(world.origin.requests)  # custody: what leaves is the key itself
    line = world.report(0, forwarded=forwarded, **world.ours(forwarded))
    assert (line["state"], sending(line), line["grade_now"]) == ("placeholder_only", [], "C")


def scoped_tokens(world, forwarded):
    """Another issuer: a token for each request."""
    world.start(issuer={"kind": "jwt", "audience": f"https://{HOST}", "ttl": "60s"})
    assert world.round().keys() == {(200, "")}
    assert world.at_origin() == 0
    line = world.report(0, forwarded=forwarded, **world.ours(forwarded))
    assert (line["state"], line["grade_now"], line["grade_attainable"]) == ("scoped_tokens", "A", "A")


def the_date_passes(world, forwarded):
    """Whoever falls back is refused, and so is what was only in custody."""
    exeat, fleet, first = world.exeat, world.fleet, world.fleet.bots[0].mission
    ours = world.ours(forwarded)
    placeholder = f"Authorization: Bearer {first['placeholders']['kept']}"
    assert ask(exeat, first, "GET", "/v1/refunds", placeholder, host="kept.example.test").status == 200
    world.off.write_text(str(STEP))
    fleet.fall_back(fleet.bots[7])
    answers = world.round()
    assert answers == {(200, ""): answers.total() - 2, (403, "credential_retired"): 2}
    world.origin.clear()
    problem = refused(
        ask(exeat, first, "GET", "/v1/refunds", placeholder, host="kept.example.test"), "credential_retired", status=403
    )
    assert KEPT not in str(problem)
    assert world.origin.connections == []
    world.kept_calls = 2
    line = world.report(1, forwarded=forwarded, **ours | {"retired": 2, "placeholder": fleet.sent(PLACEHOLDER)})
    assert (line["state"], sending(line)) == ("retired", ["bot-07"])
    assert "bot-07" in line["next"]
    kept = world.of(KEPT)
    assert (kept["state"], kept["calls"]["placeholder"]) == ("retired", 2)
    assert "every call of kept is refused" in kept["next"]
    assert world.whole["findings"] == 2
    world.ours_then = ours


def gone_from_the_configuration(world, forwarded):
    """A stranger like any other, but one that the report remembers."""
    fleet = world.fleet
    world.start(shared=None)
    answers = world.round()
    assert answers == {(200, ""): answers.total() - 2, (403, "credential_foreign"): 2}
    later = {"retired": 2, "foreign": 2, "placeholder": fleet.sent(PLACEHOLDER)}
    line = world.report(1, forwarded=forwarded, **world.ours_then | later)
    assert (line["state"], line["registered"], line["sources"], sending(line)) == ("retired", False, [], ["bot-07"])
    assert line["alerts"] == forwarded + 2
    told = world.exeat.audit_records("alert", mission=fleet.bots[7].mission["mission"])
    assert len(told) == 1, "the same session, service and credential"
    assert world.of(SPARE)["state"] == "never_seen"


class Tags(HTMLParser):
    """Every start tag with its attributes, and the text."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.text = [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data


def check_page(world):
    """The page needs nothing else, and says what the JSON says."""
    file = world.exeat.folder / "migration.html"
    assert world.exeat.cli("report", "migration", "--html", str(file)).returncode == 1
    page = Tags(file.read_text())
    assert not {tag for tag, _ in page.tags} & {"script", "link", "img", "iframe", "object", "form"}
    assert not [attrs for _, attrs in page.tags if any(value and "//" in value for value in attrs.values())]
    for each in world.whole["credentials"]:
        assert each["fingerprint"] in page.text
        assert each["next"] in page.text
    table = world.exeat.cli("report", "migration")
    assert world.name(KEY) in table.stdout
    assert "2 of 20" not in table.stdout
    assert "1 of 20 agents" in table.stdout
    assert not [secret for secret in (KEY, KEPT, SPARE) if secret in file.read_text() + table.stdout + table.stderr]
