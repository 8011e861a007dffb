"""What makes a policy engine say yes when it should not: errors it skips, odd values, missing parts, old answers. Section C."""

# ruff: noqa: RUF001 letters that look like others are what this is about

from __future__ import annotations

import json
import re
import time

import pytest

from rig.config import operation
from rig.faults import World
from rig.matrix import seen
from rig.wire import ask, refused, tunnel

JSON = "Content-Type: application/json"
OVERFLOW = '9223372036854775807 + (if context.method == "GET" then 1 else 0) == 0'

SITE = f"""
@id("erring-permit")
permit (principal, action == Action::"example:errs/permit", resource) when {{ {OVERFLOW} }};

@id("not-seven")
forbid (principal, action == Action::"example:items/get", resource == Example::Item::"7");

@id("not-that-model")
forbid (principal, action == Action::"example:chat/create", resource) unless {{ resource in Example::Model::"small" }};
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    return World(tmp_path_factory.mktemp("world"), names={}, engine=True)


@pytest.fixture(scope="module")
def config(config, world):
    world.install(config)
    example = config.service("example")
    example["operation"] += [
        *[operation(f"GET,POST /errs/{name}", f"errs/{name}", "read") for name in ("permit",)],
        operation("GET /v1/items/{id}", "items/get", "read", resource="Item"),
        operation("POST /v1/chat", "chat/create", "write", reader="json", captures={"model": "/model"}, resource="Model", max_body=65536),
    ]  # fmt: skip
    example["resource"] = [{"type": "Item", "id": "{id}"}, {"type": "Model", "id": "{model}"}]
    config.policies["site.cedar"] += SITE
    return config


@pytest.fixture(autouse=True)
def _healed(world):
    yield
    world.engine_fault("")


def until(condition, limit=5.0):
    deadline = time.monotonic() + limit
    while not condition():
        assert time.monotonic() < deadline, "it didn't happen in time"
        time.sleep(0.05)


@pytest.mark.row("C02")
def test_a_permit_that_errs_permits_nothing(exeat, mission, nowhere):
    nowhere(ask(exeat, mission, "GET", "/errs/permit"), "policy_error")


FAULTY = [
    '@id("x") forbid (principal, action, resource) when { 9223372036854775807 + 1 == 0 };',
    '@id("x") forbid (principal, action, resource) unless { 9223372036854775807 * 2 == 0 };',
    '@id("x") forbid (principal, action, resource) when { -(-9223372036854775807 - 1) == 0 };',
    '@id("x") forbid (principal, action, resource) when { resource.owner == "me" };',
    '@id("x") forbid (principal, action, resource) when { principal.nothing };',
    '@id("x") forbid (principal, action, resource) when { context.prod };',
    '@id("x") permit (principal, action, resource) when { context.prod };',
    '@id("x") forbid (principal, action, resource) when { context.method in Action::"read" };',
    '@id("x") forbid (principal, action, resource) when { context.method > 5 };',
    '@id("x") forbid (principal, action, resource) when { context.host.isLoopback() };',
    '@id("x") forbid (principal, action, resource) when { ip("127.0.0.1.1").isLoopback() };',
    '@id("x") forbid (principal, action, resource) when { ip("::ffff:127.0.0.1").isLoopback() };',
    '@id("x") forbid (principal, action, resource) when { ip(context.host).isLoopback() };',
    '@id("x") forbid (principal, action, resource) when { decimal("1.23456").lessThan(decimal("2.0")) };',
    '@id("x") forbid (principal, action, resource) when { decimal(context.method).lessThan(decimal("2.0")) };',
    '@id("x") forbid (principal, action, resource) when { datetime("yesterday") < datetime("2026-01-01") };',
    '@id("x") forbid (principal, action, resource) when { duration("soon") < duration("1h") };',
    '@id("x") forbid (principal == ?principal, action, resource);',
    '@id("x") permit (principal, action, resource in ?resource);',
    '@id("x") forbid (principal, action == Action::"example:nonsense", resource);',
    '@id("x") forbid (principal in Exeat::Agent::"nobody\\u{0}", action, resource == Nonsense::"y");',
    '@id("not-seven") forbid (principal, action, resource);',
    "forbid (principal, action, resource) when { true };",
    '@id("x") permit (principal, action, resource',
    '@id("x") permit (principal, action, resource) when { 99999999999999999999 > 1 };',
    "\x00",
    "permit",
    '{"staticPolicies": {}}',
    "<policy/>",
]
"""Each would err, be skipped or mean nothing when it is asked."""


@pytest.fixture(scope="module")
def said(exeat):
    """What `policy check`, `serve` and a reload say about each of them, all in one folder; and what goes on meanwhile."""
    folder, before = exeat.folder / "policies", len(exeat.log_text())
    for number, policy in enumerate(FAULTY):
        (folder / f"zz{number:02}.cedar").write_text(policy.replace('"x"', f'"x{number}"') + "\n")
    checked = exeat.cli("policy", "check")
    assert checked.returncode == 3
    until(lambda: "zz00.cedar" in exeat.log_text()[before:])
    mission = exeat.open()
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200, "the bundle before goes on"
    refused(ask(exeat, mission, "GET", "/v1/items/7"), "policy_denied")
    for file in folder.glob("zz*.cedar"):
        file.unlink()
    return checked.stdout + checked.stderr


@pytest.mark.row("C01", "C02", "C05", "C07")
@pytest.mark.parametrize("number", range(len(FAULTY)), ids=lambda number: FAULTY[number][:90])
def test_a_policy_that_could_err_is_refused_when_it_is_loaded(said, number):
    """By file and line."""
    assert re.search(rf"zz{number:02}\.cedar:\d+", said), said
    seen("exit 3")


@pytest.mark.row("C03")
@pytest.mark.parametrize("spelling", ["7", "%37", "%37?x=1"])
def test_a_forbidden_item_has_one_name(exeat, mission, nowhere, spelling):
    nowhere(ask(exeat, mission, "GET", f"/v1/items/{spelling}"), "policy_denied")


@pytest.mark.row("C03", "C04")
@pytest.mark.parametrize("id_", [
    "*", "7*", "**", "07", "7.0", "+7", "7e0", "-0", "99999999999999999999999", "NaN", "null", "true", "None", "7,8", "७", "７", "7\u0301", "é", "e\u0301", "\u202e7", "\u200b7", "𝟕",
    '"', '7"', '"7"', "'7'", "\\\\".replace("\\\\", "'"), "::", 'Example::Item::"8"', '7"::Example::Item::"8', '7") permit(principal, action, resource); //', "{}", '{"__entity":{"type":"Example::Item","id":"8"}}',
    "$(id)", "${7}", "{{7}}", "7 ", " 7", "7|8", "7&8", "@id", "a" * 4000,
])  # fmt: skip
def test_an_odd_id_is_exactly_that_id(exeat, mission, origin, id_):
    """What a policy sees is what the origin gets, as one entity of the type it must have; or it is refused."""
    sent = "".join(f"%{byte:02X}" for byte in id_.encode())
    answer = ask(exeat, mission, "GET", f"/v1/items/{sent}")
    if answer.status != 200:
        refused(answer, "operation_unknown", "request_malformed")
        assert origin.connections == []
        return
    assert origin.last.target == f"/v1/items/{sent}"
    record = exeat.audit_records("decision", decision="permit")[-1]
    escaped = id_.replace("\\", "\\\\").replace('"', '\\"')
    assert record["resource"].startswith('Example::Item::"')
    assert record["resource"] == f'Example::Item::"{escaped}"' or not escaped.isascii() or len(id_) > 200
    assert record["policies"] == ["grant.cedar:1 mission-operations"]
    seen("permitted")


@pytest.mark.row("C04")
@pytest.mark.parametrize(
    "id_",
    ["%00", "%0a", "%0d%0aX", "%1b", "%7f", "%c2%85", "%5c", "7%5c%22", "%c0%80", "%ff", "%ed%a0%80", "", "%e2%80%a8"],
)
def test_an_id_with_control_characters(exeat, mission, origin, id_):
    answer = ask(exeat, mission, "GET", f"/v1/items/{id_}")
    if answer.status == 200:  # a line separator is a letter to a path
        assert id_ == "%e2%80%a8"
        assert origin.last.target.endswith(id_)
        log = b"".join(file.read_bytes() for file in (exeat.folder / "audit").rglob("*.jsonl"))
        assert "\u2028".encode() not in log or all(json.loads(line) for line in log.splitlines())  # noqa: TID251
        seen("permitted")
        return
    refused(answer, "operation_unknown", "request_malformed")
    assert origin.connections == []


@pytest.mark.row("C03")
@pytest.mark.parametrize("value", [
    "7", "null", "true", "1e400", "99999999999999999999999", "-1", '["small"]', '{"a": 1}', "[]", '""', '"\\u0000"', '"small\\u0000"', '"SMALL"', '" small"', '"small "',
    '{"__entity": {"type": "Example::Model", "id": "small"}}', '{"__extn": {"fn": "ip", "arg": "x"}}', '"*"', '"sma*"', '"\\ud83d"', '"' + "a" * 60000 + '"',
])  # fmt: skip
def test_a_model_that_is_not_the_permitted_word(exeat, mission, nowhere, value):
    """Wrong types, wildcards, objects that engines read as entities."""
    body = b'{"model": %s}' % value.encode()
    nowhere(
        ask(exeat, mission, "POST", "/v1/chat", JSON, body=body),
        "policy_denied",
        "request_malformed",
        "operation_unknown",
    )


@pytest.mark.row("C03")
def test_the_permitted_word_is_permitted(exeat, mission):
    assert ask(exeat, mission, "POST", "/v1/chat", JSON, body=b'{"model": "small"}').status == 201


@pytest.mark.row("C04")
@pytest.mark.parametrize(
    "name", ['a"b', "a\\b", "a::b", "a\nb", 'x"] permit', "a b", "A", "ä", "", "a" * 200, "a/b", "../a", "*"]
)
def test_a_name_that_could_break_out_is_no_name(make_exeat, origin, name):
    """Agents, environments, groups and services are configured; a name is letters, digits and dashes."""

    def change(config):
        config.tables["agent"].append({"name": name, "environment": "prod"})
        config.tables["agent"].append({"name": "fine", "environment": name})
        config.tables["agent"].append({"name": "good", "environment": "prod", "groups": [name]})
        config.service("plain").update(name=name)

    checked = make_exeat(origin, change=change).cli("config", "check")
    assert checked.returncode == 2
    told = checked.stdout + checked.stderr
    for field in ("agent[2].name", "agent[3].environment", "agent[4].groups", "service[1].name"):
        assert field in told, told
    seen("exit 2")


@pytest.mark.row("C05")
@pytest.mark.parametrize(
    "policies", [{}, {"site.cedar": '@id("x")\nforbid (principal, action, resource);'}], ids=["none", "only forbids"]
)
def test_policies_that_permit_nothing_stop_the_start(make_exeat, origin, policies):
    exeat = make_exeat(origin, change=lambda config: setattr(config, "policies", policies))
    assert exeat.spawn().wait(20) == 3, exeat.log_text()
    assert "no policy permits anything" in exeat.log_text()
    seen("exit 3")


@pytest.mark.row("C05")
@pytest.mark.parametrize("text", ["entity", "namespace Exeat { entity Session; }", "\x00", "{}"])
def test_a_schema_that_is_none_stops_the_start(make_exeat, origin, text):
    exeat = make_exeat(origin, change=lambda config: config.policies.update({"schema.cedarschema": text}))
    process = exeat.spawn()
    assert process.wait(20) == 3, exeat.log_text()
    assert "Traceback" not in exeat.log_text()
    seen("exit 3")


FAULTS = [
    "raises", "panics", "nothing", "true", "no decision", "allow without a reason", "allow with an error", "allow for another policy", "allow for no known policy",
    "a word", "no diagnostics",
]  # fmt: skip


@pytest.mark.row("C01", "C06")
@pytest.mark.guard("cedar-errors-refuse")
@pytest.mark.guard("allow-with-reason")
@pytest.mark.parametrize("fault", FAULTS)
def test_an_engine_that_fails(exeat, mission, nowhere, origin, world, fault):
    """Whatever it answers that isn't a clean Allow; and it is believed again once it is well."""
    world.engine_fault(fault)
    answer = ask(exeat, mission, "GET", "/v1/refunds")
    nowhere(answer, "policy_error")
    nowhere(ask(exeat, mission, "POST", "/v1/payouts", body=b"{}"), "policy_error")
    world.engine_fault("")
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200


