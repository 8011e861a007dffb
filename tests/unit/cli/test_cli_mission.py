"""Missions from the command line: the pass is shown only where asked for, and every verb asks for what it says."""

from __future__ import annotations

import stat

import orjson
import pytest


def test_json_is_the_apis_answer_and_nothing_else(site, stub, exeat):
    code, out, err = exeat("mission", "open", "refunds", "--agent", "invoice-bot", "--json")
    assert (code, err) == (0, "")
    assert orjson.loads(out) == stub.answers["POST", "/v1/missions"][1]


def test_every_option_reaches_the_api_and_nothing_unasked_does(site, stub, exeat):
    exeat("mission", "open", "refunds", "--agent", "invoice-bot", "--json")
    assert stub.asked[-1][2] == {"template": "refunds", "agents": ["invoice-bot"]}
    options = [
        "--agent",
        "a",
        "--agent",
        "b",
        "--environment",
        "prod",
        "--destination",
        "a.test:443",
        "--operation",
        "x:read",
        "--ttl",
        "10m",
        "--purpose",
        "p",
    ]
    options += ["--owner", "o", "--ticket", "T-1", "--read-only", "--label", "team=a=b", "--label", "x="]
    exeat("mission", "open", *options, "--json")
    assert stub.asked[-1][2] == {
        "agents": ["a", "b"], "environment": "prod", "destinations": ["a.test:443"], "operations": ["x:read"], "ttl": "10m",
        "purpose": "p", "owner": "o", "ticket": "T-1", "read_only": True, "labels": {"team": "a=b", "x": ""},
    }  # fmt: skip


def test_a_label_without_a_value_is_usage(site, stub, exeat):
    assert exeat("mission", "open", "refunds", "--agent", "a", "--label", "x")[0] == 2
    assert not stub.asked


def test_without_being_asked_the_pass_goes_into_a_private_file_that_ends_with_the_mission(site, stub, exeat):
    code, out, err = exeat("mission", "open", "refunds", "--agent", "invoice-bot")
    file = site / "state/passes/m_01ABC.json"
    assert code == 0
    assert "PASS-SENTINEL" not in out + err
    assert str(file) in out
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE((site / "state").stat().st_mode) == 0o700
    code, out, _ = exeat("env", "--from", file)
    assert "export HTTPS_PROXY=" in out
    exeat("mission", "close", "m_01ABC")
    assert not file.exists()


@pytest.mark.parametrize("option", ["--shell", "--show-pass"])
def test_the_pass_is_shown_when_asked_for(site, stub, exeat, option):
    code, out, _ = exeat("mission", "open", "refunds", "--agent", "invoice-bot", option)
    assert code == 0
    assert "PASS-SENTINEL" in out
    assert not (site / "state").exists()


@pytest.mark.parametrize("verb", ["close", "revoke", "suspend", "resume"])
def test_changes_carry_their_reason(site, stub, exeat, verb):
    answer = {
        "mission": "m_1",
        "state": "closed",
        "applied": {
            "connections_cut": 2, "tokens_dropped": 3, "tokens_revoked": 1, "workers": 4, "lapsed": ["w2"], "cut_ms": 3.5,
            "tokens_ms": 12.0, "ms": 15.5, "tokens_left": [
                {"service": "example", "token": "t1", "expires_at": "2999-01-01T00:00:00Z"},
                {"service": "slack", "token": "t2", "expires_at": None},
            ],
        },
    }  # fmt: skip
    stub.answers["POST", f"/v1/missions/m_1/{verb}"] = (200, answer)
    code, out, _ = exeat("mission", verb, "m_1", "--reason", "because")
    assert code == 0
    assert stub.asked[-1][2] == {"reason": "because"}
    said = [text.strip() for text in out.splitlines()[1:]]
    assert said[0] == "2 connections cut in 4 workers within 3.5 ms: no byte more can go"
    assert said[1] == "3 tokens dropped, 1 revoked at their issuers in 12.0 ms"
    assert said[2].startswith("1 token of example can't be revoked and end in ")
    assert said[3].startswith("1 token of slack can't be revoked and live until somebody changes them there")
    assert said[4].startswith("w2 did not confirm; its lease has run out")
    assert orjson.loads(exeat("mission", verb, "m_1", "--json")[1]) == answer


def test_extending_keeps_the_new_pass(site, stub, exeat):
    stub.answers["POST", "/v1/missions/m_01ABC/extend"] = (
        200,
        {**stub.answers["POST", "/v1/missions"][1], "state": "open"},
    )
    code, out, _ = exeat("mission", "extend", "m_01ABC", "--ttl", "1h")
    assert code == 0
    assert "PASS-SENTINEL" not in out
    assert stub.asked[-1][2] == {"ttl": "1h"}
    assert (site / "state/passes/m_01ABC.json").exists()


def test_lists_and_shows(site, stub, exeat):
    mission = {"mission": "m_1", "state": "open", "template": "refunds", "environment": "prod", "agents": ["a"],
               "expires_at": "2099-01-01T00:00:00Z", "purpose": "\x1b[2J"}  # fmt: skip
    stub.answers["GET", "/v1/missions?limit=50"] = (200, {"missions": [mission]})
    stub.answers["GET", "/v1/missions?limit=5&before=m_9"] = (200, {"missions": []})
    stub.answers["GET", "/v1/missions/m_1"] = (200, mission)
    assert "m_1" in exeat("mission", "list")[1]
    code, out, err = exeat("mission", "list", "-n", "5", "--before", "m_9")
    assert (code, out) == (0, "")
    assert "no mission yet" in err
    shown = exeat("mission", "show", "m_1")[1]
    assert "refunds" in shown
    assert "\x1b" not in shown
    assert orjson.loads(exeat("mission", "show", "m_1", "--json")[1]) == mission
