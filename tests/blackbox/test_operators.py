"""Operators at the admin API of a serving installation: roles, tokens, lists in pages, questions, figures, its description."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from prometheus_client.parser import text_string_to_metric_families
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    use_after_free,
)

from rig.wire import ask

MAY = {
    "metrics": {"scrape"},
    "viewer": {"read", "scrape"},
    "operator": {"read", "scrape", "operate"},
    "approver": {"read", "scrape", "approve"},
    "admin": {"read", "scrape", "operate", "approve", "administer"},
}


@pytest.fixture(scope="module")
def tokens(exeat):
    """A token of each role, made on the command line."""
    made = {role: exeat.cli("admin", "token", "create", f"t-{role}", "--role", role) for role in MAY}
    assert all(each.returncode == 0 for each in made.values()), made
    return {role: each.stdout.strip() for role, each in made.items()}


@pytest.fixture(scope="module")
def description(exeat):
    """What is served; streams, which don't end, are tried elsewhere."""
    served = exeat.admin("GET", "/v1/openapi.json").ok()
    del served["paths"]["/v1/events"]
    return served


# --- roles and tokens ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("role", [*MAY, None])
def test_every_call_takes_exactly_the_roles_that_have_its_permission(exeat, tokens, description, role):
    """Through the door, for every call there is; what a call needs is in its description."""
    for path, calls in description["paths"].items():
        for method, call in calls.items():
            answer = exeat.admin(
                method.upper(), re.sub(r"{\w+}", "x", path), {} if method == "post" else None, token=tokens.get(role or "")
            )  # fmt: skip
            needed = call["x-permission"]
            where = (role, method, path, answer)
            if role is None:
                assert (answer.status == 401) is (needed is not None), where
            else:
                refused = answer.status == 403 and answer.body["code"] == "role_insufficient"
                assert refused is (needed is not None and needed not in MAY[role]), where
            assert answer.status < 500 or path in ("/login", "/callback"), where


def test_a_token_from_making_to_revocation_on_the_command_line(exeat, tmp_path):
    out = tmp_path / "night.token"
    made = exeat.cli("admin", "token", "create", "night", "--role", "operator", "--expires", "2h", "--out", str(out))
    assert (made.returncode, made.stdout.strip(), out.stat().st_mode & 0o777) == (0, str(out), 0o600)
    secret = out.read_text().strip()
    assert re.fullmatch(r"exeat_adm_[a-z2-7]{13}_[A-Za-z0-9_-]{43}", secret)
    asked = {"EXEAT_ADMIN__TOKEN_FILE": str(out)}
    opened = exeat.cli("mission", "open", "refunds", "--agent", "invoice-bot", "--json", **asked)
    assert opened.returncode == 0, opened.stderr
    assert exeat.audit_records("mission", event="open")[-1]["by"] == "night"
    refused = exeat.cli("admin", "token", "create", "mine", "--role", "admin", **asked)
    assert refused.returncode == 5
    assert "role operator may not" in refused.stderr
    listed = exeat.cli("admin", "token", "list")
    row = next(line for line in listed.stdout.splitlines() if " night " in line)
    assert "operator" in row
    assert "live" in row
    assert secret.split("_")[3] not in listed.stdout
    assert exeat.cli("admin", "token", "revoke", "night", "--reason", "left").returncode == 0
    assert exeat.cli("mission", "list", **asked).returncode == 4
    assert exeat.audit_records("admin", event="token_revoke", name="night")[0]["reason"] == "left"
    assert secret.encode() not in exeat.everything_written()
    database = b"".join(file.read_bytes() for file in exeat.folder.glob("exeat.db*"))
    assert secret.encode() not in database
    assert secret.rpartition("_")[2].encode() not in database


# --- lists ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("path", "name"), [("/v1/audit?limit=3&kind=mission", "records"), ("/v1/missions?limit=2", "missions"),
                                            ("/v1/services?limit=1", "services"), ("/v1/tokens?limit=2", "tokens")])  # fmt: skip
def test_pages_put_together_are_the_whole_list(exeat, tokens, path, name):
    for _ in range(5):
        exeat.end(exeat.open())
    bare = re.sub(r"limit=\d+&?", "", path).rstrip("?")
    whole = exeat.admin("GET", f"{bare}{'&' if '?' in bare else '?'}limit=1000").ok()[name]
    pages, following = [], path
    while following:
        answer = exeat.admin("GET", following).ok()
        pages.append(answer[name])
        following = answer["next"]
        assert len(pages) < 1000
    if name == "records":
        pages.reverse()  # newest last, so the next page is the one before
    assert [entry for each in pages for entry in each] == whole
    assert len(pages) > 1


