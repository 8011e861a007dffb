"""What people have to approve: held, bound to the exact request, used up, denied, told and heard."""

from __future__ import annotations

import hashlib
import json
import subprocess
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from rig.config import Config, operation
from rig.hooks import KEY, SECRET, Hooks, signature, signed_fields
from rig.proxy import Exeat, clean_environment
from rig.wire import ask, refused, tunnel
from rig.wire_h2 import H2Wire

HOST = "api.example.test"
HOLD, BRISK = 20.0, 1.0
"""Seconds that requests wait: long where somebody answers, short where nobody does."""
BOARD = b"the board's own secret, of its own"
HOOKS = Hooks(failures=1)
"""A module's one listener: its first message fails, and so is sent again."""


def forbid(name, operation, group):
    return f"""
@id("{name}") @reason("approval_required") @approval("{group}") @advice("Ask {group}.")
forbid (principal, action == Action::"example:{operation}", resource)
unless {{ context.approvals.contains(Exeat::Approver::"{group}") }};
"""


def configure(config, origin):
    config.environ |= {"HOOK_SECRET": SECRET, "BOARD_SECRET": BOARD.decode()}
    config.tables["proxy"]["limits"] = {"hold": f"{HOLD:g}s", "inspected_body": 64 * 1024}
    config.tables["approver"] = [
        {"name": "finance", "members": ["admin", "alice", "bob"], "ask": "#finance", "webhook": HOOKS.url,
         "secret": "env:HOOK_SECRET"},
        {"name": "board", "members": ["admin", "carol"], "needed": 2, "ask": "https://board.example/ask",
         "secret": "env:BOARD_SECRET"},
    ]  # fmt: skip
    config.tables["approval"] = {"pending": "10m", "denied": "2s"}
    config.template["operations"].append("example:delete")
    config.service("example")["resource"] = [{"type": "Vault", "id": "{vault}"}]
    config.service("example")["operation"].append(
        operation("POST /v1/vaults/{vault}", "vaults/put", "write", resource="Vault", sensitivity="critical")
    )
    config.policies["site.cedar"] += (
        forbid("echo", "echo/write", "finance")
        + forbid("refund", "refunds/create", "finance")
        + forbid("delete", "refunds/delete", "board")
    )


@pytest.fixture(scope="module", autouse=True)
def _hooks():
    with HOOKS:
        yield


@pytest.fixture(scope="module")
def brisk(tmp_path_factory, authority, origin):
    """An installation that waits shortly, and in which missions are fresh shortly."""
    config = Config(origin, authority.file)
    configure(config, origin)
    config.tables["proxy"]["limits"]["hold"] = f"{BRISK:g}s"
    config.tables["policy"]["fresh"] = "2s"
    config.template["operations"].append("example:vaults/put")
    with Exeat(tmp_path_factory.mktemp("brisk"), config) as running:
        yield running


def pending(exeat, mission, count=1):
    """The questions of a mission, waited for."""
    deadline = time.monotonic() + 5
    while time.monotonic() < deadline:
        found = exeat.admin("GET", f"/v1/approvals?state=pending&mission={mission['mission']}").ok()["approvals"]
        if len(found) >= count:
            return found
        time.sleep(0.03)
    raise AssertionError("nobody is asked")


def decide(exeat, approval, verb="approve", token="", **body):
    return exeat.admin("POST", f"/v1/approvals/{approval}/{verb}", body, token=token)


def at_once(exeat, mission, method="POST", path="/echo", body=b"{}"):
    """One request that waits for nobody: HTTP/2."""
    with H2Wire(exeat, mission) as wire:
        number = wire.open(method, path, ("content-type", "application/json"), end=not body)
        if body:
            wire.data(number, body)
        return wire.finish(number)


def asked(exeat, mission, **request):
    """Send a request that is refused because nobody has approved it yet; the question's id."""
    problem = refused(at_once(exeat, mission, **request), "approval_required", status=403)
    return problem["approval_id"]


def hook(exeat, body, *, message_id="", key=KEY, timestamp=None, tamper=b""):
    raw = json.dumps(body).encode()
    fields = signed_fields(raw, message_id or f"msg_{time.monotonic_ns()}", key=key, timestamp=timestamp)
    return exeat.admin("POST", "/hooks/approvals", raw + tamper, token=None, headers=fields)


