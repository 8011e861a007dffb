"""Budgets: exactly the bound passes, one beyond is refused or cut, whoever asks at once; and the mission ends by what is used up."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from wsproto.events import BytesMessage, CloseConnection

from rig.config import operation
from rig.websocket_agent import Agent
from rig.websocket_origin import WebsocketOrigin
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, CHAT = "api.example.test", "chat.example.test"
MIB = 1024 * 1024


@pytest.fixture(scope="module")
def chat(authority):
    with WebsocketOrigin(authority, CHAT) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, chat):
    example = config.service("example")
    config.tables["service"].append(
        {
            **example,
            "name": "chat",
            "hosts": [CHAT],
            "operation": [operation("WEBSOCKET /chat/{room}", "join", "write")],
        }
    )
    del config.service("chat")["shared"]
    next(each for each in example["operation"] if each["action"] == "refunds/create")["cost"] = 4
    config.allow(CHAT, local=chat.port)
    config.template["operations"].append("chat:*")
    config.tables["ceilings"] = {"budget": {"requests": 5000}}
    config.tables["mission_template"].append(
        {**config.template, "name": "bounded", "budget": {"requests": 40, "bytes": "1MiB"}}
    )
    return config


def opened(exeat, **budget):
    return exeat.open(budget=budget)


def until(condition, limit=6.0):
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.03)
    return found


def shown(exeat, mission):
    return exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()


def ended(exeat, mission):
    return until(lambda: (view := shown(exeat, mission))["state"] == "expired" and view)


@pytest.mark.guard("budget-is-charged")
@pytest.mark.guard("lease-bound")
def test_requests(exeat, origin):
    """The last one passes, the next is refused with kind and figures, before anything is dialled; then the mission ends."""
    mission = opened(exeat, requests=3)
    with tunnel(exeat, mission) as wire:
        assert [wire.request("GET", "/v1/refunds", host=HOST).status for _ in range(3)] == [200] * 3
        seen = len(origin.requests)
        problem = refused(wire.request("GET", "/v1/refunds", host=HOST), "budget_exhausted", status=429)
    assert "3 requests" in problem["detail"]
    assert not problem["retryable"]
    assert len(origin.requests) == seen
    record = exeat.audit_records("decision", mission=mission["mission"])[-1]
    assert (record["code"], record["action"]) == ("budget_exhausted", "example:refunds/list")
    assert record["detail"].startswith("requests: 3 of 3")
    assert ended(exeat, mission)["cause"] == "budget:requests"
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "mission_ended", "identity_invalid")
    [record] = exeat.audit_records("mission", mission=mission["mission"], event="expire")
    assert (record["by"], record["cause"]) == ("exeat", "budget:requests")


def test_a_refused_request_costs_nothing(exeat):
    mission = opened(exeat, requests=1)
    refused(ask(exeat, mission, "POST", "/v1/payouts"), "policy_denied")
    refused(ask(exeat, mission, "GET", "/nothing"), "operation_unknown")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_writes_only_refuse_writes(exeat):
    mission = opened(exeat, writes=1)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert ask(exeat, mission, "POST", "/v1/refunds", body=b"{}").status == 201
    problem = refused(ask(exeat, mission, "POST", "/v1/refunds", body=b"{}"), "budget_exhausted", status=429)
    assert "change something" in problem["detail"]
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200, "reading goes on"
    assert shown(exeat, mission)["state"] == "open"


def test_cost(exeat):
    """Reading is free, an operation costs what its service says, anything else one unit."""
    mission = opened(exeat, cost=5)
    assert ask(exeat, mission, "POST", "/v1/refunds", body=b"{}").status == 201
    refused(ask(exeat, mission, "POST", "/v1/refunds", body=b"{}"), "budget_exhausted")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert ask(exeat, mission, "POST", "/echo", body=b"{}").status == 200
    refused(ask(exeat, mission, "POST", "/echo", body=b"{}"), "budget_exhausted", "mission_ended")
    assert ended(exeat, mission)["cause"] == "budget:cost"


def test_destinations(exeat):
    """As many hosts and ports as it may, as often as it likes; the next one is refused for good."""
    mission = opened(exeat, destinations=2)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    with Wire(exeat) as wire:
        target = "http://plain.example.test/echo"
        assert wire.request("GET", target, line, host="plain.example.test").status == 200
    refused(ask(exeat, mission, "GET", "/", host="cdn.example.test"), "budget_exhausted")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert shown(exeat, mission)["state"] == "open"


@pytest.mark.guard("lease-bound")
def test_many_at_once_at_the_last_unit(exeat, origin):
    """However many ask at the same moment, as many pass as there are units."""
    mission = opened(exeat, requests=7)
    origin.clear()
    with H2Wire(exeat, mission) as wire:
        numbers = [wire.open("GET", "/v1/refunds") for _ in range(30)]
        assert wire.pump(10, lambda: all(wire.streams[n].ended for n in numbers))
        statuses = [wire.streams[n].status for n in numbers]
    assert (statuses.count(200), statuses.count(429)) == (7, 23)
    mission = opened(exeat, requests=200)
    origin.clear()

    def some(_):
        with tunnel(exeat, mission) as wire:
            return [wire.request("GET", "/v1/refunds", host=HOST).status for _ in range(60)]

    with ThreadPoolExecutor(4) as pool:
        statuses = [status for statuses in pool.map(some, range(4)) for status in statuses]
    assert (statuses.count(200), statuses.count(429)) == (200, 40)
    assert len(origin.requests) == 200


# --- bytes ----------------------------------------------------------------------------------------------------------------


def _bytes_of(exeat, mission):
    records = exeat.audit_records("outcome", mission=mission["mission"])
    return sum(record["bytes"]["sent"] + record["bytes"]["received"] for record in records)


@pytest.mark.guard("bytes-are-paid")
@pytest.mark.parametrize("http2", [False, True])
def test_an_answer_is_cut_at_the_bound(exeat, http2):
    """A body of exactly the bound passes whole; of a longer one the bound passes, and then both sides end."""
    for size, whole in ((3 * MIB, True), (3 * MIB + 1, False), (12 * MIB, False)):
        mission = opened(exeat, bytes=3 * MIB)
        if http2:
            with H2Wire(exeat, mission) as wire:
                number = wire.open("GET", f"/bytes?n={size}")
                wire.pump(10, lambda wire=wire, n=number: wire.streams[n].ended or wire.streams[n].reset)
                got, complete = len(wire.streams[number].body), wire.streams[number].ended
        else:
            answer = ask(exeat, mission, "GET", f"/bytes?n={size}")
            got, complete = len(answer.body), answer.complete
        assert (got <= 3 * MIB, bool(complete)) == (True, whole)
        assert got == 3 * MIB or (http2 and not whole), "a reset stream drops what is queued for the agent"
        [outcome] = until(lambda mission=mission: exeat.audit_records("outcome", mission=mission["mission"]))
        assert (outcome["code"], outcome["bytes"]["received"]) == ("" if whole else "budget_exhausted", 3 * MIB)
    assert ended(exeat, mission)["cause"] == "budget:bytes"


@pytest.mark.guard("bytes-are-paid")
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload_is_cut_at_the_bound(exeat, origin, framing):
    mission = opened(exeat, bytes=200_000)
    origin.clear()
    with tunnel(exeat, mission) as wire:
        head = f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\n"
        if framing == "length":
            wire.send(f"{head}Content-Length: 900000\r\n\r\n").send(b"x" * 900_000)
        else:
            wire.send(f"{head}Transfer-Encoding: chunked\r\n\r\n")
            for _ in range(9):
                wire.send(b"186a0\r\n" + b"x" * 100_000 + b"\r\n")
        refused(wire.response("POST"), "budget_exhausted", status=429)
    until(lambda: exeat.audit_records("outcome", mission=mission["mission"]))
    assert _bytes_of(exeat, mission) == 200_000
    assert not any(seen.complete for seen in origin.requests)
    assert sum(seen.length for seen in origin.requests) <= 200_000


def test_both_directions_and_every_request_count_together(exeat):
    """An upload leaves its answer so much less; streams at the same time share what there is."""
    mission = opened(exeat, bytes=MIB)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: ask(exeat, mission, "GET", "/bytes?n=400000"), range(4)))
    received = sum(len(answer.body) for answer in answers if answer.status == 200)
    assert MIB - 4 * 64 * 1024 <= received <= MIB, "workers may each hold a part that the others can't use"
    assert sum(answer.complete and answer.status == 200 for answer in answers) <= 2
    mission = opened(exeat, bytes=1000)
    answer = ask(exeat, mission, "POST", "/upload", body=b"x" * 990)
    assert (len(answer.body), answer.complete) == (10, False)
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "budget_exhausted", "mission_ended", "identity_invalid")


def test_a_websocket_is_cut_at_the_bound(exeat, chat):
    """What its messages carry counts, both ways; the one that doesn't fit ends it with 1008."""
    mission = opened(exeat, bytes=100_000)
    with Agent(exeat, mission, host=CHAT) as agent:
        for _ in range(4):
            agent.send(BytesMessage(b"x" * 10_000))
            assert agent.next().data
        agent.send(BytesMessage(b"x" * 90_000))
        events = []
        while not events or not isinstance(events[-1], CloseConnection):
            events.append(agent.next())
        assert events[-1].code == 1008
    [outcome] = until(lambda: exeat.audit_records("outcome", mission=mission["mission"]))
    assert (outcome["code"], outcome["status"]) == ("budget_exhausted", 101)
    assert _bytes_of(exeat, mission) <= 100_000


