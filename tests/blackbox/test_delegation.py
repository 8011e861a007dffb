"""Delegation: a child is never wider than its parent, its use is the parent's too, and it ends with it in the same call."""

from __future__ import annotations

import os
import time

import jwt
import pytest

from rig.wire import ask, refused, tunnel

HOST = "api.example.test"


@pytest.fixture(scope="module")
def config(config):
    config.tables["agent"][0]["groups"] = ["payers"]
    config.agent("helper")
    config.agent("far", environment="staging")
    config.policies["deny.cedar"] = """\
@id("no-echo-below-the-marked-one")
forbid (principal, action == Action::"example:echo/write", resource)
when { principal.hasTag("silent") && principal.getTag("silent") == "yes" };
"""
    config.tables["mission_template"].append(
        {**config.template, "name": "narrow", "operations": ["example:read"], "ttl": "10m"}
    )
    return config


def delegate(exeat, parent, agent="report-bot", **fields):
    return exeat.admin("POST", "/v1/missions", {"parent": parent["mission"], "agents": [agent], **fields})


def show(exeat, mission):
    return exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()


def test_what_isnt_said_is_the_parents(exeat, mission):
    parent = exeat.open(
        ticket="OPS-7", owner="ana", purpose="pay back", budget={"requests": 9}, models=["m-1"], idle="20m"
    )
    child = show(exeat, delegate(exeat, parent).ok())
    above = show(exeat, parent)
    inherited = (
        "destinations",
        "operations",
        "expires_at",
        "ticket",
        "owner",
        "purpose",
        "budget",
        "models",
        "idle",
        "environment",
    )
    assert {name: child[name] for name in inherited} == {name: above[name] for name in inherited}
    assert (child["parent"], child["agents"], above["children"]) == (
        parent["mission"],
        ["report-bot"],
        [child["mission"]],
    )
    [record] = exeat.audit_records("mission", mission=child["mission"], event="open")
    assert (record["parent"], record["ticket"], record["by"]) == (parent["mission"], "OPS-7", "admin")


@pytest.mark.guard("child-is-narrower")
@pytest.mark.parametrize(
    ("field", "wider", "narrower"),
    [
        ("destinations", ["unchosen.example.test:443"], ["api.example.test:443"]),
        ("operations", ["example:*"], ["example:refunds/list"]),
        ("ttl", "31m", "5m"),
        ("budget", {"requests": 10}, {"requests": 9, "writes": 1}),
        ("models", ["m-1", "m-2"], ["m-1"]),
        ("idle", "21m", "19m"),
        ("labels", {"tier": "gold"}, {"team": "payments"}),
        ("template", "refunds-wide", "narrow"),
    ],
)
def test_a_child_is_never_wider(exeat, mission, field, wider, narrower):
    parent = exeat.open(
        budget={"requests": 9}, models=["m-1"], idle="20m", labels={"team": "payments"}, destinations=["api.example.test:443"],
    )  # fmt: skip
    more = {"destinations": ["api.example.test:443"]} if field == "template" else {}
    answer = delegate(exeat, parent, **{field: wider})
    assert answer.status in {403, 404}, answer.body
    if answer.status == 403:
        assert all(error["field"].startswith(field[:5]) for error in answer.body["errors"]), answer.body
    assert delegate(exeat, parent, **{field: narrower}, **more).status == 201


def test_whom_a_mission_may_delegate_to(exeat, mission):
    """One who delegates, in one environment, a few levels deep, and only while it is open."""
    parent = exeat.open(read_only=True)
    assert delegate(exeat, parent, "staging/far").status in {403, 422}
    assert delegate(exeat, parent, owner="somebody else").status in {201, 422}
    assert show(exeat, delegate(exeat, parent).ok())["read_only"] is True
    two = exeat.admin("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot", "report-bot"]}).ok()
    assert delegate(exeat, two).status == 422
    assert delegate(exeat, {"mission": "m_" + "0" * 26}).status == 404
    for _ in range(4):
        parent = delegate(exeat, parent, "helper").ok()
    assert delegate(exeat, parent, "helper").status == 409
    exeat.end(parent, "suspend")
    assert delegate(exeat, parent, "helper").status == 409


@pytest.mark.guard("ends-with-its-parent")
@pytest.mark.parametrize(("verb", "state"), [("revoke", "revoked"), ("close", "closed")])
def test_it_ends_with_its_parent_in_the_same_call(exeat, mission, origin, verb, state):
    """Two levels, each with a stream under way: nothing goes on when the one call has returned."""
    top = exeat.open()
    middle = delegate(exeat, top).ok()
    low = delegate(exeat, middle, "helper").ok()
    other = exeat.open(agent="report-bot")
    wires = [tunnel(exeat, each) for each in (middle, low)]
    origin.clear()
    for wire in wires:
        wire.send(f"GET /drip HTTP/1.1\r\nHost: {HOST}\r\n\r\n")
    deadline = time.monotonic() + 5
    while len(origin.requests) < 2 and time.monotonic() < deadline:
        time.sleep(0.02)
    figures = exeat.end(top, verb)
    returned = time.monotonic()
    assert figures["applied"]["connections_cut"] == 2
    for wire in wires:
        assert not wire.response(limit=2).complete
        wire.close()
    origin.wait_quiet()
    assert [seen for seen in origin.connections if (seen.last_byte_at or 0) > returned + 0.05] == []
    for each in (middle, low):
        ended = show(exeat, each)
        assert (ended["state"], ended["cause"]) == (state, "parent")
        refused(ask(exeat, each, "GET", "/v1/refunds"), "mission_ended")
    assert ask(exeat, other, "GET", "/v1/refunds").status == 200
    [record] = exeat.audit_records("mission", mission=low["mission"], event=verb)
    assert (record["cause"], record["parent"], record["by"]) == ("parent", middle["mission"], "admin")