def events(exeat, approval):
    return [record["event"] for record in exeat.audit_records(approval=approval) if "event" in record]


def test_a_held_request_passes_once_somebody_approves_it(exeat, mission, origin):
    """curl waits, a person looks at exactly what it asks, and it goes on as if nothing had been."""
    body = '{"amount": 12}'
    started = time.monotonic()
    curl = subprocess.Popen(
        ["curl", "-sS", "--http1.1", "--max-time", "40", "-x", mission["proxy_url"], "--cacert", mission["ca_file"],
         "-H", "Content-Type: application/json", "-d", body, "-w", "\n%{http_code}", f"https://{HOST}/echo?dry=no"],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=clean_environment(),
    )  # fmt: skip
    question = pending(exeat, mission)[0]
    assert origin.connections == [], "dialled before anybody approved"
    assert exeat.audit_records("decision", mission=mission["mission"]) == []
    assert question["request"] == {
        "method": "POST", "url": f"https://{HOST}/echo", "query": "dry=no", "exact": True,
        "body": {"sha256": hashlib.sha256(body.encode()).hexdigest(), "bytes": len(body), "content_type": "application/json"},
    }  # fmt: skip
    shown = exeat.cli("approval", "show", question["approval"])
    assert f"POST https://{HOST}/echo" in shown.stdout
    done = exeat.cli("approval", "approve", question["approval"], "--reason", "checked", "--json")
    assert done.returncode == 0, done.stderr
    output, errors = curl.communicate(timeout=45)
    assert output.endswith("\n200"), (output, errors)
    assert time.monotonic() - started < HOLD + 5
    seen = origin.wait_for()
    assert seen.sha256 == hashlib.sha256(body.encode()).hexdigest()
    decision = exeat.audit_records("decision", mission=mission["mission"])[0]
    assert (decision["decision"], decision["approval"]) == ("permit", question["approval"])
    assert decision["decision_id"] == question["decision_id"]
    assert events(exeat, question["approval"]) == ["approval_requested", "approval_approved", "approval_used"]
    assert exeat.audit_records(event="approval_approved", approval=question["approval"])[0]["by"] == "admin"
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200, "what needs no approval needs none"


@pytest.mark.guard("approval-binding")
def test_another_request_is_not_covered(exeat, mission, origin):
    """Another body, path, query, method or content type is another request."""
    approval = asked(exeat, mission, path="/echo?x=1", body=b'{"a": 1}')
    assert decide(exeat, approval, scope="times", times=5).ok()["state"] == "approved"
    others = [
        {"body": b'{"a": 2}'}, {"path": "/echo?x=2"}, {"path": "/echo"}, {"method": "PUT"}, {"body": b""},
    ]  # fmt: skip
    found = [asked(exeat, mission, **{"path": "/echo?x=1", "body": b'{"a": 1}'} | each) for each in others]
    assert len({approval, *found}) == 6
    assert origin.connections == []
    assert at_once(exeat, mission, path="/echo?x=1", body=b'{"a": 1}').status == 200
    other = exeat.open(agent="report-bot")
    assert asked(exeat, other, path="/echo?x=1", body=b'{"a": 1}') != approval, "another session's approval counted"


def test_once_is_once_also_for_two_at_a_time(exeat, mission, origin):
    approval = asked(exeat, mission)
    decide(exeat, approval).ok()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: at_once(exeat, mission).status, range(4)))
    assert sorted(answers) == [200, 403, 403, 403]
    assert len(origin.requests) == 1
    assert events(exeat, approval).count("approval_used") == 1
    assert exeat.admin("GET", f"/v1/approvals/{approval}").ok()["state"] == "used"


def test_so_many_times_and_no_more(exeat, mission):
    approval = asked(exeat, mission)
    assert exeat.cli("approval", "approve", approval, "--times", "2").returncode == 0
    assert [at_once(exeat, mission).status for _ in range(3)] == [200, 200, 403]


