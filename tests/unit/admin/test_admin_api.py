"""The admin API: strict in what it reads, plain in what it answers, and recorded."""

from __future__ import annotations

import asyncio
import gzip
from typing import Any

import pytest

from exeat.admin.replay import Replays
from exeat.missions.ids import MISSION_ID

NOBODY = "m_00000000000000000000000009"


async def test_opening_answers_with_what_a_client_needs(api: Any) -> None:
    opened = await api.open(ttl="10m", ticket="PAY-7")
    assert MISSION_ID.fullmatch(opened["mission"])
    assert set(opened) >= {"mission", "agent", "expires_at", "pass", "proxy_url", "ca_file", "placeholders", "env"}
    assert opened["expires_at"] == "2027-01-15T08:10:00.000Z"
    assert api.world.effects == ["record open", "store open", "feed open"]
    assert api.world.records[0]["by"] == "admin"


async def test_an_ad_hoc_mission_is_opened_with_purpose_and_owner(api: Any) -> None:
    answer = await api.call(
        "POST",
        "/v1/missions",
        {
            "agents": ["prod/invoice-bot", "prod/report-bot"],
            "destinations": ["api.example.test:443"],
            "operations": ["example:read"],
            "purpose": "look",
            "owner": "ana",
            "read_only": True,
            "labels": {"case": "7"},
        },
    )
    assert answer.status == 201
    assert len(answer.body["agents"]) == 2


async def test_the_pass_is_shown_once_and_nowhere_else(api: Any) -> None:
    opened = await api.open()
    shown = opened["pass"]
    others = [
        await api.call("GET", "/v1/missions"),
        await api.call("GET", f"/v1/missions/{opened['mission']}"),
        await api.call("POST", f"/v1/missions/{opened['mission']}/suspend", {}),
        await api.call("POST", f"/v1/missions/{opened['mission']}/close", {}),
    ]
    assert all(shown not in repr(answer) for answer in others)
    assert shown not in repr(api.world.records)


async def test_missions_are_listed_newest_first_in_pages(api: Any) -> None:
    ids = [(await api.open())["mission"] for _ in range(3)]
    first = (await api.call("GET", "/v1/missions?limit=2")).body["missions"]
    rest = (await api.call("GET", f"/v1/missions?limit=2&before={first[-1]['mission']}")).body["missions"]
    assert [mission["mission"] for mission in first + rest] == ids[::-1]
    assert first[0]["state"] == "open"


async def test_a_mission_goes_through_its_states(api: Any) -> None:
    path = f"/v1/missions/{(await api.open())['mission']}"
    for verb, state in (("suspend", "suspended"), ("resume", "open"), ("revoke", "revoked"), ("close", "revoked")):
        answer = await api.call("POST", f"{path}/{verb}", {"reason": "because"})
        assert (answer.status, answer.body["state"]) == (200, state)
        assert answer.body["applied"] == {
            "connections_cut": 2,
            "tokens_dropped": 1,
            "tokens_revoked": 0,
            "tokens_left": [],
            "workers": 1,
            "lapsed": [],
            "cut_ms": 0.0,
            "tokens_ms": 0.0,
            "ms": 0.5,
        }
    refused = await api.call("POST", f"{path}/resume", {})
    assert (refused.status, refused.body["code"]) == (409, "conflict")
    assert (await api.call("GET", path)).body["state"] == "revoked"


async def test_a_change_needs_no_body(api: Any) -> None:
    mission = (await api.open())["mission"]
    assert (await api.call("POST", f"/v1/missions/{mission}/revoke")).body["state"] == "revoked"


@pytest.mark.parametrize(
    "body", [{"ttl": "2h"}, {"until": "2027-01-15T10:00:00Z"}, {"until": "2027-01-15T11:00:00+01:00"}]
)
async def test_extending_answers_with_new_passes(api: Any, body: dict[str, str]) -> None:
    opened = await api.open()
    answer = await api.call("POST", f"/v1/missions/{opened['mission']}/extend", body)
    assert answer.body["expires_at"] == "2027-01-15T10:00:00.000Z"
    assert answer.body["pass"] != opened["pass"]