def test_an_open_exchange_keeps_a_mission_whose_requests_are_used_up(exeat):
    mission = opened(exeat, requests=1)
    with tunnel(exeat, mission) as wire:
        wire.send(f"GET /slow?s=4 HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
        answer = wire.response()
    assert (answer.status, answer.complete) == (200, True)
    assert ended(exeat, mission)["cause"] == "budget:requests"


# --- what may be asked for ------------------------------------------------------------------------------------------------


@pytest.mark.guard("budget-ceiling")
def test_a_template_and_the_ceilings_bound_it(exeat):
    def status(template, **budget):
        return exeat.admin(
            "POST", "/v1/missions", {"template": template, "agents": ["invoice-bot"], "budget": budget}
        ).status

    assert status("bounded", requests=40) == 201
    assert status("bounded", requests=41) == 403
    assert status("bounded", bytes="2MiB") == 403
    assert status("bounded", writes=1) == 201, "what a template leaves open may be bounded"
    assert status("refunds", requests=5000) == 201
    assert status("refunds", requests=5001) == 403
    assert status("refunds", requests=-1) == 422
    assert exeat.open("bounded", budget={"requests": 3})["mission"]
    assert shown(exeat, exeat.open("bounded", budget={"requests": 3}))["budget"] == {"requests": 3, "bytes": MIB}
    assert shown(exeat, exeat.open())["budget"] == {"requests": 5000}


def test_what_is_used_survives_a_pause_and_an_extension(exeat):
    mission = opened(exeat, requests=2)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    exeat.end(mission, "suspend")
    exeat.end(mission, "resume")
    longer = exeat.admin("POST", f"/v1/missions/{mission['mission']}/extend", {"ttl": "2h"}).ok()
    assert ask(exeat, mission | longer, "GET", "/v1/refunds").status == 200
    refused(ask(exeat, mission | longer, "GET", "/v1/refunds"), "budget_exhausted", "mission_ended")


def test_the_command_line(exeat):
    opening = exeat.cli(
        "mission", "open", "refunds", "--agent", "invoice-bot", "--budget", "requests=2", "--budget", "bytes=1MiB",
        "--idle", "10m", "--model", "gpt-4.1", "--json",
    )  # fmt: skip
    assert opening.returncode == 0, opening.stderr
    mission = next(iter(exeat.admin("GET", "/v1/missions?limit=1").ok()["missions"]))
    assert mission["mission"] in opening.stdout
    assert (mission["budget"], mission["idle"], mission["models"]) == ({"requests": 2, "bytes": MIB}, 600, ["gpt-4.1"])
    text = exeat.cli("mission", "show", mission["mission"]).stdout
    assert "requests" in text
    assert "0 of 2" in text
    assert exeat.cli("mission", "open", "refunds", "--agent", "invoice-bot", "--budget", "lunch=2").returncode == 2
    listed = exeat.cli("mission", "list", "--state", "expired", "--json")
    assert mission["mission"] not in listed.stdout


def test_units_that_lie_idle_are_given_back(exeat):
    """A worker holds a part in advance; what it doesn't use is there for others a moment later."""
    mission = opened(exeat, requests=1000, bytes=10 * MIB)
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200

    def used():
        return exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["used"]

    until(lambda: (now := used())["requests"] == 1 and now["bytes"] < 1000)
