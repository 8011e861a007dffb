"""What an origin hands to a session stays here: the agent gets placeholders, which open nothing anywhere else and nothing later."""

from __future__ import annotations

import json
import re
from urllib.parse import quote

import pytest

from rig.config import operation, service
from rig.echoing import EchoingOrigin
from rig.wire import ask, refused, tunnel
from rig.wire_h2 import H2Wire

HOST, CDN = "api.example.test", "cdn.example.test"
REAL = "origin-session-7f3a9c2e51d84b60"
SIGNED = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"
PLACEHOLDER = re.compile(r"exeat_[A-Za-z0-9_-]{24}")


@pytest.fixture(scope="module")
def origin(authority):
    with EchoingOrigin(authority, "*.example.test", "*.api.example.test") as running:
        yield running


@pytest.fixture(scope="module")
def config(config):
    routes = [operation("GET /as/{how}", "as", "read"), operation("GET /deep/as/{how}", "deep", "read")]
    config.service("example")["operation"] += routes
    config.service("example")["link_parameters"] = ["Ticket", "token"]
    for name, more in {
        "passing": {"cookies": "pass", "links": "pass"},
        "strict": {"cookies": "strip", "links": "refuse"},
        "linked": {"link_bodies": True, "link_parameters": ["ticket"]},
        "browsed": {"cookies": "http_only"},
        "crumb": {"credential": {"in": "cookie", "name": "sid"}},
    }.items():
        config.allow(f"{name}.example.test")
        config.tables["service"].append(service(name, f"{name}.example.test", *routes, **more))
        config.template["operations"].append(f"{name}:read")
    config.allow("www.api.example.test")
    return config


def login(exeat, mission, line, host=HOST, path="/as/login"):
    """Have the origin set a cookie; return the fields that the agent gets."""
    answer = ask(exeat, mission, "GET", f"{path}?set={quote(line, safe='')}", host=host)
    assert answer.status == 200
    return [value for name, value in answer.headers if name == "set-cookie"]


def value_of(line):
    return line.partition(";")[0].partition("=")[2]


def show(exeat, mission, cookie, host=HOST, path="/as/seen"):
    return ask(exeat, mission, "GET", path, f"Cookie: {cookie}", host=host)


@pytest.mark.row("H12")
@pytest.mark.guard("cookie-custody")
def test_the_agent_gets_a_placeholder_and_the_origin_its_cookie_back(exeat, mission, origin):
    [line] = login(exeat, mission, f"sid={REAL}; Path=/; Secure; HttpOnly; Max-Age=600; SameSite=Lax")
    held = value_of(line)
    assert PLACEHOLDER.fullmatch(held)
    assert line == f"sid={held}; Path=/; Secure; HttpOnly; Max-Age=600; SameSite=Lax"
    answer = show(exeat, mission, f"theme=dark; sid={held}; lang=en")
    assert origin.last.header("cookie") == [f"theme=dark; sid={REAL}; lang=en"]
    assert origin.last.header("accept-encoding") == ["identity"]
    assert answer.status == 200
    assert REAL.encode() not in answer.body
    assert b"theme=dark; sid=****" in answer.body
    assert REAL.encode() not in exeat.everything_written()


@pytest.mark.row("H12")
@pytest.mark.guard("custody-session")
def test_another_session_can_do_nothing_with_it(exeat, mission, origin):
    held = value_of(login(exeat, mission, f"sid={REAL}; Path=/; Secure")[0])
    origin.clear()
    for other in (exeat.open(), exeat.open(agent="report-bot")):
        refused(show(exeat, other, f"sid={held}"), "credential_foreign", status=403)
    assert origin.requests == []


@pytest.mark.row("H12")
@pytest.mark.parametrize("verb", ["revoke", "close"])
def test_it_ends_with_its_mission(exeat, mission, origin, verb):
    held = value_of(login(exeat, mission, f"sid={REAL}; Path=/; Secure")[0])
    exeat.end(mission, verb)
    origin.clear()
    following = exeat.open()
    refused(show(exeat, following, f"sid={held}"), "credential_foreign")
    assert origin.requests == []