@pytest.mark.parametrize(
    ("body", "status", "code", "field"),
    [
        ({"template": "nope", "agents": ["invoice-bot"]}, 404, "not_found", None),
        ({"template": "refunds", "agents": ["nobody"]}, 404, "not_found", None),
        ({"template": "refunds"}, 422, "invalid_request", "agents"),
        ({"template": "refunds", "agents": ["report-bot"]}, 422, "invalid_request", "agents[0]"),
        ({"template": "refunds", "agents": ["late-bot"]}, 403, "ceiling_exceeded", "agents[0]"),
        ({"template": "refunds", "agents": ["invoice-bot"], "ttl": "31m"}, 403, "ceiling_exceeded", "ttl"),
        ({"template": "refunds", "agents": ["invoice-bot"], "ttl": 60}, 422, "invalid_request", "ttl"),
        (
            {"template": "refunds", "agents": ["invoice-bot"], "operations": ["no:op"]},
            422,
            "invalid_request",
            "operations[0]",
        ),
        ({"template": "refunds", "agents": "invoice-bot"}, 422, "invalid_request", "agents"),
        ({"template": "refunds", "agents": ["invoice-bot"], "read_only": "yes"}, 422, "invalid_request", "read_only"),
        ({"template": "refunds", "agents": ["x"] * 65}, 422, "invalid_request", "agents"),
        ({"template": "refunds", "agents": ["invoice-bot"], "purpose": "a\nb"}, 422, "invalid_request", "purpose"),
        ({"template": "refunds", "agents": ["invoice-bot"], "purpose": "a\u2028b"}, 422, "invalid_request", "purpose"),
        ({"template": "refunds", "agents": ["invoice-bot"], "owner": "\u202eana"}, 422, "invalid_request", "owner"),
        ({"template": "refunds", "agents": ["invoice-bot"], "ticket": "\x1b[2J"}, 422, "invalid_request", "ticket"),
        ({"template": "refunds", "agents": ["invoice-bot"], "labels": {"a": 1}}, 422, "invalid_request", "labels.a"),
        ({"template": "refunds", "agents": ["invoice-bot"], "state": "open"}, 422, "invalid_request", "state"),
    ],
)
async def test_a_refused_opening_names_the_field_changes_nothing_and_is_recorded(
    api: Any, body: dict[str, Any], status: int, code: str, field: str | None
) -> None:
    answer = await api.call("POST", "/v1/missions", body)
    assert (answer.status, answer.body["code"]) == (status, code), answer.body
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert set(answer.body) == {"type", "title", "status", "detail", "code", "hint", "errors"}
    assert [error["field"] for error in answer.body["errors"]] == ([field] if field else [])
    assert api.world.effects == ["record POST /v1/missions"]
    record = api.world.records[0]
    assert (record["kind"], record["status"], record["code"], record["by"]) == ("admin", status, code, "admin")


async def test_a_misspelt_field_is_suggested(api: Any) -> None:
    answer = await api.call("POST", "/v1/missions", {"template": "refunds", "agent": ["invoice-bot"]})
    assert answer.body["errors"] == [{"field": "agent", "message": "unknown field; did you mean 'agents'?"}]


