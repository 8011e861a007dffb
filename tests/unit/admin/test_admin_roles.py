"""Roles and tokens: every route says what it needs, every role gets exactly what the table gives it."""

from __future__ import annotations

import asyncio
import re
from dataclasses import replace
from typing import Any

import pytest

from exeat.admin.dispatch import handler_of
from exeat.admin.replay import Replays
from exeat.admin.roles import GRANTS, Permission, Role

OPEN = {
    ("GET", path)
    for path in (
        "/healthz",
        "/readyz",
        "/.well-known/jwks.json",
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/authzen-configuration",
        "/",
        "/page.js",
        "/page.css",
        "/icon.svg",
    )
} | {("POST", "/hooks/approvals")}
"""The only calls without a caller: to add one here is a decision. The last one is signed instead."""
WRITES = {Permission.OPERATE, Permission.APPROVE, Permission.ADMINISTER}


async def make(api: Any, role: str, name: str = "", **fields: Any) -> str:
    answer = await api.call("POST", "/v1/tokens", {"name": name or f"a-{role}", "role": role, **fields})
    assert answer.status == 201, answer.body
    secret: str = answer.body["secret"]
    return secret


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


async def test_every_route_says_what_it_needs(api: Any) -> None:
    found = api.routes
    assert len({(route.method, route.path) for route in found}) == len(found)
    assert {(route.method, route.path) for route in found if route.permission is None} == OPEN
    for route in found:
        signed = route.path == "/hooks/approvals"
        assert not (route.changes and not route.asks and route.permission not in WRITES and not signed), route.path
        assert route.summary
        assert route.answer is not None or route.media != "application/json"


def test_the_table_gives_each_role_what_its_name_says() -> None:
    assert GRANTS[Role.ADMIN] == set(Permission)
    assert GRANTS[Role.OPERATOR] & GRANTS[Role.APPROVER] == GRANTS[Role.VIEWER]
    assert GRANTS[Role.METRICS] == {Permission.SCRAPE}
    for role in (Role.METRICS, Role.VIEWER):
        assert not GRANTS[role] & WRITES
    assert [role for role in Role if role.may(Permission.ADMINISTER)] == [Role.ADMIN]


@pytest.mark.guard("role-check")
@pytest.mark.parametrize("role", [role.value for role in Role])
async def test_a_role_may_call_what_the_table_says_and_nothing_else(api: Any, role: str) -> None:
    secret = await make(api, role)
    for route in api.routes:
        path = re.sub(r"{\w+}", "x", route.path)
        answer = await api.call(route.method, path, {} if route.changes else None, **bearer(secret))
        refused = answer.status == 403 and answer.body["code"] == "role_insufficient"
        allowed = route.permission is None or route.permission in GRANTS[Role(role)]
        assert refused is not allowed, (route.method, route.path, answer.status, answer.body)


async def test_what_a_role_may_not_do_changes_nothing_and_is_recorded_under_its_name(api: Any) -> None:
    secret = await make(api, "viewer", "board")
    mission = (await api.open())["mission"]
    answer = await api.call("POST", f"/v1/missions/{mission}/revoke", {}, **bearer(secret))
    assert answer.status == 403
    assert (await api.call("GET", f"/v1/missions/{mission}", **bearer(secret))).body["state"] == "open"
    record = api.world.records[-1]
    assert (record["kind"], record["by"], record["code"]) == ("admin", "board", "role_insufficient")
    assert (await api.call("GET", "/v1/tokens", **bearer(secret))).status == 403
    assert api.world.records[-1]["event"] == "GET /v1/tokens"


async def test_a_change_is_recorded_under_the_name_of_whose_token_it_was(api: Any) -> None:
    secret = await make(api, "operator", "night-shift")
    opened = await api.call(
        "POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]}, **bearer(secret)
    )
    assert opened.status == 201
    assert api.world.records[-1]["by"] == "night-shift"


async def test_a_tokens_life_from_making_to_revocation(api: Any) -> None:
    made = await api.call("POST", "/v1/tokens", {"name": "ci", "role": "operator", "expires": "30d"})
    assert re.fullmatch(r"exeat_adm_[a-z2-7]{13}_[A-Za-z0-9_-]{43}", made.body["secret"])
    created = api.world.records[-1]
    assert (created["event"], created["name"], created["role"]) == ("token_create", "ci", "operator")
    assert made.body["secret"] not in repr(api.world.records)
    who = await api.call("GET", "/v1/whoami", **bearer(made.body["secret"]))
    assert who.body == {"name": "ci", "role": "operator", "kind": "token", "permissions": ["read", "operate", "scrape"]}
    listed = (await api.call("GET", "/v1/tokens")).body["tokens"]
    assert [(each["name"], each["state"], each["used_at"]) for each in listed] == [
        ("ci", "live", "2027-01-15T08:00:00.000Z")
    ]
    assert "secret" not in listed[0]
    path = f"/v1/tokens/{made.body['id']}/revoke"
    assert (await api.call("POST", path, {"reason": "left"})).body["state"] == "revoked"
    assert (await api.call("GET", "/v1/whoami", **bearer(made.body["secret"]))).status == 401
    assert (await api.call("POST", path, {})).body["state"] == "revoked"
    assert [r["event"] for r in api.world.records if r["kind"] == "admin"][:2] == ["token_create", "token_revoke"]