def test_a_suspended_mission_finds_it_again(exeat, mission, origin):
    held = value_of(login(exeat, mission, f"sid={REAL}; Path=/; Secure")[0])
    exeat.end(mission, "suspend")
    exeat.end(mission, "resume")
    assert show(exeat, mission, f"sid={held}").status == 200
    assert origin.last.header("cookie") == [f"sid={REAL}"]


@pytest.mark.guard("custody-place")
def test_it_goes_where_the_origin_said_and_nowhere_else(exeat, mission, origin):
    held = value_of(login(exeat, mission, f"sid={REAL}; Path=/deep; Secure")[0])
    assert show(exeat, mission, f"sid={held}", path="/deep/as/seen").status == 200
    origin.clear()
    refused(show(exeat, mission, f"sid={held}"), "credential_foreign")
    refused(show(exeat, mission, f"other={held}", path="/deep/as/seen"), "credential_foreign")
    refused(show(exeat, mission, f"sid={held}", host=CDN, path="/deep/as/seen"), "credential_foreign")
    refused(ask(exeat, mission, "GET", f"/deep/as/seen?sid={held}"), "credential_foreign")
    assert origin.requests == []


def test_a_domain_cookie_goes_to_names_below_and_a_strangers_domain_is_left_out(exeat, mission, origin):
    held = value_of(login(exeat, mission, f"sid={REAL}; Domain=.API.example.test; Path=/; Secure")[0])
    assert show(exeat, mission, f"sid={held}", host="www.api.example.test").status == 200
    assert origin.last.header("cookie") == [f"sid={REAL}"]
    for domain in ("other.example.test", "test", "i.example.test"):
        assert login(exeat, mission, f"sid={REAL}; Domain={domain}") == []
    held = value_of(login(exeat, mission, f"sid={REAL}; Path=/; Secure")[0])
    refused(show(exeat, mission, f"sid={held}", host="www.api.example.test"), "credential_foreign")


def test_one_that_has_ended_is_left_out_of_the_request(exeat, mission, origin):
    [line] = login(exeat, mission, f"sid={REAL}; Path=/; Max-Age=0")
    assert line == "sid=; Path=/; Max-Age=0"
    [line] = login(exeat, mission, f"sid={REAL}; Path=/; Expires=Wed, 21-Oct-2015 07:28:00 GMT")
    assert value_of(line) == ""
    assert login(exeat, mission, f"{REAL}; Path=/") == []  # without a name nothing can be told apart


def test_a_restart_forgets_it_and_the_agent_goes_on_without(make_exeat, authority):
    with EchoingOrigin(authority, "*.example.test") as origin:

        def change(config):
            config.service("example")["operation"].append(operation("GET /as/{how}", "as", "read"))

        exeat = make_exeat(origin, change=change).start()
        mission = exeat.open()
        held = value_of(login(exeat, mission, f"sid={REAL}; Path=/; Secure")[0])
        assert show(exeat, mission, f"a=1; sid={held}").status == 200
        exeat.stop()
        exeat.start()
        assert show(exeat, mission, f"a=1; sid={held}").status == 200
        assert origin.last.header("cookie") == ["a=1"]
        assert show(exeat, mission, f"sid={held}").status == 200
        assert origin.last.header("cookie") == []
        refused(show(exeat, exeat.open(), f"sid={held}"), "credential_foreign")
        assert REAL.encode() not in exeat.everything_written()


def test_a_service_says_what_becomes_of_its_cookies(exeat, mission, origin):
    line = f"sid={REAL}; Path=/; Secure"
    assert login(exeat, mission, line, host="passing.example.test") == [line]
    assert login(exeat, mission, line, host="strict.example.test") == []
    assert login(exeat, mission, line, host="browsed.example.test") == [line]
    [hidden] = login(exeat, mission, f"{line}; HttpOnly", host="browsed.example.test")
    assert PLACEHOLDER.fullmatch(value_of(hidden))
    assert login(exeat, mission, line, host="crumb.example.test") == []  # our credential's place
    assert login(exeat, mission, line, host=CDN) == [line]  # no service: scripts may read it
    [hidden] = login(exeat, mission, f"{line}; HttpOnly", host=CDN)
    assert PLACEHOLDER.fullmatch(value_of(hidden))