@pytest.mark.parametrize(
    ("body", "headers", "status", "code"),
    [
        (b'{"template": "refunds", "template": "other"}', {}, 400, "malformed"),
        (b'{"labels": {"a": "1", "a": "2"}}', {}, 400, "malformed"),
        (b"[]", {}, 400, "malformed"),
        (b"null", {}, 400, "malformed"),
        (b'{"ttl": NaN}', {}, 400, "malformed"),
        (b'{"a": 1} {"b": 2}', {}, 400, "malformed"),
        (b'{"purpose": "\\ud800"}', {}, 400, "malformed"),
        (b'{"purpose": "\xff"}', {}, 400, "malformed"),
        (b"[" * 20_000, {}, 400, "malformed"),
        (b'{"a":' * 5_000, {}, 400, "malformed"),
        (b"{", {}, 400, "malformed"),
        (b'{"purpose": "' + b"x" * 65_536 + b'"}', {}, 413, "body_too_large"),
        (b"{}", {"Content_Type": "text/plain"}, 415, "unsupported_media_type"),
        (b"a=b", {"Content_Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"{}", {"Content_Type": "application/json; charset=utf-16"}, 415, "unsupported_media_type"),
        (gzip.compress(b"{}", mtime=0), {"Content_Encoding": "gzip"}, 415, "unsupported_media_type"),
    ],
)
@pytest.mark.parametrize("path", ["/v1/missions", f"/v1/missions/{NOBODY}/revoke"])
async def test_only_one_plain_json_object_is_read(
    api: Any, path: str, body: bytes, headers: dict[str, str], status: int, code: str
) -> None:
    answer = await api.call("POST", path, body, **({"Content_Type": "application/json"} | headers))
    assert (answer.status, answer.body["code"]) == (status, code)
    assert all(effect.startswith("record POST") for effect in api.world.effects)


@pytest.mark.parametrize(
    "bad", ["x", "m_1", "m_" + "0" * 25 + "'", "m_" + "0" * 26 + "%0A", "..%2F..%2Fetc", "%00", "last"]
)
async def test_an_id_of_another_shape_is_never_looked_up(api: Any, bad: str) -> None:
    api.world.fail = {"read", "store"}
    for method, path in (("GET", ""), ("POST", "/revoke"), ("POST", "/extend")):
        answer = await api.call(method, f"/v1/missions/{bad}{path}", None if method == "GET" else {})
        assert answer.status == 404
    assert (await api.call("GET", f"/v1/missions?before={bad}")).status == 422
    assert all(record["mission"] == "" for record in api.world.records)


async def test_a_mission_nobody_opened_is_not_found(api: Any) -> None:
    assert (await api.call("GET", f"/v1/missions/{NOBODY}")).body["code"] == "not_found"
    assert (await api.call("POST", f"/v1/missions/{NOBODY}/revoke", {})).status == 404
    assert api.world.records[-1]["event"] == "POST /v1/missions/{id}/revoke"
    assert api.world.records[-1]["mission"] == NOBODY


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/nowhere", 404, "not_found"),
        ("DELETE", "/v1/missions", 405, "method_not_allowed"),
        ("POST", "/v1/status", 405, "method_not_allowed"),
        ("GET", "/v1/missions?limit=0", 422, "invalid_request"),
        ("GET", "/v1/missions?limit=1001", 422, "invalid_request"),
        ("GET", "/v1/missions?limit=%D9%A1", 422, "invalid_request"),
        ("GET", "/v1/missions?limit=1&limit=2", 422, "invalid_request"),
        ("GET", "/v1/missions?limits=1", 422, "invalid_request"),
        ("GET", "/v1/audit?misson=x", 422, "invalid_request"),
        ("GET", "/v1/decisions/d_2", 404, "not_found"),
        ("GET", "/v1/decisions/%27%20OR%201", 404, "not_found"),
        ("GET", "/v1/status?x=1", 422, "invalid_request"),
    ],
)
async def test_every_error_is_a_problem(api: Any, method: str, path: str, status: int, code: str) -> None:
    answer = await api.call(method, path)
    assert (answer.status, answer.body["code"]) == (status, code)
    assert answer.body["status"] == status
    assert answer.body["type"] == f"/problems/{code}"


async def test_decisions_audit_services_and_keys_are_read(api: Any) -> None:
    assert (await api.call("GET", "/v1/decisions/last")).body["decision"]["decision_id"] == "d_1"
    found = (await api.call("GET", "/v1/audit?decision=deny&agent=spiffe://x&limit=5")).body["records"]
    asked = {name: found[0][name] for name in ("filters", "limit", "before")}
    assert asked == {"filters": {"decision": "deny", "agent": "spiffe://x"}, "limit": 6, "before": None}
    assert (await api.call("GET", "/v1/services")).body == {
        "services": [{"name": "example", "hosts": [], "operations": []}],
        "next": None,
    }
    assert (await api.call("GET", "/.well-known/jwks.json", Authorization=None)).body == {"keys": [{"alg": "ES256"}]}


