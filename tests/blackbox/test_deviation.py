"""A mission that leaves its path ends by itself; one that nearly does goes on. Every trigger, and a near miss of each."""

from __future__ import annotations

import base64
import hashlib
import json
import time

import pytest

from rig.account import outcome_of
from rig.config import SHARED_KEY, operation
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
JSON = "Content-Type: application/json"
PLANTED = "hk_live_canary_0a1b2c3d4e5f6a7b"
SECOND = "sk_other_canary_99e2c1b4d5a6f708"
REFUSALS, FLOOR, WINDOW = 4, 6, 2.0


def configure(config, origin):
    config.environ |= {"PLANTED": PLANTED, "SECOND_KEY": SECOND}
    config.tables["honeytoken"] = [{"name": "planted-key", "source": "env:PLANTED"}]
    config.tables["rule"] = [
        {"name": "refusals", "when": "refusals", "then": "suspend", "count": REFUSALS, "window": f"{WINDOW:g}s",
         "template": "refunds"},
        {"name": "write-burst", "when": "write_burst", "then": "suspend", "floor": FLOOR, "template": "refunds"},
        {"name": "secret-in-body", "when": "secret_in_body", "then": "revoke", "template": "refunds"},
        {"name": "secret-told", "when": "secret_in_body", "then": "alert", "template": "lenient"},
    ]  # fmt: skip
    config.service("example")["operation"] += [
        operation("POST /v1/chat", "chat/create", "write", reader="json", captures={"model": "/model"}, resource="Model"),
        operation("GET /v1/models/{model}", "models/get", "read", resource="Model"),
        operation("POST /v1/batches", "batches/create", "admin"),
    ]  # fmt: skip
    config.service("example")["resource"] = [{"type": "Model", "id": "{model}"}]
    second = {"in": "query", "name": "key"}
    config.tables["service"].append(
        {"name": "second", "hosts": ["second.example.test"], "credential": second, "shared": {"source": "env:SECOND_KEY"},
         "issuer": {"kind": "stored_key"}, "operation": [operation("GET,POST /echo", "echo", "read")]}
    )  # fmt: skip
    config.tables["service"].append(
        {"name": "open", "hosts": ["open.example.test"], "foreign": "forward",
         "credential": {"in": "header", "name": "X-Open-Key"}, "operation": [operation("GET /echo", "echo", "read")]}
    )  # fmt: skip
    config.allow("second.example.test")
    config.allow("open.example.test")
    config.template["operations"] += ["second:*", "open:*", "example:admin"]
    config.tables["mission_template"] += [
        {**config.template, "name": "pinned", "models": ["gpt-5", "o4*"]},
        {**config.template, "name": "lenient"},
    ]


def deviations(exeat, mission, rule="", limit=3.0):
    """The firings of a mission (of one rule), once there is one; ``limit=0`` waits a moment for one that mustn't come."""
    deadline = time.monotonic() + (limit or 0.2)
    more = {"rule": rule} if rule else {}
    while True:
        found = exeat.audit_records("mission", event="deviation", mission=mission["mission"], **more)
        if (found and limit) or time.monotonic() > deadline:
            return found
        time.sleep(0.02)