def test_many_cookies_at_once_and_in_http2(exeat, mission, origin):
    lines = login(exeat, mission, "\n".join(f"c{number}={REAL}{number}; Path=/" for number in range(20)))
    held = [line.partition(";")[0] for line in lines]
    assert len({value_of(each) for each in held}) == 20
    with H2Wire(exeat, mission) as wire:
        answer = wire.request("GET", "/as/seen", *(("cookie", each) for each in held))
    assert answer.status == 200
    assert REAL.encode() not in answer.body
    sent = "; ".join(origin.last.header("cookie"))
    assert sent == "; ".join(f"c{number}={REAL}{number}" for number in range(20))


# --- links -------------------------------------------------------------------------------------------------------------------

AMZ = f"https://{CDN}/as/seen?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=300&X-Amz-Signature={SIGNED}"
LINKS = {
    "amazon": ("Location", AMZ),
    "amazon-2": ("location", f"https://{CDN}/as/seen?AWSAccessKeyId=AKIA&Expires=1&Signature={SIGNED}"),
    "google": ("location", f"https://{CDN}/as/seen?X-Goog-Algorithm=A&x-goog-signature={SIGNED}#part"),
    "azure": ("location", f"https://{CDN}/as/seen?sv=2024-01-01&se=2030&sr=b&sig={SIGNED}%3D"),
    "ours": ("location", f"https://{CDN}/as/seen?a=1&Ticket={SIGNED}&b=2"),
    "token": ("location", f"https://{CDN}/as/seen?token={SIGNED}"),
    "relative": ("content-location", f"/as/seen?ticket={SIGNED}"),
    "link": ("link", f'<https://{CDN}/x>; rel="prev", <{AMZ}>; rel="next"'),
    "refresh": ("refresh", f'5; url="{AMZ}"'),
}


def link(exeat, mission, field, value, host=HOST):
    path = f"/as/link?field={field}&value={quote(value, safe='')}"
    return ask(exeat, mission, "GET", path, host=host)


@pytest.mark.row("H12")
@pytest.mark.guard("link-custody")
@pytest.mark.parametrize("name", LINKS)
def test_a_presigned_link_works_for_its_session_and_nobody_else(exeat, mission, origin, name):
    field, value = LINKS[name]
    answer = link(exeat, mission, field, value)
    given = answer.header(field)
    [held] = PLACEHOLDER.findall(given)
    assert SIGNED not in repr(answer.headers)
    assert given.replace(held, SIGNED) == value.replace("%3D", "" if name == "azure" else "%3D")
    url = re.search(r"(?:https://[a-z.]+)?(/as/seen[^>\"#]*)", given)[1]
    host = HOST if name == "relative" else CDN
    followed = ask(exeat, mission, "GET", url, host=host)
    assert followed.status == 200, followed.body
    assert SIGNED in origin.last.target
    assert SIGNED.encode() not in followed.body
    origin.clear()
    refused(ask(exeat, exeat.open(), "GET", url, host=host), "credential_foreign")
    refused(ask(exeat, mission, "GET", url, host="browsed.example.test"), "credential_foreign")
    exeat.end(mission, "revoke")
    refused(ask(exeat, exeat.open(), "GET", url, host=host), "credential_foreign")
    assert origin.requests == []
    assert SIGNED.encode() not in exeat.everything_written()


def test_a_link_that_isnt_signed_is_the_same_link(exeat, mission, origin):
    for value in (
        "/plain?x=1",
        f"https://{CDN}/?sig=short&x=1",
        "https://elsewhere.test/?Signature=book",
        "?",
        "//?&&=",
    ):
        assert link(exeat, mission, "location", value).header("location") == value


@pytest.mark.guard("link-value")
@pytest.mark.parametrize(
    "value", [f"{SIGNED} HTTP/1.1 x", f"{SIGNED};action=delete", f"{SIGNED}\t", f"{SIGNED}é", f"{SIGNED}<"]
)
def test_what_could_be_more_than_a_value_is_never_put_into_a_request(exeat, mission, origin, value):
    given = link(exeat, mission, "location", f"https://{CDN}/as/seen?X-Amz-Signature={value}").header("location")
    assert given.endswith("=withheld") or PLACEHOLDER.search(given), given
    if held := PLACEHOLDER.search(given):  # the server's own trimming left a plain value
        ask(exeat, mission, "GET", f"/as/seen?X-Amz-Signature={held[0]}", host=CDN)
        assert origin.last.target.endswith(f"={SIGNED}")