def test_for_the_mission_covers_the_action_on_the_resource(exeat, mission):
    """Any body of that action on that resource, but no other action, and no other mission."""
    approval = asked(exeat, mission)
    granted = decide(exeat, approval, scope="mission").ok()
    assert granted["expires_at"] == mission["expires_at"]
    assert [at_once(exeat, mission, body=b"%d" % n).status for n in range(3)] == [200, 200, 200]
    assert at_once(exeat, mission, "PUT", "/echo?other").status == 200
    asked(exeat, mission, path="/v1/refunds")
    asked(exeat, exeat.open())


@pytest.mark.guard("approval-denied")
def test_a_denial_is_remembered_for_a_while(exeat, mission, origin):
    approval = asked(exeat, mission)
    done = exeat.cli("approval", "deny", approval, "--reason", "no")
    assert done.returncode == 0, done.stderr
    denied = time.monotonic()
    refused(at_once(exeat, mission), "approval_denied", status=403)
    assert asked(exeat, mission, body=b'{"other": 1}') != approval
    assert decide(exeat, approval).status == 409
    time.sleep(max(0, denied + 2.1 - time.monotonic()))
    assert asked(exeat, mission) != approval
    assert origin.connections == []


def test_nobody_answers_in_time_then_somebody_does(brisk, origin):
    """After the wait: where to ask, and when again; approved later, the same request passes."""
    exeat, mission = brisk, brisk.open()
    origin.clear()
    started = time.monotonic()
    answer = ask(exeat, mission, "POST", "/echo", "Content-Type: application/json", body=b"{}")
    assert BRISK - 0.1 <= time.monotonic() - started < BRISK + 5
    problem = refused(answer, "approval_required", status=403)
    assert int(answer.header("retry-after")) > 0
    approval = problem["approval_id"]
    step = problem["next_steps"][0]
    assert step["command"] == f"exeat approval approve {approval}"
    assert "#finance" in step["description"]
    assert approval in problem["hint"]
    decide(exeat, approval).ok()
    assert ask(exeat, mission, "POST", "/echo", "Content-Type: application/json", body=b"{}").status == 200
    assert len(origin.requests) == 1


@pytest.mark.guard("approval-shared-connection")
def test_a_shared_connection_is_answered_at_once(exeat, mission):
    started = time.monotonic()
    asked(exeat, mission)
    assert time.monotonic() - started < HOLD / 2