def state(exeat, mission, *wanted, limit=3.0):
    """The mission as the admin API shows it, once its state is a wanted one."""
    deadline = time.monotonic() + limit
    while (now := exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"]) not in wanted:
        assert time.monotonic() < deadline, now
        time.sleep(0.02)
    return now


def change(exeat, mission, event):
    """The record of what a firing did, with who did it and why."""
    record = exeat.audit_records("mission", event=event, mission=mission["mission"])[0]
    assert record["by"] == "exeat"
    return record["reason"]


def is_over(exeat, mission, code="mission_ended"):
    """Whatever is asked now is refused."""
    refused(ask(exeat, mission, "GET", "/v1/refunds"), code)


def goes_on(exeat, mission):
    """It is open, nothing but alerts was said of it, and it may act."""
    assert all(each["then"] == "alert" for each in deviations(exeat, mission, limit=0))
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    return state(exeat, mission, "open") == "open"


def chat(exeat, mission, model, path="/v1/chat"):
    return ask(exeat, mission, "POST", path, JSON, body=json.dumps({"model": model, "messages": []}).encode())


# --- the pinned model -----------------------------------------------------------------------------------------------------


@pytest.mark.guard("model-pin")
def test_a_call_of_another_model_ends_the_mission(exeat, origin, decoy, mission):
    pinned = exeat.open("pinned")
    refused(chat(exeat, pinned, "gpt-4.1"), "mission_ended")
    fired = deviations(exeat, pinned)[0]
    assert (fired["rule"], fired["then"], fired["count"]) == ("model-pin", "revoke", 1)
    assert fired["evidence"] == {
        "seen": "gpt-4.1", "pinned": "gpt-5, o4*", "in": "request", "code": "model_not_allowed", "destination": f"{HOST}:443",
    }  # fmt: skip
    decision = exeat.audit_records("decision", decision_id=fired["decision_id"])[0]
    assert (decision["code"], decision["detail"]) == ("mission_ended", "rule model-pin: model_not_allowed")
    assert decision["resource"] == 'Example::Model::"gpt-4.1"'
    assert state(exeat, pinned, "revoked")
    assert change(exeat, pinned, "revoke") == "rule model-pin: model_mismatch"
    is_over(exeat, pinned)
    origin.wait_quiet(0.05)
    assert origin.requests == []


def test_the_pinned_models_editions_looks_at_others_and_missions_without_a_pin_are_free(exeat, origin, mission):
    pinned = exeat.open("pinned")
    assert chat(exeat, pinned, "gpt-5").status == 201
    assert chat(exeat, pinned, "o4-mini").status == 201  # by the pin o4*
    assert ask(exeat, pinned, "GET", "/v1/models/gpt-4.1").status == 200  # a look, no call
    assert goes_on(exeat, pinned)
    assert chat(exeat, mission, "gpt-4.1").status == 201
    assert goes_on(exeat, mission)


def test_what_may_run_any_model_is_refused_but_shows_none(exeat, origin, mission):
    pinned = exeat.open("pinned")
    refused(ask(exeat, pinned, "POST", "/v1/batches", JSON, body=b"{}"), "model_not_allowed")
    assert goes_on(exeat, pinned)
    assert ask(exeat, mission, "POST", "/v1/batches", JSON, body=b"{}").status == 201


@pytest.mark.parametrize("model", ["GPT-5", "gpt-5-mini", "gpt-5 "])
def test_another_spelling_is_another_model(exeat, origin, mission, model):
    pinned = exeat.open("pinned")
    assert chat(exeat, pinned, model).status == 403
    origin.wait_quiet(0.05)
    assert origin.requests == []


# --- refusals -------------------------------------------------------------------------------------------------------------


@pytest.mark.guard("refusals-window")
def test_so_many_refusals_suspend_the_mission_and_spread_out_they_don_t(exeat, mission):
    with tunnel(exeat, mission) as wire:
        for _ in range(REFUSALS - 1):
            refused(wire.request("GET", "/nowhere", host=HOST), "operation_unknown")
    assert deviations(exeat, mission, "refusals", limit=0) == []
    time.sleep(WINDOW)
    refused(ask(exeat, mission, "POST", "/v1/payouts"), "policy_denied")  # one more, but too late
    assert goes_on(exeat, mission)


def test_the_last_refusal_says_that_the_mission_is_suspended(exeat, mission):
    answers = []
    with tunnel(exeat, mission) as wire:
        for number in range(REFUSALS):
            answers.append(wire.request("GET", "/nowhere" if number else "/v1/payouts", host=HOST))
    assert [each.code for each in answers] == ["operation_unknown"] * (REFUSALS - 1) + ["mission_suspended"]
    fired = deviations(exeat, mission)[0]
    assert (fired["rule"], fired["when"], fired["then"]) == ("refusals", "refusals", "suspend")
    assert fired["evidence"]["codes"] == {"operation_unknown": REFUSALS}
    assert fired["evidence"]["decisions"] == [each.json()["decision_id"] for each in answers]
    assert state(exeat, mission, "suspended")
    is_over(exeat, mission, "mission_suspended")
    exeat.end(mission, "resume")
    assert goes_on_after_resume(exeat, mission)


def goes_on_after_resume(exeat, mission):
    """What was counted before is forgotten, and the worker has given the rights back."""
    refused(ask(exeat, mission, "GET", "/nowhere"), "operation_unknown")
    return ask(exeat, mission, "GET", "/v1/refunds").status == 200


def test_a_rule_for_one_template_leaves_the_others_alone(exeat, mission):
    lenient = exeat.open("lenient")
    with tunnel(exeat, lenient) as wire:
        for _ in range(REFUSALS + 2):
            refused(wire.request("GET", "/nowhere", host=HOST), "operation_unknown")
    assert goes_on(exeat, lenient)


# --- destinations ---------------------------------------------------------------------------------------------------------


def test_the_first_attempt_at_an_unlisted_destination_alerts_once(exeat, mission):
    for _ in range(2):
        refused(ask(exeat, mission, "GET", "/x", host="unchosen.example.test"), "destination_not_allowed")
    fired = deviations(exeat, mission)
    assert [each["rule"] for each in fired] == ["unlisted-destination"]
    assert fired[0]["evidence"] == {"code": "destination_not_allowed", "destination": "unchosen.example.test:443"}
    assert goes_on(exeat, mission)


def test_listed_destinations_are_none_of_its_business(exeat, mission):
    assert ask(exeat, mission, "GET", "/echo", host="cdn.example.test").status == 200
    assert goes_on(exeat, mission)
    assert deviations(exeat, mission, limit=0) == []


# --- writes ---------------------------------------------------------------------------------------------------------------


@pytest.mark.guard("write-burst")
def test_a_burst_of_writes_suspends_and_the_last_of_them_isn_t_sent(exeat, origin, mission):
    with tunnel(exeat, mission) as wire:
        answers = [wire.request("POST", "/v1/refunds", host=HOST, body=b"{}").status for _ in range(FLOOR)]
        assert answers == [201] * FLOOR
        assert goes_on(exeat, mission)  # reads don't count
        refused(wire.request("POST", "/v1/refunds", host=HOST, body=b"{}"), "mission_suspended")
    fired = deviations(exeat, mission)[0]
    assert (fired["rule"], fired["then"]) == ("write-burst", "suspend")
    assert (fired["evidence"]["writes"], fired["evidence"]["usual"]) == (FLOOR + 1, 0)
    assert state(exeat, mission, "suspended")
    origin.wait_quiet(0.05)
    assert sum(each.method == "POST" for each in origin.requests) == FLOOR


def test_calls_of_a_model_are_no_writes(exeat, mission):
    assert [chat(exeat, mission, "gpt-5").status for _ in range(FLOOR + 2)] == [201] * (FLOOR + 2)
    assert goes_on(exeat, mission)


# --- honeytokens ----------------------------------------------------------------------------------------------------------


@pytest.mark.guard("honeytoken")
@pytest.mark.parametrize(
    ("host", "line"),
    [
        (HOST, f"Authorization: Bearer {PLANTED}"),
        (HOST, f"Authorization: Basic {base64.b64encode(f'user:{PLANTED}'.encode()).decode()}"),
        ("unchosen.example.test", f"X-Api-Key: {PLANTED}"),
        ("open.example.test", f"X-Open-Key: {PLANTED}"),  # where what nobody manages is forwarded
    ],
)
def test_a_honeytoken_ends_the_mission_wherever_it_is_shown(exeat, origin, mission, host, line):
    refused(ask(exeat, mission, "GET", "/echo", line, host=host), "mission_ended")
    fired = deviations(exeat, mission, "honeytoken")[0]
    assert fired["then"] == "revoke"
    assert fired["evidence"] == {"name": "planted-key", "in": "head", "destination": f"{host}:443"}
    assert state(exeat, mission, "revoked")
    origin.wait_quiet(0.05)
    assert origin.requests == []


def test_a_honeytoken_in_a_body_that_streams_ends_the_mission(exeat, origin, mission):
    refused(ask(exeat, mission, "POST", "/upload", body=b"x" * 5000 + PLANTED.encode()), "mission_ended")
    assert deviations(exeat, mission, "honeytoken")[0]["evidence"]["in"] == "body"
    assert state(exeat, mission, "revoked")


def test_most_of_a_honeytoken_is_none(exeat, origin, mission):
    assert ask(exeat, mission, "POST", "/upload", body=b"x" * 5000 + PLANTED[:-1].encode()).status == 200
    assert ask(exeat, mission, "GET", "/echo", f"X-Open-Key: {PLANTED[:-1]}x", host="open.example.test").status == 200
    assert goes_on(exeat, mission)


# --- secrets --------------------------------------------------------------------------------------------------------------

ENCODED = [
    SHARED_KEY.encode(),
    base64.b64encode(b"ab" + SHARED_KEY.encode()),
    SHARED_KEY.encode().hex().encode(),
    SHARED_KEY.replace("_", "%5F").encode(),
]


URL_SAFE = base64.urlsafe_b64encode(SHARED_KEY.encode()).decode().rstrip("=")


@pytest.mark.guard("secret-in-body")
@pytest.mark.parametrize("shown", ENCODED, ids=["plain", "base64", "hex", "percent"])
@pytest.mark.parametrize("http2", [False, True])
def test_a_shared_key_in_an_upload_is_stopped_before_it_is_whole(exeat, origin, mission, shown, http2):
    before, halves = b"x" * 3000, (shown[:16], shown[16:])
    if http2:
        with H2Wire(exeat, mission) as wire:
            number = wire.open("POST", "/upload", end=False)
            for piece in (before, *halves):
                wire.data(number, piece, end=False)
                time.sleep(0.02)
            answer = wire.finish(number)
    else:
        with tunnel(exeat, mission) as wire:
            wire.send(f"POST /upload HTTP/1.1\r\nHost: {HOST}\r\nTransfer-Encoding: chunked\r\n\r\n")
            for piece in (before, *halves):
                wire.send(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
                time.sleep(0.02)
            answer = wire.send(b"0\r\n\r\n").response("POST")
    assert answer.code == "mission_ended" or http2, answer
    fired = deviations(exeat, mission)[0]
    assert (fired["rule"], fired["then"]) == ("secret-in-body", "revoke")
    assert fired["evidence"] == {"name": "example", "in": "body", "destination": f"{HOST}:443"}
    assert state(exeat, mission, "revoked")
    origin.wait_quiet(0.05)
    assert shown[:16] not in origin.raw()
    assert not any(each.complete for each in origin.requests)
    decision = exeat.audit_records("decision", mission=mission["mission"])[0]
    assert outcome_of(exeat, decision)["code"] == "mission_ended"


def test_a_shared_key_in_a_body_that_is_read_first_is_not_sent_at_all(exeat, origin, mission):
    body = json.dumps({"model": "gpt-5", "messages": [{"content": f"my key is {SHARED_KEY}"}]}).encode()
    refused(ask(exeat, mission, "POST", "/v1/chat", JSON, body=body), "mission_ended")
    assert deviations(exeat, mission)[0]["rule"] == "secret-in-body"
    origin.wait_quiet(0.05)
    assert origin.connections == []


@pytest.mark.parametrize("shown", [URL_SAFE, SHARED_KEY.encode().hex()])
def test_a_shared_key_in_a_url_is_not_sent_at_all(exeat, origin, mission, shown):
    refused(ask(exeat, mission, "GET", f"/v1/refunds?note={shown}"), "mission_ended")
    assert deviations(exeat, mission, "secret-in-body")[0]["evidence"]["in"] == "head"
    origin.wait_quiet(0.05)
    assert origin.connections == []


@pytest.mark.guard("secret-in-record")
def test_the_record_of_a_path_with_a_key_in_it_shows_none(exeat, mission):
    refused(ask(exeat, mission, "GET", f"/v1/refunds/{SHARED_KEY}"), "credential_foreign")
    record = exeat.audit_records("decision", mission=mission["mission"])[0]
    assert record["path"] == "/v1/refunds/" + "*" * len(SHARED_KEY)


def test_a_key_in_its_place_and_a_placeholder_in_a_body_pass(exeat, origin, mission):
    assert ask(exeat, mission, "GET", "/v1/refunds", f"Authorization: Bearer {SHARED_KEY}").status == 200
    assert ask(exeat, mission, "GET", f"/echo?key={SECOND}", host="second.example.test").status == 200
    body = mission["placeholders"]["example"].encode() * 3 + SHARED_KEY[:-1].encode()
    answer = ask(exeat, mission, "POST", "/upload", body=body)
    assert answer.json() == {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert goes_on(exeat, mission)


def test_what_only_alerts_lets_the_body_pass_whole(exeat, origin, mission):
    lenient = exeat.open("lenient")
    body = b"x" * 70_000 + SHARED_KEY.encode() + b"y" * 70_000 + SHARED_KEY.encode()
    answer = ask(exeat, lenient, "POST", "/upload", body=body)
    assert answer.json() == {"length": len(body), "sha256": hashlib.sha256(body).hexdigest()}
    assert [each["rule"] for each in deviations(exeat, lenient)] == ["secret-told"]  # twice, but one record
    assert goes_on(exeat, lenient)


# --- credentials and identities ---------------------------------------------------------------------------------------------


def test_a_foreign_credential_alerts_and_is_refused(exeat, mission):
    refused(
        ask(exeat, mission, "GET", "/v1/refunds", "Authorization: Bearer sk_nobody_knows_this"), "credential_foreign"
    )
    fired = deviations(exeat, mission)[0]
    assert (fired["rule"], fired["then"], fired["when"]) == ("foreign-credential", "alert", "foreign_credential")
    assert b"nobody_knows" not in exeat.everything_written()
    assert goes_on(exeat, mission)


def test_a_shared_key_in_the_wrong_place_of_a_request_is_refused_and_alerts(exeat, origin, mission):
    """It didn't leave, and may be how an old program was written."""
    for path in (f"/v1/refunds?note={SHARED_KEY}", f"/v1/refunds/{SHARED_KEY}"):
        refused(ask(exeat, mission, "GET", path), "credential_foreign")
    [fired] = deviations(exeat, mission)
    assert (fired["rule"], fired["evidence"]["detail"]) == (
        "foreign-credential", "a managed credential outside its place",
    )  # fmt: skip
    assert goes_on(exeat, mission)


def test_a_foreign_credential_where_they_are_forwarded_is_no_deviation(exeat, mission):
    line = "X-Open-Key: sk_nobody_knows_this"
    assert ask(exeat, mission, "GET", "/echo", line, host="open.example.test").status == 200
    assert deviations(exeat, mission, limit=0) == []


def test_another_agents_pass_on_a_connection_alerts(exeat, mission):
    other = exeat.open("lenient", agent="report-bot")
    with Wire(exeat) as wire:
        line = f"Proxy-Authorization: {basic(mission['pass'])}"
        assert wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test").status == 200
        assert wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test").status == 200
        assert deviations(exeat, mission, limit=0) == []
        line = f"Proxy-Authorization: {basic(other['pass'])}"
        refused(
            wire.request("GET", "http://plain.example.test/echo", line, host="plain.example.test"), "identity_conflict"
        )
    fired = deviations(exeat, mission)[0]
    assert (fired["rule"], fired["then"], fired["evidence"]["code"]) == (
        "identity-conflict",
        "alert",
        "identity_conflict",
    )


# --- what was written -------------------------------------------------------------------------------------------------------


def test_no_secret_is_in_any_record(exeat):
    written = exeat.everything_written()
    for secret in (PLANTED, SECOND, SHARED_KEY):
        assert secret.encode() not in written
        assert base64.b64encode(secret.encode())[:-4] not in written