URLS = [f"{AMZ}&x=1", f"https://{CDN}/as/seen?a=b&Ticket={SIGNED}", f"https://{CDN}/as/seen?sv=1&sig={SIGNED}%2F"]
WRITTEN = {
    "json": lambda url: json.dumps({"download_url": url, "size": 3}),
    "json, slashes": lambda url: json.dumps({"u": url}).replace("/", "\\/"),
    "json, as Go writes it": lambda url: json.dumps({"u": url}).replace("&", "\\u0026"),
    "json, as Java writes it": lambda url: json.dumps({"u": url}).replace("=", "\\u003d").replace("&", "\\u0026"),
    "html": lambda url: f"<a href='{url.replace('&', '&amp;')}'>here</a>",
    "text": lambda url: f"see {url}\n",
}


@pytest.mark.row("H12")
@pytest.mark.guard("link-bodies")
@pytest.mark.parametrize("more", ["", "&size=1", "&size=7", "&coding=gzip", "&coding=zstd&size=9"])
@pytest.mark.parametrize("written", WRITTEN)
def test_links_in_a_described_services_texts_are_kept_too(exeat, mission, origin, written, more):
    for url in URLS:
        text = WRITTEN[written](url)
        kind = {"html": "text/html", "text": "text/plain; charset=utf-8"}.get(written, "application/json")
        asked = f"/as/body?text={quote(text, safe='')}&type={quote(kind, safe='')}{more}"
        answer = ask(exeat, mission, "GET", asked, host="linked.example.test")
        assert answer.complete
        [held] = PLACEHOLDER.findall(answer.body.decode())
        assert SIGNED.encode() not in answer.body
        real = SIGNED + ("%2F" if "%2F" in url else "")
        assert answer.body.decode().replace(held, real) == text
        assert answer.header("etag") == 'W/"strong"'
        followed = ask(exeat, mission, "GET", url.replace(real, held).partition(CDN)[2], host=CDN)
        assert followed.status == 200
        assert f"={real}" in origin.last.target


def test_other_bodies_and_other_links_pass_as_they_are(exeat, mission, origin):
    plain = json.dumps({"url": f"https://{CDN}/x?page=2&sig=1", "path": f"/x?Ticket={SIGNED}", "text": "http?" * 5000})
    for text, kind, host in (
        (plain, "application/json", "linked.example.test"),
        (WRITTEN["json"](AMZ), "application/octet-stream", "linked.example.test"),
        (WRITTEN["json"](AMZ), "application/json", HOST),
    ):
        asked = f"/as/body?text={quote(text, safe='')}&type={quote(kind, safe='')}"
        assert ask(exeat, mission, "GET", asked, host=host).body.decode() == text


def test_a_link_to_nowhere_gives_nothing_away(exeat, mission, origin):
    given = link(exeat, mission, "location", f"https://bad_host.test/?X-Amz-Signature={SIGNED}").header("location")
    assert SIGNED not in given


@pytest.mark.parametrize("line", [f"sid={REAL}\x01; Path=/", f"sid={REAL}\x7f; Path=/", f"s id={REAL}; Path=/"])
def test_a_cookie_that_could_break_a_header_is_left_out(exeat, mission, origin, line):
    answer = ask(exeat, mission, "GET", f"/as/login?set={quote(line, safe='')}")
    assert answer.status in (200, 502)  # control characters end the whole answer
    assert answer.header("set-cookie") == ""


def test_a_service_says_what_becomes_of_its_links(exeat, mission, origin):
    assert link(exeat, mission, "location", AMZ, host="passing.example.test").header("location") == AMZ
    refused(link(exeat, mission, "location", AMZ, host="strict.example.test"), "answer_refused", status=502)
    assert link(exeat, mission, "location", "/plain", host="strict.example.test").status == 302
    assert SIGNED not in link(exeat, mission, "location", AMZ, host=CDN).header("location")


def test_a_keepalive_connection_goes_on_after_a_refused_answer(exeat, mission, origin):
    path = f"/as/link?field=location&value={quote(AMZ, safe='')}"
    with tunnel(exeat, mission, "strict.example.test") as wire:
        for _ in range(3):
            refused(wire.request("GET", path, host="strict.example.test"), "answer_refused")
        assert wire.request("GET", "/as/seen", host="strict.example.test").status == 200