def test_suspended_and_resumed_with_its_parent(exeat, mission):
    """What an operator suspended for itself stays suspended; a child isn't resumed before its parent."""
    parent = exeat.open()
    one, two = delegate(exeat, parent).ok(), delegate(exeat, parent, "helper").ok()
    exeat.end(two, "suspend")
    exeat.end(parent, "suspend")
    refused(ask(exeat, one, "GET", "/v1/refunds"), "mission_suspended")
    assert exeat.admin("POST", f"/v1/missions/{one['mission']}/resume", {}).status == 409
    exeat.end(parent, "resume")
    assert ask(exeat, one, "GET", "/v1/refunds").status == 200
    refused(ask(exeat, two, "GET", "/v1/refunds"), "mission_suspended")
    exeat.end(two, "resume")
    assert ask(exeat, two, "GET", "/v1/refunds").status == 200


def test_a_child_lives_no_longer_than_its_parent(exeat, mission):
    parent = exeat.open(ttl="10m")
    child = delegate(exeat, parent, ttl="5m").ok()

    def extend(which, ttl):
        return exeat.admin("POST", f"/v1/missions/{which['mission']}/extend", {"ttl": ttl}).status

    assert extend(child, "9m") == 200
    assert extend(child, "11m") == 403
    assert extend(parent, "12m") == 200
    assert extend(child, "11m") == 200


@pytest.mark.guard("counts-against-the-parent")
def test_what_a_child_uses_is_its_parents_too(exeat, mission):
    parent = exeat.open(budget={"requests": 3})
    child = delegate(exeat, parent).ok()
    grandchild = delegate(exeat, child, "helper").ok()
    for each in (parent, child, grandchild):
        assert ask(exeat, each, "GET", "/v1/refunds").status == 200
    for each in (parent, child, grandchild):
        refused(ask(exeat, each, "GET", "/v1/refunds"), "budget_exhausted", "mission_ended", "identity_invalid")
    assert show(exeat, parent)["used"] == {"requests": 3}


def test_the_act_chain_in_token_and_record(exeat, mission, origin):
    """RFC 8693 §4.1: whose right it is, outermost who acts, inside who delegated to it; undelegated there is none."""
    parent = exeat.open()
    child = delegate(exeat, parent).ok()
    grandchild = delegate(exeat, child, "helper").ok()
    invoice, report, helper = (each["agent"] for each in (parent, child, grandchild))
    expected = [
        (parent, invoice, None, None),
        (child, invoice, {"sub": report}, [invoice]),
        (grandchild, invoice, {"sub": helper, "act": {"sub": report}}, [report, invoice]),
    ]
    for each, subject, act, delegators in expected:
        origin.clear()
        assert ask(exeat, each, "GET", "/v1/refunds").status == 200
        token = origin.last.one("authorization").removeprefix("Bearer ")
        claims = jwt.decode(token, options={"verify_signature": False})
        assert (claims["sub"], claims.get("act"), claims["client_id"]) == (subject, act, each["agent"])
        assert claims["mission"] == each["mission"]
        assert origin.last.one("exeat-agent") == each["agent"]
        [record] = exeat.audit_records("decision", mission=each["mission"])
        assert (record["agent"], record.get("act")) == (each["agent"], delegators)


def test_a_policy_about_a_mission_holds_below_it(exeat, mission):
    """``principal in Exeat::Mission::"…"`` means those it delegated to as well."""
    parent = exeat.open()
    child = delegate(exeat, parent).ok()
    other = exeat.open(agent="report-bot")
    reloads, workers = exeat.log_text().count("policies reloaded, "), int(os.environ.get("RIG_WORKERS") or 1)
    file = exeat.folder / "policies" / "below.cedar"
    file.write_text(
        f'@id("not-this-one")\nforbid (principal in Exeat::Mission::"{parent["mission"]}", '
        'action == Action::"example:echo/read", resource);\n'
    )
    try:
        deadline = time.monotonic() + 6
        while exeat.log_text().count("policies reloaded, ") < reloads + workers:
            assert time.monotonic() < deadline, exeat.log_text()[-2000:]
            time.sleep(0.1)
        refused(ask(exeat, parent, "GET", "/echo"), "policy_denied")
        refused(ask(exeat, child, "GET", "/echo"), "policy_denied")
        assert ask(exeat, other, "GET", "/echo").status == 200
        late = delegate(exeat, child, "helper").ok()
        refused(ask(exeat, late, "GET", "/echo"), "policy_denied")
    finally:
        file.unlink()


def test_children_are_there_again_after_a_restart(exeat, mission, origin):
    parent = exeat.open(budget={"requests": 50})
    child = delegate(exeat, parent).ok()
    exeat.stop()
    exeat.start()
    origin.clear()
    assert ask(exeat, child, "GET", "/v1/refunds").status == 200
    assert exeat.audit_records("decision", mission=child["mission"])[-1]["act"] == [parent["agent"]]
    exeat.end(parent)
    refused(ask(exeat, child, "GET", "/v1/refunds"), "mission_ended")
