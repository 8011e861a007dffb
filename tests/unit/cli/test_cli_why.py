"""`exeat why`: a decision in words, with what to do next."""

from __future__ import annotations

import os

import orjson
import pytest

from exeat.model.reason import EXPLANATIONS, Reason

DECISION = {
    "decision_id": "d_1", "kind": "decision", "decision": "deny", "code": "policy_denied", "agent": "spiffe://x/env/prod/agent/bot",
    "mission": "m_1", "environment": "prod", "evidence": ["jwt", "svid"], "service": "example",
    "action": "example:refunds/create",
    "resource": 'Exeat::Service::"example"', "method": "POST", "host": "api.example.test", "path": "/v1/\x1b[2J",
    "policies": ["grant.cedar:10 mission-operations"], "credential": {"state": "placeholder", "grade": "A"}, "time": "2026-01-01T00:00:00Z",
}  # fmt: skip


def test_it_tells_who_what_where_why_and_what_next(site, stub, exeat):
    stub.answers["GET", "/v1/decisions/last"] = (
        200,
        {"decision": DECISION, "outcome": {"outcome": "not_sent", "status": 403, "ms": 1.5}},
    )
    code, out, err = exeat("why")
    assert (code, err) == (0, "")
    for text in (
        "jwt, svid", "DENY", "POST api.example.test/v1/", "agent/bot", "m_1", "example:refunds/create", "grant.cedar:10 mission-operations",
        "placeholder, swapped", "A: narrowed", "nothing was sent; answered 403 in 1.5 ms", EXPLANATIONS[Reason.POLICY_DENIED].hint,
        "exeat service show example",
    ):  # fmt: skip
        assert text in out
    assert "\x1b" not in out


def test_json_is_the_apis_answer(site, stub, exeat):
    answer = {"decision": DECISION, "outcome": None}
    stub.answers["GET", "/v1/decisions/d_1"] = (200, answer)
    assert orjson.loads(exeat("why", "d_1", "--json")[1]) == answer


@pytest.mark.parametrize(
    "decision",
    [
        {},
        {"code": "a_code_of_tomorrow", "decision": "deny"},
        {**DECISION, "decision": "permit", "code": ""},
        {"credential": "x"},
        {"policies": None},
    ],
)
@pytest.mark.parametrize("outcome", [None, {}, {"outcome": "unknown"}, {"outcome": "new"}])
def test_no_record_is_too_strange_to_show(site, stub, exeat, decision, outcome):
    stub.answers["GET", "/v1/decisions/last"] = (200, {"decision": decision, "outcome": outcome})
    assert exeat("why", "last")[0] == 0


def test_an_unknown_decision_is_not_found(site, stub, exeat):
    assert exeat("why", "d_404")[0] == 1


POLICY = '@id("no-refunds")\nforbid (principal, action == Action::"example:refunds/create", resource);\n'


@pytest.fixture
def answered(site, stub, exeat):
    """Explain a decision that differs from the usual one by these fields."""

    def run(opened=None, /, **fields):
        stub.answers["GET", "/v1/decisions/last"] = (200, {"decision": {**DECISION, **fields}, "outcome": None})
        if opened is not None:
            stub.answers["GET", "/v1/missions/m_1"] = (200, opened)
        code, out, err = exeat("why")
        assert (code, err) == (0, "")
        return out

    return run


@pytest.fixture
def policy(site):
    folder = site / "policies"
    folder.mkdir()
    file = folder / "site.cedar"
    file.write_text("// a comment\n" + POLICY)
    os.utime(file, (1, 1))
    config = site / "exeat.toml"
    config.write_text(config.read_text() + '[policy]\npath = "policies"\n')
    return file


def test_the_deciding_policy_is_shown_with_its_place_and_text(policy, answered):
    out = answered(policies=["site.cedar:2 no-refunds"])
    assert f"{policy}:2" in out
    assert 'forbid (principal, action == Action::"example:refunds/create", resource);' in out
    assert "after this decision" not in out
    assert "the policies above forbid it" in out