async def test_verifiers_find_the_keys_by_the_issuer(api):
    """RFC 8414 §3 and OpenID Connect Discovery §4: cloud providers that take our tokens ask there first."""
    for name in ("openid-configuration", "oauth-authorization-server"):
        said = (await api.call("GET", f"/.well-known/{name}", Authorization=None)).body
        assert said["issuer"] == "https://exeat.example.test"
        assert said["jwks_uri"] == "https://exeat.example.test/.well-known/jwks.json"
        assert said["id_token_signing_alg_values_supported"] == ["ES256"]


@pytest.mark.parametrize("fault", ["record", "store", "feed", "read"])
async def test_a_fault_is_503_and_says_so(api: Any, fault: str) -> None:
    mission = (await api.open())["mission"]
    api.world.fail = {fault}
    for verb in ("revoke", "suspend") if fault != "feed" else ("revoke",):
        answer = await api.call("POST", f"/v1/missions/{mission}/{verb}", {})
        assert (answer.status, answer.body["code"]) == (503, "unavailable")


async def test_a_refusal_that_cannot_be_recorded_is_503(api: Any) -> None:
    api.world.fail = {"record"}
    assert (await api.call("POST", "/v1/missions", {"template": "nope"})).status == 503


async def test_whatever_breaks_inside_is_a_500_that_tells_nothing(
    api: Any, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: object) -> None:
        raise RuntimeError("CANARY detail")

    monkeypatch.setattr(api.world, "page", broken)
    answer = await api.call("GET", "/v1/missions")
    assert (answer.status, answer.body["code"]) == (500, "internal_error")
    assert "CANARY" not in repr(answer)
    assert "GET /v1/missions" in caplog.text


async def test_the_same_request_sent_twice_opens_one_mission(api: Any) -> None:
    body = {"template": "refunds", "agents": ["invoice-bot"]}
    first = await api.call("POST", "/v1/missions", body, Idempotency_Key="k1")
    again = await api.call("POST", "/v1/missions", body, Idempotency_Key="k1")
    assert (first.status, again.status) == (201, 201)
    assert first.body == again.body
    assert len(api.world.stored) == 1
    assert api.world.records[-1]["code"] == "repeated"
    other = await api.call("POST", "/v1/missions", body, Idempotency_Key="k2")
    assert other.body["mission"] != first.body["mission"]


async def test_the_same_request_sent_twice_at_once_opens_one_mission(api: Any) -> None:
    body = {"template": "refunds", "agents": ["invoice-bot"]}
    answers = await asyncio.gather(*(api.call("POST", "/v1/missions", body, Idempotency_Key="k") for _ in range(8)))
    assert len({answer.body["mission"] for answer in answers}) == 1
    assert len(api.world.stored) == 1


async def test_a_key_with_another_body_is_a_conflict(api: Any) -> None:
    await api.call("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]}, Idempotency_Key="k")
    answer = await api.call(
        "POST", "/v1/missions", {"template": "refunds", "agents": ["prod/report-bot"]}, Idempotency_Key="k"
    )
    assert (answer.status, answer.body["code"]) == (409, "idempotency_key_reused")


async def test_a_key_is_free_again_after_a_refusal_and_after_ten_minutes(api: Any) -> None:
    refused = await api.call(
        "POST", "/v1/missions", {"template": "nope", "agents": ["invoice-bot"]}, Idempotency_Key="k"
    )
    body = {"template": "refunds", "agents": ["invoice-bot"]}
    first = await api.call("POST", "/v1/missions", body, Idempotency_Key="k")
    assert (refused.status, first.status) == (404, 201)
    api.clock.now += 601
    assert (await api.call("POST", "/v1/missions", body, Idempotency_Key="k")).body["mission"] != first.body["mission"]


@pytest.mark.parametrize("key", ["", "two words", "x" * 256])
async def test_a_key_is_one_visible_word(api: Any, key: str) -> None:
    answer = await api.call(
        "POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]}, Idempotency_Key=key
    )
    assert answer.status == 422


async def test_remembered_answers_are_bounded(api: Any) -> None:
    replays = Replays(api.clock)

    async def work() -> str:
        return "x"

    for number in range(1100):
        await replays.answer("admin", str(number), b"", work)
    assert len(replays._entries) == 1000