async def test_a_token_ends_with_its_time(api: Any) -> None:
    secret = await make(api, "viewer", "short", expires="1h")
    api.clock.now += 3599
    assert (await api.call("GET", "/v1/whoami", **bearer(secret))).status == 200
    api.clock.now += 1
    assert (await api.call("GET", "/v1/whoami", **bearer(secret))).status == 401
    assert (await api.call("GET", "/v1/tokens")).body["tokens"][0]["state"] == "expired"


@pytest.mark.guard("token-digest")
async def test_only_the_whole_secret_opens(api: Any) -> None:
    secret = await make(api, "admin", "deputy")
    head, _, tail = secret.rpartition("_" + secret.split("_", 3)[3])
    other = await make(api, "viewer", "other")
    swapped = secret[:24] + other[24:]
    for shown in (secret[:-1], secret + "A", secret.swapcase(), head, tail or "x", secret[:-1] + "!", swapped):
        assert (await api.call("GET", "/v1/whoami", **bearer(shown))).status == 401, shown


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"name": "admin", "role": "viewer"}, "name"),
        ({"name": "exeat", "role": "viewer"}, "name"),
        ({"name": "oidc:ana", "role": "viewer"}, "name"),
        ({"name": "", "role": "viewer"}, "name"),
        ({"name": "a\nb", "role": "viewer"}, "name"),
        ({"name": "x", "role": "root"}, "role"),
        ({"name": "x"}, "role"),
        ({"name": "x", "role": "viewer", "expires": "367d"}, "expires"),
        ({"name": "x", "role": "viewer", "expires": "0s"}, "expires"),
        ({"name": "x", "role": "viewer", "digest": "0"}, "digest"),
    ],
)
async def test_a_token_nobody_should_have_is_not_made(api: Any, body: dict[str, Any], field: str) -> None:
    answer = await api.call("POST", "/v1/tokens", body)
    assert (answer.status, [error["field"] for error in answer.body["errors"]]) == (422, [field])
    assert (await api.call("GET", "/v1/tokens")).body["tokens"] == []


async def test_a_name_means_one_token_at_a_time(api: Any) -> None:
    made = await api.call("POST", "/v1/tokens", {"name": "ci", "role": "viewer"})
    assert (await api.call("POST", "/v1/tokens", {"name": "ci", "role": "admin"})).status == 409
    await api.call("POST", f"/v1/tokens/{made.body['id']}/revoke", {})
    assert (await api.call("POST", "/v1/tokens", {"name": "ci", "role": "viewer"})).status == 201


async def test_a_token_that_cannot_be_recorded_is_not_made(api: Any) -> None:
    api.world.fail = {"record"}
    assert (await api.call("POST", "/v1/tokens", {"name": "ci", "role": "admin"})).status == 503
    assert (await api.call("GET", "/v1/tokens")).body["tokens"] == []


async def test_the_answer_kept_for_one_caller_is_never_anothers(api: Any) -> None:
    operator, viewer = await make(api, "operator"), await make(api, "viewer")
    body = {"template": "refunds", "agents": ["invoice-bot"]}
    first = await api.call("POST", "/v1/missions", body, Idempotency_Key="k", **bearer(operator))
    again = await api.call("POST", "/v1/missions", body, Idempotency_Key="k", **bearer(operator))
    other = await api.call("POST", "/v1/missions", body, Idempotency_Key="k")
    assert again.body == first.body
    assert other.body["mission"] != first.body["mission"]
    assert (await api.call("POST", "/v1/missions", body, Idempotency_Key="k", **bearer(viewer))).status == 403


async def test_lists_come_in_pages_that_name_the_next(api: Any) -> None:
    for number in range(5):
        api.clock.now += number % 2  # two of one moment
        await make(api, "viewer", f"t{number}")
    seen, path = [], "/v1/tokens?limit=2"
    while path:
        answer = await api.call("GET", path)
        assert len(answer.body["tokens"]) <= 2
        seen += [token["name"] for token in answer.body["tokens"]]
        path = answer.body["next"]
    assert sorted(seen) == [f"t{number}" for number in range(5)]
    assert seen[0] in ("t3", "t4")


async def test_a_long_answer_can_ask_whether_its_caller_still_may(api: Any) -> None:
    """A stream ends with the token it was asked for with."""
    secret = await make(api, "viewer")
    asked: list[bool] = []
    started, going = asyncio.Event(), asyncio.Event()

    async def status() -> Any:
        started.set()
        await going.wait()
        return {}

    async def slow(call: Any) -> Any:
        asked.append(await call.still())
        await status()
        asked.append(await call.still())
        return {"status": "ok"}

    route = next(route for route in api.routes if route.path == "/v1/whoami")
    app = api.server._runner.app
    context = api.server._context
    handler = handler_of(replace(route, handler=slow), context.audit, Replays(context.clock))
    resource = next(each for each in app.router.resources() if each.canonical == "/v1/whoami")
    resource._routes["GET"]._handler = handler
    waiting = asyncio.create_task(
        api.session.get(f"http://127.0.0.1:{api.server.port}/v1/whoami", headers=bearer(secret))
    )
    await asyncio.wait_for(started.wait(), 5)
    token = (await api.call("GET", "/v1/tokens")).body["tokens"][0]["id"]
    await api.call("POST", f"/v1/tokens/{token}/revoke", {})
    going.set()
    async with await waiting:
        assert asked == [True, False]
