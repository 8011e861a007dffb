"""Agents and rules are taken over while the proxy serves; missions of agents that aren't what they were end."""

from __future__ import annotations

import time

import pytest

from rig.wire import ask, refused, tunnel

HOST = "api.example.test"


def configure(config, origin):
    config.environ["EXEAT_PROXY__WORKERS"] = "2"
    config.agent("other-bot")


def until(condition, limit=10.0):
    deadline = time.monotonic() + limit
    while not (found := condition()):
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.03)
    return found


def loads(exeat, event="configuration_loaded"):
    return exeat.audit_records("admin", event=event)


@pytest.fixture
def changed(exeat):
    """Write the configuration anew after a change, and wait until it is taken over; all is as it was afterwards."""
    before = exeat.file.read_text()

    def write(text, event="configuration_loaded"):
        count = len(loads(exeat, event))
        exeat.file.write_text(text)
        return until(lambda: loads(exeat, event)[count:])[0]

    def change(event="configuration_loaded"):
        return write(exeat.config.write(exeat.folder).read_text(), event)

    change.text = write
    kept = {
        name: [dict(row) for row in exeat.config.tables.get(name, [])]
        for name in ("agent", "rule", "service", "destination", "mission_template")
    }
    yield change
    exeat.config.tables.update(kept)
    count = len(loads(exeat))
    if exeat.file.read_text() != before:
        exeat.file.write_text(before)
        until(lambda: loads(exeat)[count:])


def agent(exeat, name):
    return next(row for row in exeat.config.tables["agent"] if row["name"] == name)


def state(exeat, mission):
    return exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"]


@pytest.mark.guard("agent-changed")
def test_a_changed_agent_s_missions_end_and_the_others_go_on(exeat, changed, origin):
    mine, other = exeat.open(), exeat.open(agent="report-bot")
    with tunnel(exeat, mine) as open_one, tunnel(exeat, other) as kept:
        assert open_one.request("GET", "/v1/refunds", host=HOST).status == 200
        assert kept.request("GET", "/v1/refunds", host=HOST).status == 200
        agent(exeat, "invoice-bot")["groups"] = ["finance"]
        assert changed()["restart"] == []
        until(lambda: state(exeat, mine) == "revoked")
        assert open_one.request("GET", "/v1/refunds", host=HOST).status in (0, 403)
        assert kept.request("GET", "/v1/refunds", host=HOST).status == 200  # its connection is open as before
    [fired] = exeat.audit_records("mission", event="deviation", mission=mine["mission"])
    assert (fired["rule"], fired["evidence"]) == ("agent-changed", {"agent": "prod/invoice-bot", "changed": "groups"})
    refused(ask(exeat, mine, "GET", "/v1/refunds"), "mission_ended")
    assert state(exeat, other) == "open"
    again = exeat.open()  # as it is registered now, in every worker
    assert [ask(exeat, again, "GET", "/v1/refunds").status for _ in range(6)] == [200] * 6


def test_an_agent_that_is_gone_may_do_nothing_and_a_new_one_may(exeat, changed):
    mission = exeat.open(agent="other-bot")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    exeat.config.tables["agent"].remove(agent(exeat, "other-bot"))
    exeat.config.agent("new-bot", groups=["news"])
    changed()
    until(lambda: state(exeat, mission) == "revoked")
    [fired] = exeat.audit_records("mission", event="deviation", mission=mission["mission"])
    assert fired["evidence"] == {"agent": "prod/other-bot", "changed": "gone"}
    assert ask(exeat, mission, "GET", "/v1/refunds").code in ("mission_ended", "identity_invalid")
    new = exeat.open(agent="new-bot")
    assert [ask(exeat, new, "GET", "/v1/refunds").status for _ in range(6)] == [200] * 6


def test_what_says_the_same_ends_nothing(exeat, changed):
    mission = exeat.open()
    changed.text("# another comment\n" + exeat.file.read_text().replace("invoice-bot", "invoice-bot"))
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert exeat.audit_records("mission", event="deviation", mission=mission["mission"]) == []


@pytest.mark.guard("removed-destination")
def test_a_destination_that_is_taken_out_stops_at_once_and_the_others_go_on(exeat, changed, origin):
    mission, gone = exeat.open(), "cdn.example.test"
    with tunnel(exeat, mission, gone) as lost, tunnel(exeat, mission) as kept:
        assert kept.request("GET", "/v1/refunds", host=HOST).status == 200
        lost.send(f"GET /drip HTTP/1.1\r\nHost: {gone}\r\n\r\n")
        assert lost.sock.recv(1000)
        tables = exeat.config.tables
        tables["destination"] = [row for row in tables["destination"] if row["host"] != gone]
        template = {**tables["mission_template"][0]}
        template["destinations"] = [each for each in template["destinations"] if not each.startswith(gone)]
        tables["mission_template"] = [template]
        assert changed()["restart"] == ["mission_template"]
        refused(ask(exeat, mission, "GET", "/echo", host=gone), "destination_not_allowed")
        lost.sock.settimeout(3)
        with pytest.raises(ConnectionError):  # noqa: PT012 what had come before is read first
            while lost.sock.recv(65536):
                pass
            raise ConnectionError
        assert kept.request("GET", "/v1/refunds", host=HOST).status == 200


def test_a_rule_holds_from_then_on(exeat, changed):
    mission = exeat.open()
    assert [ask(exeat, mission, "GET", "/nowhere").code for _ in range(3)] == ["operation_unknown"] * 3
    exeat.config.tables["rule"] = [{"name": "refusals", "when": "refusals", "then": "revoke", "count": 1}]
    changed()
    refused(ask(exeat, mission, "GET", "/nowhere"), "mission_ended")


@pytest.mark.parametrize(
    "text", ["[[agent]\n", '[[agent]]\nname = "x"\n', '[[rule]]\nname="a"\nwhen="no such"\nthen="alert"\n']
)
def test_a_configuration_that_doesn_t_hold_together_changes_nothing(exeat, changed, text):
    mission = exeat.open()
    record = changed.text(exeat.file.read_text() + "\n" + text, "configuration_refused")
    assert record["findings"]
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    assert state(exeat, mission) == "open"


def test_what_needs_a_restart_is_said_and_the_rest_is_taken_over(exeat, changed):
    exeat.config.tables["service"].append({"name": "later", "hosts": ["later.example.test"]})
    exeat.config.agent("late-bot")
    assert changed()["restart"] == ["service"]
    assert exeat.open(agent="late-bot")["state"] == "open"


def test_an_agent_that_changed_while_nobody_served_ends_its_missions_at_the_start(make_exeat, origin):
    exeat = make_exeat(origin).start()
    mine, other = exeat.open(), exeat.open(agent="report-bot")
    exeat.stop()
    agent(exeat, "invoice-bot")["addresses"] = ["10.9.8.7"]
    exeat.config.write(exeat.folder)
    exeat.start()
    assert (state(exeat, mine), state(exeat, other)) == ("revoked", "open")
    [fired] = exeat.audit_records("mission", event="deviation", mission=mine["mission"])
    assert fired["evidence"] == {"agent": "prod/invoice-bot", "changed": "addresses"}
    exeat.stop()
    exeat.start()
    assert state(exeat, other) == "open"
    mine = exeat.open()
    agent(exeat, "invoice-bot")["groups"] = ["finance"]
    exeat.config.write(exeat.folder)
    until(lambda: state(exeat, mine) == "revoked")
    assert ask(exeat, exeat.open(), "GET", "/v1/refunds").status == 200
    assert exeat.stop() == 0