@pytest.mark.row("C08")
def test_a_permit_that_was_given_is_not_given_again_after_a_change(exeat, mission, origin):
    """The same question, over one connection: after another policy, another state of the mission, for another agent."""
    site = exeat.folder / "policies" / "site.cedar"
    before = site.read_text()
    with tunnel(exeat, mission) as wire:

        def asked():
            return wire.request("GET", "/v1/items/8", host="api.example.test")

        assert [asked().status for _ in range(3)] == [200] * 3
        try:
            site.write_text(before.replace('Example::Item::"7"', 'Example::Item::"8"'))
            until(lambda: asked().status == 403)
            refused(asked(), "policy_denied")
            assert ask(exeat, mission, "GET", "/v1/items/7").status == 200
        finally:
            site.write_text(before)
        until(lambda: asked().status == 200)
        refused(ask(exeat, mission, "GET", "/v1/items/7"), "policy_denied")
    exeat.end(mission, "suspend")
    refused(ask(exeat, mission, "GET", "/v1/items/8"), "mission_suspended")
    exeat.end(mission, "resume")
    assert ask(exeat, mission, "GET", "/v1/items/8").status == 200
    other = exeat.open(operations=["example:refunds/list"])
    refused(ask(exeat, other, "GET", "/v1/items/8"), "policy_denied")
