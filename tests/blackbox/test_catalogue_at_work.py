"""More of the built-in services on the wire: hosts that two share, words before a key, batches that nobody reads, a site's own changes."""

from __future__ import annotations

import base64
import json

import pytest

from rig.wire import ask

SHARED = "google.example.test"
REAL = {"google-drive": "ya29.drive-c0ffee12345", "google-calendar": "ya29.calendar-c0ffee123", "pagerduty": "u+real-c0ffee12345", "stripe": "rk_test_real_c0ffee12", "microsoft-graph": "eyJ.graph-c0ffee12345", "gitlab": "glpat-real-c0ffee12345"}  # fmt: skip
HOST = {name: SHARED if name.startswith("google-") else f"{name}.example.test" for name in REAL}


def configure(config, origin):
    for name, key in REAL.items():
        variable = name.upper().replace("-", "_") + "_KEY"
        config.environ[variable] = key
        table = {"name": name, "hosts": [HOST[name]], "shared": {"source": f"env:{variable}"}, "sensitivity": "normal"}
        if name == "gitlab":
            table["operation"] = [
                {"action": "merge-requests/merge", "group": "write"},
                {"match": "GET /api/v4/version", "remove": True},
            ]
        config.tables["service"].append(table)
    for host in set(HOST.values()):
        config.allow(host)
    config.policies["catalogue.cedar"] = (
        '@id("no-plan") forbid (principal, action, resource == GoogleDrive::File::"plan");\n'
        '@id("no-site") forbid (principal, action, resource == GitLab::Project::"acme/secret");\n'
    )
    config.template["operations"] += [f"{name}:{group}" for name in REAL for group in ("read", "write")]


@pytest.fixture
def call(exeat, mission, origin):
    """One request to a service: (status, its record, the request the origin saw or None)."""

    def run(name, method, path, *headers, body=None):
        origin.clear()
        text = b"" if body is None else json.dumps(body).encode()
        kind = ("Content-Type: application/json",) if text else ()
        before = len(exeat.audit_records("decision"))
        answer = ask(exeat, mission, method, path, *headers, *kind, host=HOST[name], body=text)
        (record,) = exeat.audit_records("decision")[before:]
        return answer.status, record, origin.last if origin.requests else None

    return run


def held(mission, name, word="Bearer "):
    return f"Authorization: {word}{mission['placeholders'][name]}"


@pytest.mark.parametrize(
    ("name", "path", "action"),
    [
        ("google-drive", "/drive/v3/files/1", "google-drive:files/get"),
        ("google-calendar", "/calendar/v3/colors", "google-calendar:colors/get"),
    ],
)
def test_each_of_two_services_at_one_host_gets_its_own_credential(call, mission, name, path, action):
    status, record, seen = call(name, "GET", path, held(mission, name))
    assert (status, record["action"]) == (200, action)
    assert seen.one("authorization") == f"Bearer {REAL[name]}"


def test_a_placeholder_of_one_service_is_foreign_below_the_paths_of_the_other(call, mission, origin):
    status, record, _ = call("google-drive", "GET", "/drive/v3/files/1", held(mission, "google-calendar"))
    assert (status, record["code"], origin.requests) == (403, "credential_foreign", [])


@pytest.mark.parametrize(
    ("name", "method", "path", "body", "code"),
    [
        ("google-drive", "GET", "/drive/v3/files/plan", None, "policy_denied"),
        ("google-drive", "GET", "/storage/v1/b", None, "operation_unknown"),
        ("google-drive", "POST", "/batch/drive/v3", {}, "operation_unknown"),
        ("google-drive", "GET", "/drive/v3/files/1?_HttpMethod=DELETE", None, "request_malformed"),
        (
            "microsoft-graph",
            "POST",
            "/v1.0/$batch",
            {"requests": [{"method": "GET", "url": "/me"}]},
            "operation_unknown",
        ),
        ("stripe", "POST", "/v1/ephemeral_keys", None, "operation_unknown"),
        ("stripe", "POST", "/v1/payouts", None, "policy_denied"),
        ("gitlab", "GET", "/api/v4/projects/acme%2Fsecret/issues", None, "policy_denied"),
        ("gitlab", "GET", "/api/v4/projects/Acme%2fSECRET/issues", None, "policy_denied"),
        ("gitlab", "GET", "/api/v4/projects/acme/secret/issues", None, "operation_unknown"),
        ("gitlab", "GET", "/api/v4/version", None, "operation_unknown"),
    ],
)
def test_what_is_not_allowed_is_refused_before_anything_is_dialled(call, origin, name, method, path, body, code):
    status, record, _ = call(name, method, path, body=body)
    assert (status, record["code"]) == (400 if code == "request_malformed" else 403, code)
    assert origin.requests == []


def test_a_word_before_the_key_is_the_services_and_the_rest_is_ours(call, mission, origin):
    status, _, seen = call("pagerduty", "GET", "/incidents", held(mission, "pagerduty", "Token token="))
    assert (status, seen.one("authorization")) == (200, f"Token token={REAL['pagerduty']}")
    status, record, _ = call("pagerduty", "GET", "/incidents", held(mission, "pagerduty", "Token "))
    assert (status, record["code"], origin.requests) == (403, "credential_foreign", [])


def test_stripe_takes_its_key_as_a_bearer_or_as_a_user_name(call, mission):
    assert mission["placeholders"]["stripe"].startswith("sk_test_")
    basic = base64.b64encode(f"{mission['placeholders']['stripe']}:".encode()).decode()
    for field in (held(mission, "stripe"), f"Authorization: Basic {basic}"):
        status, record, seen = call("stripe", "GET", "/v1/customers/cus_1", field)
        assert (status, record["resource"]) == (200, 'Stripe::Customer::"cus_1"')
        assert seen.one("authorization") == f"Bearer {REAL['stripe']}"


def test_an_encoded_slash_in_a_name_reaches_the_origin_as_it_was_sent(call, mission):
    status, record, seen = call("gitlab", "GET", "/api/v4/projects/Acme%2FSite/issues", held(mission, "gitlab"))
    assert (status, record["resource"]) == (200, 'GitLab::Project::"acme/site"')
    assert seen.target == "/api/v4/projects/Acme%2FSite/issues"
    assert seen.one("private-token") == REAL["gitlab"]


def test_what_a_site_put_into_another_group_is_granted_by_it(call):
    status, record, _ = call("gitlab", "PUT", "/api/v4/projects/acme%2Fsite/merge_requests/7/merge")
    assert (status, record["action"]) == (200, "gitlab:merge-requests/merge")
