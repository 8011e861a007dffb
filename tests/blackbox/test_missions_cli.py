"""Missions from the command line, as an operator uses them."""

from __future__ import annotations

import json

import pytest

from rig.wire import ask, refused


def _json(done):
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)  # noqa: TID251


@pytest.fixture
def opened(exeat, mission):
    return _json(exeat.cli("mission", "open", "refunds", "--agent", "invoice-bot", "--json"))


def test_open_answers_with_everything_an_agent_needs(exeat, opened, origin):
    assert set(opened) >= {"mission", "agent", "expires_at", "pass", "proxy_url", "ca_file", "placeholders", "env"}
    assert opened["agent"] == "spiffe://exeat.internal/env/prod/agent/invoice-bot"
    assert opened["pass"] in opened["proxy_url"]
    assert opened["env"]["HTTPS_PROXY"] == opened["env"]["https_proxy"] == opened["proxy_url"]
    assert opened["env"]["EXAMPLE_KEY"] == opened["placeholders"]["example"]
    assert ask(exeat, opened, "GET", "/v1/refunds").status == 200


def test_list_and_show_tell_the_state_and_never_the_pass(exeat, opened):
    listed, shown = exeat.cli("mission", "list", "--json"), exeat.cli("mission", "show", opened["mission"], "--json")
    assert opened["mission"] in listed.stdout
    assert _json(shown)["state"] == "open"
    for done in (listed, shown, exeat.cli("mission", "list"), exeat.cli("mission", "show", opened["mission"])):
        assert done.returncode == 0, done.stderr
        assert opened["pass"] not in done.stdout + done.stderr


@pytest.mark.parametrize(("verb", "state"), [("close", "closed"), ("revoke", "revoked")])
def test_close_and_revoke_end_it_for_good(exeat, opened, verb, state):
    assert exeat.cli("mission", verb, opened["mission"]).returncode == 0
    assert _json(exeat.cli("mission", "show", opened["mission"], "--json"))["state"] == state
    refused(ask(exeat, opened, "GET", "/v1/refunds"), "mission_ended")
    assert exeat.cli("mission", verb, opened["mission"]).returncode == 0, "ending twice is no error"
    assert exeat.cli("mission", "resume", opened["mission"]).returncode != 0


def test_suspend_and_resume(exeat, opened):
    exeat.cli("mission", "suspend", opened["mission"])
    refused(ask(exeat, opened, "GET", "/v1/refunds"), "mission_suspended")
    exeat.cli("mission", "resume", opened["mission"])
    assert ask(exeat, opened, "GET", "/v1/refunds").status == 200


def test_extend_gives_a_new_pass_within_the_ceilings(exeat, opened):
    longer = _json(exeat.cli("mission", "extend", opened["mission"], "--ttl", "2h", "--json"))
    assert longer["expires_at"] > opened["expires_at"]
    assert ask(exeat, opened | longer, "GET", "/v1/refunds").status == 200
    assert exeat.cli("mission", "extend", opened["mission"], "--ttl", "90d").returncode == 5


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("refunds", "--agent", "nobody"), {1, 2}), (("nonsense", "--agent", "invoice-bot"), {1, 2}),
        (("refunds", "--agent", "invoice-bot", "--ttl", "soon"), {2}), (("refunds", "--agent", "invoice-bot", "--ttl", "90d"), {5}),
        (("refunds", "--agent", "invoice-bot", "--destination", "evil.example.test:443"), {5}),
        (("refunds", "--agent", "invoice-bot", "--operation", "example:nonsense"), {2, 5}), ((), {2}),
    ],
)  # fmt: skip
def test_what_can_not_be_opened_says_why_and_exits_so(exeat, mission, arguments, code):
    done = exeat.cli("mission", "open", *arguments, "--json")
    assert done.returncode in code, (done.returncode, done.stdout, done.stderr)
    assert done.stderr.strip()
    assert "Traceback" not in done.stderr
    assert '"pass"' not in done.stdout


def test_a_mission_needs_the_proxy_to_serve(exeat, mission, tmp_path):
    done = exeat.cli("mission", "list", EXEAT_ADMIN__LISTEN="http://127.0.0.1:9")
    assert done.returncode == 6
    assert "serve" in done.stderr


def test_a_wrong_admin_token_is_not_authenticated(exeat, mission, tmp_path):
    other = tmp_path / "other.token"
    other.write_text("not-the-token\n")
    other.chmod(0o600)
    assert exeat.cli("mission", "list", EXEAT_ADMIN__TOKEN_FILE=str(other)).returncode == 4


def test_every_change_is_in_the_audit_with_who_did_it(exeat, opened):
    exeat.cli("mission", "revoke", opened["mission"], "--reason", "drill")
    records = exeat.audit_records("mission", mission=opened["mission"])
    assert any("drill" in json.dumps(record) for record in records)
    assert len(records) >= 2
    assert opened["pass"].encode() not in exeat.everything_written()
