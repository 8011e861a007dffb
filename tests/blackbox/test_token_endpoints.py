"""Answers that hand out credentials: the agent gets placeholders, which open what the credential opens, for it alone, through us."""

from __future__ import annotations

import base64
import gzip
import json
from urllib.parse import parse_qs, urlencode

import orjson
import pytest

from rig.config import operation, service
from rig.origin import Origin
from rig.wire import ask, refused

HOST, API, ELSEWHERE = "api.example.test", "data.example.test", "other.example.test"
ACCESS = "ya29.a0ARW5m7-real-access-token-9d2f"
REFRESH = "1//0g-real-refresh-token-44b1"
CLAIMS = base64.urlsafe_b64encode(b'{"sub":"alice","aud":"agent"}').decode().rstrip("=")
ID_TOKEN = f"eyJhbGciOiJSUzI1NiJ9.{CLAIMS}.realsignature-0f9e8d7c6b5a4938"
FORM = "Content-Type: application/x-www-form-urlencoded"
GRANTED = {
    "access_token": ACCESS,
    "refresh_token": REFRESH,
    "id_token": ID_TOKEN,
    "token_type": "Bearer",
    "expires_in": 3599,
}


class Handing(Origin):
    """``/hand/…`` answers with what the test put into ``answers``; everything else behaves as the plain origin does."""

    status, fields, body = 200, [("content-type", "application/json")], b""

    def hands(self, body, status=200, *fields, media="application/json"):
        self.body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.status, self.fields = status, [("content-type", media), *fields]

    async def answer(self, seen, reply):
        if not seen.target.partition("?")[0].endswith(("/token", "/batch", "/login/agent")):
            await super().answer(seen, reply)
            return
        await reply.start(self.status, self.fields, len(self.body))
        await reply.write(self.body)
        await reply.finish()


@pytest.fixture(scope="module")
def origin(authority):
    with Handing(authority, "*.example.test") as running:
        yield running


@pytest.fixture(scope="module")
def config(config):
    oauth = {"shape": "oauth", "hosts": [API]}
    example = config.service("example")
    example["operation"] += [
        operation("POST,GET /v1/token", "token", "write", hands_out=oauth),
        operation("POST /guessed/token", "guessed", "write"),
        operation("POST /said/token", "said", "write", hands_out="nothing"),
        operation("POST /sts/token", "sts", "write", hands_out="refuse"),
        operation("PUT /login/{user}", "login", "write", hands_out="oauth"),
        operation("POST /lfs/batch", "lfs/batch", "read", hands_out="git_lfs"),
    ]
    config.tables["service"].append(service("data", API))
    config.template["operations"] += ["data:read", "data:write", "http:read", "http:write"]
    for host in (API, ELSEWHERE, "sts.eu-west-1.amazonaws.com"):
        config.allow(host)
    return config


def grant(exeat, mission, path="/v1/token", form=None, *fields, host=HOST, method="POST"):
    body = urlencode(form or {"grant_type": "authorization_code", "code": "c"}).encode()
    return ask(exeat, mission, method, path, FORM, *fields, host=host, body=body)


def granted(exeat, mission, origin, **more):
    origin.hands(GRANTED | more)
    answer = grant(exeat, mission)
    assert answer.status == 200, answer.body
    return orjson.loads(answer.body)


def bearer(exeat, mission, token, host=API, path="/echo", method="GET"):
    return ask(exeat, mission, method, path, f"Authorization: Bearer {token}", host=host)


@pytest.mark.guard("tokens-kept")
def test_the_agent_gets_placeholders_and_the_api_gets_the_token(exeat, mission, origin):
    """Nothing of the answer is real, all of it works: at the API, at the token endpoint, and in the record as custody."""
    given = granted(exeat, mission, origin)
    assert {key: given[key] for key in ("token_type", "expires_in")} == {"token_type": "Bearer", "expires_in": 3599}
    assert given["access_token"].startswith("exeat_")
    assert given["id_token"].startswith(ID_TOKEN.rpartition(".")[0] + ".exeat_")
    answer = bearer(exeat, mission, given["access_token"])
    assert (answer.status, origin.last.header("authorization")) == (200, [f"Bearer {ACCESS}"])
    assert ACCESS.encode() not in answer.body, "what the origin echoes is covered"
    record = exeat.audit_records("decision", mission=mission["mission"])[-1]
    assert record["credential"] == {"state": "kept", "grade": "C"}
    origin.hands(GRANTED)
    again = orjson.loads(
        grant(exeat, mission, form={"grant_type": "refresh_token", "refresh_token": given["refresh_token"]}).body
    )
    assert parse_qs(bytes(origin.last.body).decode()) == {"grant_type": ["refresh_token"], "refresh_token": [REFRESH]}
    assert again["refresh_token"] == given["refresh_token"], "the same credential has one placeholder"
    bearer(exeat, mission, given["id_token"])
    assert origin.last.header("authorization") == [f"Bearer {ID_TOKEN}"]
    for real in (ACCESS, REFRESH, ID_TOKEN.rpartition(".")[2]):
        assert real.encode() not in exeat.everything_written()