# --- questions --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("action", "kind", "resource", "request_"), [
    ("example:refunds/list", "Exeat::Service", "example", ("GET", "/v1/refunds")),
    ("example:refunds/create", "Exeat::Service", "example", ("POST", "/v1/refunds")),
    ("example:refunds/delete", "Exeat::Service", "example", ("DELETE", "/v1/refunds/7")),
    ("example:payouts/create", "Exeat::Service", "example", ("POST", "/v1/payouts")),
    ("GET", "url", "https://api.example.test/v1/refunds/7", ("GET", "/v1/refunds/7")),
    ("GET", "url", "https://api.example.test/nowhere", ("GET", "/nowhere")),
    ("DELETE", "url", "https://api.example.test/v1/refunds/7", ("DELETE", "/v1/refunds/7")),
])  # fmt: skip
def test_what_would_be_decided_is_what_is_decided(exeat, mission, tokens, origin, action, kind, resource, request_):
    question = {
        "subject": {"type": "session", "id": f"{mission['mission']}/invoice-bot"},
        "action": {"name": action}, "resource": {"type": kind, "id": resource},
    }  # fmt: skip
    before = len(exeat.audit_records())
    said = exeat.admin("POST", "/access/v1/evaluation", question, token=tokens["viewer"]).ok()
    assert (len(exeat.audit_records()), origin.connections) == (before, [])
    ask(exeat, mission, *request_, body=b"{}" if request_[0] == "POST" else b"")
    record = exeat.audit_records("decision", mission=mission["mission"])[-1]
    assert said["decision"] is (record["decision"] == "permit"), (said, record)
    assert said["context"]["reason"] == record["code"]
    assert said["context"]["policies"] == record["policies"]
    if said["decision"]:
        assert [duty["id"] for duty in said["context"]["obligations"]] == ["inject", "tag"]


def test_a_question_about_an_ended_mission_is_refused(exeat, mission, tokens):
    question = {
        "subject": {"type": "agent", "id": "prod/invoice-bot", "properties": {"mission": mission["mission"]}},
        "action": {"name": "example:refunds/list"}, "resource": {"type": "Exeat::Service", "id": "example"},
    }  # fmt: skip
    assert exeat.admin("POST", "/access/v1/evaluation", question).ok()["decision"] is True
    exeat.end(mission)
    said = exeat.admin("POST", "/access/v1/evaluation", question).ok()
    assert (said["decision"], said["context"]["reason"]) == (False, "mission_ended")


# --- figures ----------------------------------------------------------------------------------------------------------


def figures(exeat, token):
    answer = exeat.admin("GET", "/metrics", token=token)
    assert answer.status == 200
    return answer.body, {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(answer.body)
        for sample in family.samples
    }


def test_what_happens_is_counted_and_nobody_is_named(exeat, mission, tokens, origin):
    permits = ("exeat_decisions_total", ("reason", ""), ("service", "example"), ("verdict", "permit"))
    denials = ("exeat_decisions_total", ("reason", "policy_denied"), ("service", "example"), ("verdict", "deny"))
    _, before = figures(exeat, tokens["metrics"])
    for _ in range(3):
        ask(exeat, mission, "GET", "/v1/refunds")
    ask(exeat, mission, "POST", "/v1/payouts", body=b"{}")
    text, after = figures(exeat, tokens["metrics"])
    grown = {name: value - before.get(name, 0) for name, value in after.items() if value != before.get(name, 0)}
    assert (grown[permits], grown[denials]) == (3, 1)
    assert grown["exeat_decision_duration_seconds_count", ("stage", "decide")] == 4
    assert grown["exeat_decision_duration_seconds_count", ("stage", "mint")] == 1
    assert grown["exeat_credentials_issued_total", ("issuer", "jwt")] == 1
    assert grown["exeat_credential_cache_hits_total", ("issuer", "jwt")] == 2
    status = ("service", "example"), ("status_class", "2xx")
    assert grown["exeat_upstream_request_duration_seconds_count", *status] == 3
    assert after["exeat_active_missions",] >= 1
    assert after["exeat_ca_expiry_timestamp_seconds",] > 1.7e9
    for name in (mission["mission"], "invoice-bot", "api.example.test", "/v1/refunds"):
        assert name not in text
    if promtool := shutil.which("promtool"):
        done = subprocess.run([promtool, "check", "metrics"], input=text, text=True, capture_output=True, timeout=20)
        assert done.returncode == 0, done.stdout + done.stderr


# --- the description --------------------------------------------------------------------------------------------------

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, ignored_auth, use_after_free,
]  # fmt: skip


def test_every_answer_is_one_that_the_description_promises(exeat, description):
    """Each call with requests made from its own description, right ones and wrong ones."""
    sent = {"Authorization": f"Bearer {exeat.token()}"}
    tried = 0
    for found in schemathesis.openapi.from_dict(description).get_all_operations():
        operation = found.ok()
        if operation.path == "/v1/events":
            continue  # a stream without an end; tests/unit/admin/test_admin_events.py

        @settings(
            max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck)
        )
        @given(case=operation.as_strategy(GenerationMode.POSITIVE) | operation.as_strategy(GenerationMode.NEGATIVE))
        def answers_as_described(case):
            nonlocal tried
            tried += 1
            seen = case.call(base_url=exeat.admin_url, headers=sent)
            if seen.status_code == 400 and b"Got more than" in seen.content:
                return  # a head of more than 8 KiB is no call yet
            case.validate_response(seen, checks=CHECKS)

        answers_as_described()
    assert tried > 2 * len(description["paths"])


def test_what_is_printed_without_a_server_is_what_is_served(exeat, description):
    printed = exeat.cli("api", "schema")
    assert printed.returncode == 0
    from orjson import loads

    offline = loads(printed.stdout)
    assert offline["components"]["schemas"].items() >= description["components"]["schemas"].items()
    assert {path: call for path, call in offline["paths"].items() if path in description["paths"]} == description[
        "paths"
    ]