def test_a_body_beyond_the_limit_cannot_be_approved(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 100000\r\n\r\n")
        wire.send(b"x" * 100000)
        refused(wire.response("POST"), "request_malformed")
    assert origin.connections == []


def test_a_revoke_ends_a_hold_at_once(exeat, mission, origin):
    with tunnel(exeat, mission) as wire:
        wire.send(f"POST /echo HTTP/1.1\r\nHost: {HOST}\r\nContent-Length: 2\r\n\r\n{{}}")
        approval = pending(exeat, mission)[0]["approval"]
        exeat.end(mission)
        returned = time.monotonic()
        answer = wire.response("POST")
        assert time.monotonic() - returned < 1
        assert answer.closed or answer.code == "mission_ended"
    deadline = time.monotonic() + 5
    while exeat.admin("GET", f"/v1/approvals/{approval}").ok()["state"] == "pending" and time.monotonic() < deadline:
        time.sleep(0.02)
    dropped = exeat.admin("GET", f"/v1/approvals/{approval}").ok()
    assert (dropped["state"], dropped["cause"]) == ("expired", "mission")
    assert decide(exeat, approval).status == 409
    assert origin.connections == []
    assert events(exeat, approval) == ["approval_requested", "approval_expired"]


@pytest.mark.guard("approval-two")
def test_two_have_to_agree_where_the_group_says_so(exeat, mission, origin):
    approval = asked(exeat, mission, method="DELETE", path="/v1/refunds/7", body=b"")
    first = decide(exeat, approval).ok()
    assert (first["state"], first["missing"]) == ("pending", {"board": 1})
    assert decide(exeat, approval).status == 409, "one person is one voice"
    request = {"method": "DELETE", "path": "/v1/refunds/7", "body": b""}
    assert asked(exeat, mission, **request) == approval
    assert origin.connections == []
    assert events(exeat, approval) == ["approval_requested", "approval_voted"]
    word = {"approval": approval, "decision": "approve", "approver": "carol", "scope": "times", "times": 5}
    second = hook(exeat, word, key=BOARD).ok()
    assert (second["state"], second["scope"], second["times"]) == ("approved", "once", 1), "the narrower word holds"
    assert at_once(exeat, mission, **request).status < 300
    assert at_once(exeat, mission, **request).status == 403


@pytest.mark.guard("approval-self")
def test_the_requester_never_approves(exeat, mission):
    own = exeat.open(owner="Alice")
    approval = asked(exeat, own)
    answer = hook(exeat, {"approval": approval, "decision": "approve", "approver": "alice"})
    assert (answer.status, answer.body["code"]) == (403, "not_an_approver")
    agent = hook(exeat, {"approval": approval, "decision": "approve", "approver": "invoice-bot"})
    assert agent.status == 403
    assert at_once(exeat, own).code == "approval_required"
    assert hook(exeat, {"approval": approval, "decision": "approve", "approver": "bob"}).ok()["state"] == "approved"
    assert at_once(exeat, own).status == 200


@pytest.mark.guard("approval-opener")
def test_who_opened_the_mission_does_not_approve_either(exeat, mission):
    """People with tokens of their own are told apart, and a viewer approves nothing."""

    def token(name, role):
        return exeat.admin("POST", "/v1/tokens", {"name": name, "role": role}).ok()["secret"]

    alice, bob, viewer = token("alice", "admin"), token("bob", "approver"), token("viktor", "viewer")
    fields = {"template": "refunds", "agents": ["invoice-bot"]}
    own = exeat.admin("POST", "/v1/missions", fields, token=alice).ok()
    approval = asked(exeat, own)
    assert decide(exeat, approval, token=viewer).status == 403
    assert decide(exeat, approval, token=alice).body["code"] == "not_an_approver"
    assert decide(exeat, asked(exeat, mission), token=alice).ok()["state"] == "approved"
    done = decide(exeat, approval, token=bob).ok()
    assert (done["state"], done["votes"][0]["by"]) == ("approved", "bob")


def test_two_workers_use_an_approval_no_more_often_than_one(make_exeat, origin):
    """Both ask the same desk: held requests go on, and four at once share two uses."""

    def change(config):
        configure(config, origin)
        config.tables["proxy"]["workers"] = 2

    exeat = make_exeat(origin, change=change).start()
    mission = exeat.open()
    origin.clear()
    approval = asked(exeat, mission)
    decide(exeat, approval, scope="times", times=2).ok()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: at_once(exeat, mission).status, range(6)))
        assert sorted(answers) == [200, 200, 403, 403, 403, 403]
        held = pool.submit(ask, exeat, mission, "POST", "/echo", body=b"held")
        decide(exeat, pending(exeat, mission, 2)[0]["approval"]).ok()
        assert held.result(HOLD + 5).status == 200
    assert len(origin.requests) == 3
    assert exeat.stop() == 0


def test_an_approval_buys_no_budget(exeat, mission):
    """What people approve is still counted: one of two uses is all that the mission can pay."""
    poor = exeat.open(budget={"writes": 1})
    decide(exeat, asked(exeat, poor), scope="times", times=2).ok()
    assert at_once(exeat, poor).status == 200
    assert refused(at_once(exeat, poor), "budget_exhausted", status=429)


def test_a_grant_lapses(exeat, mission):
    approval = asked(exeat, mission)
    decide(exeat, approval, scope="times", times=9, ttl="400ms").ok()
    time.sleep(0.5)
    assert asked(exeat, mission) != approval


def test_the_group_is_told_with_a_valid_signature_and_nothing_secret(exeat, mission):
    """The first message ever fails and is sent again; each is signed over exactly what was sent."""
    approval = asked(exeat, mission, path="/echo?note=CANARY-in-a-query", body=b"CANARY-in-a-body")
    messages = HOOKS.of(approval)
    assert messages
    fields, body = messages[-1]
    right = signature(KEY, fields["webhook-id"], fields["webhook-timestamp"], body)
    assert fields["webhook-signature"] == right
    assert abs(time.time() - int(fields["webhook-timestamp"])) < 60
    told = json.loads(body)  # noqa: TID251
    assert (told["type"], told["data"]["approval"]) == ("approval.requested", approval)
    assert told["data"]["request"]["url"] == f"https://{HOST}/echo"
    written = b"".join(body for _, body in HOOKS.heard) + exeat.everything_written()
    assert b"CANARY-in-a-query" not in written
    assert b"CANARY-in-a-body" not in written
    first = HOOKS.heard[0][0]["webhook-id"]
    deadline = time.monotonic() + 5
    while sum(fields["webhook-id"] == first for fields, _ in HOOKS.heard) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    assert sum(fields["webhook-id"] == first for fields, _ in HOOKS.heard) == 2