def test_basic_and_other_fields_carry_it_too(exeat, mission, origin):
    """Registries take it as a password, others in a field of their own; the service's own credential doesn't join it."""
    token = granted(exeat, mission, origin)["access_token"]
    pair = base64.b64encode(f"agent:{token}".encode()).decode()
    assert ask(exeat, mission, "GET", "/echo", f"Authorization: Basic {pair}", host=API).status == 200
    assert base64.b64decode(origin.last.header("authorization")[0][6:]).decode() == f"agent:{ACCESS}"
    assert ask(exeat, mission, "GET", "/echo", f"X-Auth-Token: {token}", host=API).status == 200
    assert origin.last.header("x-auth-token") == [ACCESS]
    assert origin.last.header("authorization") == []


@pytest.mark.guard("tokens-place")
@pytest.mark.guard("tokens-alone")
def test_nobody_else_and_nowhere_else(exeat, mission, origin):
    """Another session, another host, a second credential beside it, plain text around it: refused, nothing sent."""
    token = granted(exeat, mission, origin)["access_token"]
    origin.clear()
    for other in (exeat.open(), exeat.open(agent="report-bot")):
        refused(bearer(exeat, other, token), "credential_foreign", status=403)
    refused(bearer(exeat, mission, token, host=ELSEWHERE), "credential_foreign")
    refused(bearer(exeat, mission, f"x{token}"), "credential_foreign")
    both = (f"Authorization: Bearer {mission['placeholders']['data']}", f"X-Api-Key: {token}")
    refused(ask(exeat, mission, "GET", "/echo", *both, host=API), "credential_foreign")
    refused(ask(exeat, mission, "GET", f"/echo?access_token={token}", host=API), "credential_foreign")
    other = exeat.open()
    refused(grant(exeat, other, form={"refresh_token": token}), "credential_foreign")
    assert origin.requests == []


@pytest.mark.parametrize("verb", ["revoke", "close"])
def test_it_ends_with_its_mission(exeat, mission, origin, verb):
    token = granted(exeat, mission, origin)["access_token"]
    exeat.end(mission, verb)
    origin.clear()
    refused(bearer(exeat, mission, token), "mission_ended")
    refused(bearer(exeat, exeat.open(), token), "credential_foreign")
    assert origin.requests == []


def hostile(**changes):
    return json.dumps(GRANTED | changes).encode()


@pytest.mark.guard("tokens-unread")
@pytest.mark.guard("tokens-whole")
@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"<html>" + ACCESS.encode(), []),
        (json.dumps([ACCESS]).encode(), []),
        (json.dumps({"result": ACCESS}).encode(), []),
        (b'{"access_token": "' + ACCESS.encode() + b'"}{}', []),
        (hostile(note=f"your token is {ACCESS}"), []),
        (hostile(access_token="a b"), []),
        (hostile(fill="x" * 300_000), []),
        (b"not gzip " + ACCESS.encode(), [("content-encoding", "gzip")]),
        (ACCESS.encode(), [("content-encoding", "rot13")]),
    ],
)  # fmt: skip
def test_an_answer_that_cannot_be_read_is_refused_whole(exeat, mission, origin, body, fields):
    """No byte of it goes on, the agent is told why in a refusal, and the record says that it was sent."""
    origin.hands(body, 200, *fields)
    answer = grant(exeat, mission)
    assert ACCESS.encode() not in answer.body
    refused(answer, "answer_refused", status=502)
    outcome = exeat.audit_records("outcome", mission=mission["mission"])[-1]
    assert (outcome["code"], outcome["outcome"]) == ("answer_refused", "sent")


def test_a_member_given_twice_and_a_compressed_answer_are_written_anew(exeat, mission, origin):
    body = f'{{"access_token":"{ACCESS}-first","access_token":"{ACCESS}","scope":"a"}}'.encode()
    for fields, sent in ([], body), ([("content-encoding", "gzip")], gzip.compress(body)):
        origin.hands(sent, 200, *fields)
        answer = grant(exeat, mission)
        assert answer.status == 200
        assert ACCESS.encode() not in answer.body
        assert list(orjson.loads(answer.body)) == ["access_token", "scope"]


