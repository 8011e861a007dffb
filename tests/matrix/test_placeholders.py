"""Credentials out of place: one is swapped in its one place, for its own agent, at its own host; everything else that looks
like one is refused, and a real token goes nowhere it wasn't minted for."""

from __future__ import annotations

import base64
from urllib.parse import quote

import pytest

from rig.account import completed, decisions, only_refused, untouched
from rig.config import SHARED_KEY, operation, service
from rig.wire import Wire, ask, basic, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, OTHER, EVIL = "api.example.test", "other.example.test", "evil.example.test"
JSON = "Content-Type: application/json"
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def config(config):
    config.allow(OTHER)
    config.tables["service"] += [
        service("other", OTHER, operation("GET /echo", "echo", "read")),
        service("strict", "strict.example.test", operation("GET /echo", "echo", "read")),
    ]
    config.template["operations"] += ["other:read"]
    config.policies["site.cedar"] += """
@id("bring-the-placeholder")
@reason("policy_denied")
forbid (principal, action == Action::"example:refunds/get", resource) unless { context.credential == Exeat::Credential::"placeholder" };
"""
    return config


@pytest.fixture(autouse=True)
def _no_decoy(mission, decoy):
    yield
    assert decoy.connections == []


def _b64(text):
    return base64.b64encode(text.encode()).decode()


def _foreign(exeat, mission, origin, answer, *codes):
    refused(answer, "credential_foreign", *codes)
    only_refused(exeat, mission, "credential_foreign", *codes)
    untouched(origin)


PLACES = {
    "query": ("/echo?q={}", []), "query key": ("/echo?{}=1", []), "carrier in the query": ("/echo?access_token={}", []),
    "cookie": ("/echo", ["Cookie: sid={}"]), "cookie among others": ("/echo", ["Cookie: a=b; sid={}; c=d"]),
    "another field": ("/echo", ["X-Note: {}"]), "another field with its scheme": ("/echo", ["X-Note: Bearer {}"]),
    "another carrier": ("/echo", ["X-Api-Key: {}"]),
    "a second authorization": ("/echo", ["Authorization: Bearer {}", "Authorization: Bearer {}"]),
    "another scheme": ("/echo", ["Authorization: Token {}"]), "no scheme": ("/echo", ["Authorization: {}"]),
    "two in one": ("/echo", ["Authorization: Bearer {}, Bearer {}"]), "more behind it": ("/echo", ["Authorization: Bearer {} x"]),
}  # fmt: skip


@pytest.mark.row("H04")
@pytest.mark.parametrize("place", list(PLACES))
@pytest.mark.parametrize("which", ["placeholder", "shared"])
def test_a_managed_credential_elsewhere_goes_nowhere(exeat, mission, origin, place, which):
    value = mission["placeholders"]["example"] if which == "placeholder" else SHARED_KEY
    target, lines = PLACES[place]
    answer = ask(exeat, mission, "GET", target.format(value), *(line.format(value, value) for line in lines))
    refused(answer, "credential_foreign", "request_malformed")
    only_refused(exeat, mission, "credential_foreign", "request_malformed")
    untouched(origin)