@pytest.mark.guard("webhook-signature")
@pytest.mark.guard("webhook-window")
@pytest.mark.guard("webhook-replay")
def test_a_signed_webhook_approves_and_no_other(exeat, mission):
    approval = asked(exeat, mission)
    word = {"approval": approval, "decision": "approve", "approver": "bob", "scope": "times", "times": 2}
    assert hook(exeat, word, key=b"another key of 24 bytes or more").status == 401
    assert hook(exeat, word, tamper=b" ").status == 401
    assert hook(exeat, word, timestamp=time.time() - 400).status == 401
    assert hook(exeat, word, timestamp=time.time() + 400).status == 401
    raw = json.dumps(word).encode()
    assert exeat.admin("POST", "/hooks/approvals", raw, token=None).status == 401
    assert hook(exeat, word | {"approver": "mallory"}).status == 403
    assert exeat.admin("GET", f"/v1/approvals/{approval}").ok()["state"] == "pending"
    fields = signed_fields(raw, "msg_once")
    assert exeat.admin("POST", "/hooks/approvals", raw, token=None, headers=fields).ok()["state"] == "approved"
    again = exeat.admin("POST", "/hooks/approvals", raw, token=None, headers=fields)
    assert (again.status, again.body["code"]) == (409, "replayed")
    assert [at_once(exeat, mission).status for _ in range(3)] == [200, 200, 403]
    vote = exeat.admin("GET", f"/v1/approvals/{approval}").ok()["votes"][0]
    assert (vote["by"], vote["via"], vote["groups"]) == ("bob", "webhook", ["finance"])


def test_a_webhook_speaks_for_its_own_group_alone(exeat, mission):
    approval = asked(exeat, mission, method="DELETE", path="/v1/refunds/7", body=b"")
    assert hook(exeat, {"approval": approval, "decision": "approve", "approver": "admin"}).status == 403


@pytest.mark.guard("critical-fresh")
def test_what_is_critical_needs_an_owner_and_a_fresh_mission(brisk):
    """An operation that says it is critical: its token is grade A here, so nobody has to approve it."""
    problem = refused(ask(brisk, brisk.open(), "POST", "/v1/vaults/a"), "policy_denied")
    assert "owner" in problem["detail"]
    owned = brisk.open(owner="payments")
    opened = time.monotonic()
    assert ask(brisk, owned, "POST", "/v1/vaults/a").status < 300
    time.sleep(max(0, opened + 2.2 - time.monotonic()))
    refused(ask(brisk, owned, "POST", "/v1/vaults/a"), "mission_not_fresh", status=403)
    assert ask(brisk, owned, "GET", "/v1/refunds").status == 200


def test_the_list_shows_what_an_agent_chose_without_doing_it(exeat, mission):
    approval = asked(exeat, mission, path="/echo?x=%1b[2J")
    listed = exeat.cli("approval", "list")
    assert approval in listed.stdout
    assert "\x1b" not in listed.stdout
    assert exeat.cli("approval", "approve", "a_nonsense").returncode == 1
    assert exeat.cli("approval", "approve", approval, "--for", "ever").returncode == 2


def test_two_wait_for_one_answer(exeat, mission, origin):
    """The same request twice is one question; both go on with an approval for two times."""
    answers = []
    threads = [
        threading.Thread(
            target=lambda: answers.append(
                ask(exeat, mission, "POST", "/echo", "Content-Type: text/x", body=b"y").status
            )
        )
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    approval = pending(exeat, mission)[0]["approval"]
    time.sleep(0.3)
    assert len(pending(exeat, mission)) == 1
    decide(exeat, approval, scope="times", times=2).ok()
    for thread in threads:
        thread.join(10)
    assert answers == [200, 200]