def test_errors_pass_and_other_forms_of_answers_are_read(exeat, mission, origin):
    """An error keeps its words (GitHub and Slack tell of one with 200); GitHub answers in form, npm has a member of its own."""
    for status, body in (400, {"error": "invalid_grant"}), (200, {"ok": False, "error": "bad"}), (200, {"error": "x"}):
        origin.hands(body, status)
        answer = grant(exeat, mission)
        assert (answer.status, orjson.loads(answer.body)) == (status, body)
    origin.hands(b"<html>down</html>", 503, media="text/html")
    assert (grant(exeat, mission).status, grant(exeat, mission).body) == (503, b"")
    origin.hands(urlencode({"access_token": ACCESS, "scope": ""}).encode(), media="application/x-www-form-urlencoded")
    form = parse_qs(grant(exeat, mission).body.decode(), keep_blank_values=True)
    assert form["access_token"][0].startswith("exeat_")
    assert form["scope"] == [""]
    origin.hands({"ok": True, "token": "npm_realtoken0123456789abcdef"}, 201, ("x-subject-token", ACCESS))
    answer = ask(exeat, mission, "PUT", "/login/agent", "Content-Type: application/json", body=b'{"password":"p"}')
    assert orjson.loads(answer.body)["token"].startswith("exeat_")
    assert dict(answer.headers)["x-subject-token"].startswith("exeat_")


def test_what_is_called_a_token_endpoint_is_one(exeat, mission, origin):
    """Also where nobody described it, at any host; a description may say that it isn't one."""
    origin.hands(GRANTED)
    for path, host in ("/guessed/token", HOST), ("/oauth2/token", ELSEWHERE):
        assert ACCESS.encode() not in grant(exeat, mission, path, host=host).body
    assert ACCESS.encode() in grant(exeat, mission, "/said/token").body
    origin.hands(b'{"items": [1, 2]}')
    assert grant(exeat, mission, "/guessed/token").body == b'{"items": [1, 2]}', "anything else passes byte for byte"
    origin.hands(b"PK\x03\x04", media="application/zip")
    assert grant(exeat, mission, "/guessed/token").body == b"PK\x03\x04"


@pytest.mark.guard("tokens-refused")
def test_an_answer_nobody_can_read_is_not_asked_for(exeat, mission, origin):
    """AWS STS: refused before anything is resolved or dialled, with what to do instead."""
    refused(grant(exeat, mission, "/sts/token"), "handout_refused", status=403)
    refused(ask(exeat, mission, "GET", "/", host="sts.eu-west-1.amazonaws.com"), "handout_refused", status=403)
    assert origin.requests == []


def test_git_lfs_actions_work_with_placeholders(exeat, mission, origin):
    """Fields and signed links of a batch answer are kept for the host they lead to."""
    signed = (
        f"https://{ELSEWHERE}/objects/1?X-Amz-Signature=0f1e2d3c4b5a69788796a5b4c3d2e1f0&X-Amz-Date=20261124T000000Z"
    )
    action = {"href": signed, "header": {"Authorization": f"RemoteAuth {ACCESS}", "Accept": "application/octet-stream"}}
    origin.hands(
        {"objects": [{"oid": "1", "size": 1, "actions": {"download": action}}]}, media="application/vnd.git-lfs+json"
    )
    answer = ask(exeat, mission, "POST", "/lfs/batch", "Content-Type: application/vnd.git-lfs+json", body=b"{}")
    given = orjson.loads(answer.body)["objects"][0]["actions"]["download"]
    assert given["header"]["Accept"] == "application/octet-stream"
    assert b"0f1e2d3c" not in answer.body
    assert ACCESS.encode() not in answer.body
    target = given["href"].partition(ELSEWHERE)[2]
    assert (
        ask(exeat, mission, "GET", target, f"Authorization: {given['header']['Authorization']}", host=ELSEWHERE).status
        == 200
    )
    assert origin.last.target == signed.partition(ELSEWHERE)[2]
    assert origin.last.header("authorization") == [f"RemoteAuth {ACCESS}"]
    assert (
        ask(exeat, mission, "GET", "/echo", f"Authorization: {given['header']['Authorization']}").json()["code"]
        == "credential_foreign"
    )


def test_a_restart_forgets_and_the_origin_says_so(make_exeat, authority):
    """A token whose placeholder outlived it is left out: the origin's 401 makes a client ask for a new one."""
    with Handing(authority, "*.example.test") as origin:

        def change(config):
            config.service("example")["operation"].append(
                operation("POST /v1/token", "token", "write", hands_out="oauth")
            )

        exeat = make_exeat(origin, change=change).start()
        mission = exeat.open()
        token = granted(exeat, mission, origin)["access_token"]
        exeat.stop()
        exeat.start()
        assert bearer(exeat, mission, token, host=HOST).status == 200
        assert origin.last.header("authorization") == []