@pytest.mark.row("H04")
@pytest.mark.parametrize("line", [
    "Authorization: Basic {user}", "Authorization: Basic {password}", "Authorization: basic {password}", "Authorization: Bearer {base64}",
    "Authorization: Bearer {half}", "Authorization: Bearer {half}\r\nAuthorization: {rest}", "Authorization: Bearer {half}\r\n {rest}",
    "Authorization: Bearer\t{whole}", "Authorization:Bearer  {whole}x", "Authorization: Bearer {quoted}", 'Authorization: Bearer "{whole}"',
    "Cookie: sid={half}; sid2={rest}\r\nAuthorization: Bearer {rest}",
])  # fmt: skip
def test_a_placeholder_in_disguise_or_in_parts_is_not_swapped(exeat, mission, origin, line):
    whole = mission["placeholders"]["example"]
    forms = {
        "whole": whole, "half": whole[: len(whole) // 2], "rest": whole[len(whole) // 2 :], "base64": _b64(whole), "user": _b64(f"{whole}:"),
        "password": _b64(f"user:{whole}"), "quoted": quote(whole + "/", safe=""),
    }  # fmt: skip
    answer = ask(exeat, mission, "GET", "/echo", line.format(**forms))
    refused(answer, "credential_foreign", "request_malformed")
    only_refused(exeat, mission, "credential_foreign", "request_malformed")
    untouched(origin)


@pytest.mark.row("H04")
@pytest.mark.parametrize("target", ["/v1/refunds/{}", "/v1/refunds/{}?a=b"])
def test_a_placeholder_in_the_path_is_never_swapped(exeat, mission, origin, target):
    """A path is a resource: what stands there goes as it is, worthless, or not at all."""
    value = mission["placeholders"]["example"]
    answer = ask(exeat, mission, "GET", target.format(value), f"Authorization: Bearer {value}")
    if answer.status == 200:
        completed(origin, target.partition("?")[0].format(value))
        assert origin.last.one("authorization").split()[1] not in origin.last.target
    else:
        only_refused(exeat, mission, "credential_foreign", "request_malformed")
        untouched(origin)


@pytest.mark.row("H04")
@pytest.mark.parametrize(
    ("kind", "body"), [(JSON, '{{"key": "{}"}}'), (FORM, "key={}"), ("Content-Type: text/plain", "{}")]
)
def test_a_placeholder_in_a_body_is_never_swapped(exeat, mission, origin, kind, body):
    """Bodies are forwarded as they are: the worthless stand-in goes, the token stays in its one place."""
    value = mission["placeholders"]["example"]
    sent = body.format(value).encode()
    assert ask(exeat, mission, "POST", "/upload", kind, body=sent).status == 200
    assert bytes(origin.last.body) == sent
    assert origin.last.one("authorization").split()[1].encode() not in bytes(origin.last.body)


@pytest.mark.row("H04")
@pytest.mark.parametrize("scheme", ["bearer", "BEARER", "bEaReR"])
def test_the_schemes_case_changes_nothing(exeat, mission, origin, scheme):
    """RFC 9110 §11.1."""
    line = f"Authorization: {scheme} {mission['placeholders']['example']}"
    assert ask(exeat, mission, "GET", "/echo", line).status == 200
    assert origin.last.one("authorization").startswith("Bearer ey")
    [record] = decisions(exeat, mission)
    assert record["credential"]["state"] == "placeholder"


@pytest.mark.row("H05")
@pytest.mark.guard("foreign-credential")
@pytest.mark.parametrize("line", [
    "Authorization: Bearer ghp_16C7e42F292c6912E7710c838347Ae178B4a", "Authorization: Bearer sk-ant-api03-AAAA", "Authorization: Basic dXNlcjpwYXNz",
    "Authorization: AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, Signature=5d67", "Authorization: Negotiate YII",
    "X-Api-Key: mine", "Api-Key: mine", "X-Goog-Api-Key: AIza", "Private-Token: glpat-x", "X-Auth-Token: x", "X-Vault-Token: hvs.x",
    "X-Amz-Security-Token: x", "X_Api_Key: mine",
])  # fmt: skip
def test_an_agents_own_credential_is_refused(exeat, mission, origin, line):
    """An allowed host with somebody else's key is another destination."""
    answer = ask(exeat, mission, "GET", "/echo", line)
    assert (answer.status, "credential_foreign" in answer.header("proxy-status")) == (403, True)
    only_refused(exeat, mission, "credential_foreign")
    untouched(origin)


@pytest.mark.row("H05")
@pytest.mark.parametrize(
    "query",
    ["access_token=x", "api_key=x", "token=x", "apikey=x", "Access_Token=x", "access%5Ftoken=x", "a=b&private_token=x"],
)
def test_an_agents_own_credential_in_the_query_is_refused(exeat, mission, origin, query):
    _foreign(exeat, mission, origin, ask(exeat, mission, "GET", f"/echo?{query}"), "request_malformed")


@pytest.mark.row("H05")
@pytest.mark.parametrize("name", ["authorization", "x-api-key", "cookie"])
def test_an_agents_own_credential_in_http2(exeat, mission, origin, name):
    value = {"authorization": "Bearer mine", "x-api-key": "mine", "cookie": f"sid={SHARED_KEY}"}[name]
    with H2Wire(exeat, mission) as wire:
        _foreign(exeat, mission, origin, wire.request("GET", "/echo", (name, value)))


@pytest.mark.row("H06")
def test_without_a_placeholder_a_policy_may_refuse(exeat, mission, origin):
    """The agent has to have been given one: a site's policy can demand it."""
    refused(ask(exeat, mission, "GET", "/v1/refunds/1"), "policy_denied", status=403)
    only_refused(exeat, mission, "policy_denied")
    untouched(origin)
    line = f"Authorization: Bearer {mission['placeholders']['example']}"
    assert ask(exeat, mission, "GET", "/v1/refunds/1", line).status == 200


@pytest.mark.row("H06")
def test_without_a_placeholder_the_scoped_token_is_put_all_the_same(exeat, mission, origin):
    assert ask(exeat, mission, "GET", "/echo").status == 200
    assert origin.last.one("authorization").startswith("Bearer ey")
    assert decisions(exeat, mission)[0]["credential"]["state"] == "none"


@pytest.mark.row("H07")
@pytest.mark.parametrize(
    "which",
    ["another agent's", "a prefix", "a suffix", "one more", "another case", "unknown", "another service's", "the pass"],
)
def test_what_is_not_this_agents_placeholder_is_foreign(exeat, mission, origin, which):
    own = mission["placeholders"]["example"]
    value = {
        "another agent's": exeat.open(agent="report-bot")["placeholders"]["example"], "a prefix": own[:-1], "a suffix": own[1:], "one more": own + "x",
        "another case": own.swapcase(), "unknown": own[:-6] + "AAAAAA", "another service's": mission["placeholders"]["other"], "the pass": mission["pass"],
    }[which]  # fmt: skip
    _foreign(exeat, mission, origin, ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {value}"))


@pytest.mark.row("H07")
@pytest.mark.parametrize("verb", ["revoke", "close"])
def test_a_placeholder_of_an_ended_mission_opens_nothing(exeat, mission, origin, verb):
    """It names the agent at the service; what it may do is its live mission's, and without one nothing."""
    line = f"Authorization: Bearer {mission['placeholders']['example']}"
    exeat.end(mission, verb)
    refused(ask(exeat, mission, "GET", "/echo", line), "mission_ended", status=403)
    untouched(origin)


@pytest.mark.row("H08")
@pytest.mark.parametrize("host", [EVIL, OTHER, "cdn.example.test", "unchosen.example.test"])
@pytest.mark.parametrize("which", ["placeholder", "shared"])
def test_at_another_host_it_is_neither_swapped_nor_sent(exeat, mission, origin, host, which):
    value = mission["placeholders"]["example"] if which == "placeholder" else SHARED_KEY
    answer = ask(exeat, mission, "GET", "/echo", f"Authorization: Bearer {value}", host=host)
    refused(answer, "credential_foreign", "destination_not_allowed", status=403)
    only_refused(exeat, mission, "credential_foreign", "destination_not_allowed")
    untouched(origin)


@pytest.mark.row("H08")
def test_on_plain_http_it_is_neither_swapped_nor_sent(exeat, mission, origin):
    line = f"Proxy-Authorization: {basic(mission['pass'])}"
    for value in (mission["placeholders"]["plain"], mission["placeholders"]["example"], SHARED_KEY):
        with Wire(exeat) as wire:
            answer = wire.request(
                "GET",
                "http://plain.example.test/echo",
                line,
                f"Authorization: Bearer {value}",
                host="plain.example.test",
            )
        refused(answer, "credential_foreign", "protocol_not_allowed", "policy_denied", "token_unavailable")
    untouched(origin)


@pytest.mark.row("H08")
def test_the_token_of_one_host_is_never_at_another(exeat, mission, origin):
    with tunnel(exeat, mission) as one, tunnel(exeat, mission, OTHER) as two:
        assert one.request("GET", "/echo", host=HOST).status == 200
        assert two.request("GET", "/echo", host=OTHER).status == 200
    tokens = [seen.one("authorization") for seen in origin.requests]
    assert len(set(tokens)) == 2
    claims = [base64.urlsafe_b64decode(token.split(".")[1] + "==") for token in tokens]
    assert [host.encode() in each for host, each in zip((HOST, OTHER), claims, strict=True)] == [True, True]