def test_a_policy_changed_since_is_told(policy, answered):
    os.utime(policy, (2_000_000_000, 2_000_000_000))
    assert "was written after this decision" in answered(policies=["site.cedar:2 no-refunds"])
    assert "stands elsewhere now" in answered(policies=["site.cedar:9 no-refunds"])
    assert "isn't there any more" in answered(policies=["site.cedar:2 gone"])


def test_a_built_in_policy_is_shown_too(answered):
    out = answered(policies=["base.cedar:11 read-only-mission"])
    assert "built-in base.cedar:" in out
    assert "when { principal.readOnly };" in out


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"code": "destination_not_allowed", "host": "new.example.test", "port": 443}, 'host = "new.example.test", port = 443, owner'),
        ({"code": "destination_not_allowed", "host": "api.example.test", "port": 443}, "missions from these templates have it: refunds"),
        ({"code": "destination_not_allowed", "host": "new.example.test", "port": 443}, 'add "new.example.test:443" to destinations of'),
        ({"code": "operation_unknown", "path": "/v1/x", "method": "GET"}, 'service example: [[service.operation]] match = "GET /v1/x"'),
        ({"policies": [], "action": "example:refunds/create"}, "missions from these templates have it: refunds"),
        ({"policies": [], "action": "other:x"}, 'add "other:x" to operations of [[mission_template]]'),
        ({"code": "mission_ended", "agent": "spiffe://x/env/prod/agent/bot"}, "exeat mission open TEMPLATE --agent bot"),
        ({"code": "mission_suspended"}, "exeat mission resume m_1"),
        ({"code": "address_not_allowed", "host": "inner.example.test", "port": 8443}, '"inner.example.test:8443" = "ADDRESS:PORT"'),
        ({"code": "token_unavailable"}, "exeat service show example"),
        ({"code": "mission_ended", "mission": "m_1; rm -rf /"}, "exeat mission show ID"),
    ],
)  # fmt: skip
def test_what_would_have_to_change_is_named(answered, fields, text):
    assert text in answered(**fields)


def test_the_missions_own_template_is_named_first(answered):
    out = answered({"template": "refunds", "operations": ["http:read"]}, policies=[], action="example:refunds/create")
    assert "template refunds has it" in out
    out = answered(
        {"template": "refunds", "operations": ["example:write"]}, policies=[], action="example:refunds/create"
    )
    assert "the mission includes this operation" in out


@pytest.mark.parametrize("code", [*Reason, "a_code_of_tomorrow"])
def test_every_reason_can_be_explained(answered, code):
    assert answered(code=str(code), policies=[]).startswith("DENY")


def test_without_a_proxy_the_audit_files_answer(folder, exeat):
    part = folder / "audit"
    code, _, err = exeat("why", "last")
    assert code != 0
    assert "exeat serve" in err
    part.mkdir(mode=0o700)
    assert exeat("why", "last")[0] == 1


def test_a_permit_that_could_not_be_carried_out_is_explained_by_its_outcome(site, stub, exeat):
    permit = {**DECISION, "decision": "permit", "code": ""}
    outcome = {"outcome": "not_sent", "status": 502, "code": "upstream_untrusted"}
    stub.answers["GET", "/v1/decisions/last"] = (200, {"decision": permit, "outcome": outcome})
    _, out, _ = exeat("why")
    assert out.startswith("PERMIT")
    assert EXPLANATIONS[Reason.UPSTREAM_UNTRUSTED].title in out
    assert "ca_file" in out


def test_a_hostile_record_writes_no_escape_and_no_command(answered):
    out = answered(code="operation_unknown", path='/\x1b[2J"\n]', method="GET; rm", host="api.example.test")
    assert "\x1b" not in out
    assert "GET; rm -" not in out
