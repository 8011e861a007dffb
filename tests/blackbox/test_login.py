"""People log in to the admin API with their own account, at a stock OpenID provider; their session is worth what their group is."""

from __future__ import annotations

import re
import subprocess
import urllib.parse

import pytest
import requests

from rig.proxy import COMMAND, clean_environment
from servers.oidc.launch import CLIENT_SECRET, LoginServer, missing

pytestmark = pytest.mark.skipif(bool(missing()), reason=f"the provider needs Node: {missing()}")

OPEN = {"template": "refunds", "agents": ["invoice-bot"]}


@pytest.fixture(scope="module")
def config(config, tmp_path_factory):
    base = f"http://127.0.0.1:{config.admin_port}"
    with LoginServer(f"{base}/callback", tmp_path_factory.mktemp("login")) as running:
        config.environ["OIDC_SECRET"] = CLIENT_SECRET
        config.tables["admin"]["oidc"] = {
            "issuer": running.issuer, "client_id": "exeat-admin", "client_secret": "env:OIDC_SECRET",
            "roles": {"admins": "admin", "security-team": "approver", "ops": "operator"}, "session": "5m",
        }  # fmt: skip
        config.provider = running
        yield config


@pytest.fixture(scope="module")
def provider(config):
    return config.provider


class Browser:
    """A browser at the admin API: keeps cookies, follows nothing by itself, sends what one of our own pages would."""

    def __init__(self, exeat) -> None:
        self.base, self.session = exeat.admin_url, requests.Session()
        self.session.trust_env = False

    def call(self, method, path, body=None, **headers):
        return self.session.request(
            method, self.base + path, json=body, headers=headers, allow_redirects=False, timeout=10
        )

    def act(self, path, body, **changes):
        headers = {"Origin": self.base, "Exeat-Csrf": "1"} | {
            name.replace("_", "-"): value for name, value in changes.items()
        }
        return self.call("POST", path, body, **{name: value for name, value in headers.items() if value is not None})

    def log_in(self, provider, person):
        away = self.call("GET", "/login")
        assert away.status_code == 302, away.text
        back = provider.browse(person, away.headers["Location"], f"{self.base}/callback")
        return self.call("GET", back.removeprefix(self.base))


@pytest.fixture
def browser(exeat):
    made = Browser(exeat)
    yield made
    made.session.close()


def test_a_person_gets_the_role_of_their_group_until_they_log_out(exeat, browser, provider):
    page = browser.log_in(provider, "oscar")
    assert (page.status_code, page.headers["Content-Type"].partition(";")[0]) == (200, "text/html")
    cookie = next(line for line in page.raw.headers.getlist("Set-Cookie") if line.startswith("exeat_session="))
    assert {"HttpOnly", "Max-Age=300", "Path=/", "SameSite=Strict"} == set(cookie.split("; ")[1:])
    who = browser.call("GET", "/v1/whoami").json()
    assert who == {
        "name": "oidc:oscar",
        "role": "operator",
        "kind": "person",
        "permissions": ["read", "operate", "scrape"],
    }
    opened = browser.act("/v1/missions", OPEN)
    assert opened.status_code == 201, opened.text
    assert exeat.audit_records("mission", mission=opened.json()["mission"])[0]["by"] == "oidc:oscar"
    assert browser.act("/v1/tokens", {"name": "x", "role": "viewer"}).json()["code"] == "role_insufficient"
    assert exeat.audit_records("admin", event="login", by="oidc:oscar")[0]["role"] == "operator"
    kept = dict(browser.session.cookies)
    assert browser.act("/logout", {}).json() == {"done": True}
    assert browser.call("GET", "/v1/whoami", Cookie=f"exeat_session={kept['exeat_session']}").status_code == 401


@pytest.mark.parametrize(("person", "role"), [("alice", "approver"), ("root", "admin")])
def test_each_group_has_its_role(browser, provider, person, role):
    browser.log_in(provider, person)
    assert browser.call("GET", "/v1/whoami").json()["role"] == role


def test_whoever_is_in_no_group_gets_in_nowhere(exeat, browser, provider):
    answer = browser.log_in(provider, "eve")
    assert (answer.status_code, answer.json()["code"]) == (403, "login_refused")
    assert "exeat_session" not in browser.session.cookies
    assert browser.call("GET", "/v1/missions").status_code == 401
    assert exeat.audit_records("admin", event="login_refused")


@pytest.mark.guard("admin-csrf")
@pytest.mark.parametrize("changes", [
    {"Origin": None}, {"Origin": "http://127.0.0.1"}, {"Origin": "http://evil.test"}, {"Origin": "null"}, {"Exeat_Csrf": None},
    {"Sec_Fetch_Site": "cross-site"}, {"Sec_Fetch_Site": "same-site"}, {"Origin": None, "Exeat_Csrf": None},
])  # fmt: skip
@pytest.mark.row("M03")
def test_another_page_can_not_use_the_session(exeat, browser, provider, changes):
    browser.log_in(provider, "root")
    before = exeat.admin("GET", "/v1/missions").ok()
    answer = browser.act("/v1/missions", OPEN, **changes)
    assert (answer.status_code, answer.json()["code"]) == (403, "origin_refused")
    assert exeat.admin("GET", "/v1/missions").ok() == before


def test_beside_a_token_a_session_counts_for_nothing(exeat, browser, provider):
    browser.log_in(provider, "alice")
    for origin in (browser.base, None):
        answer = browser.act("/v1/missions", OPEN, Authorization=f"Bearer {exeat.token()}", Origin=origin)
        assert answer.status_code == 201, answer.text
        assert exeat.audit_records("mission", mission=answer.json()["mission"])[0]["by"] == "admin"
    foreign = browser.act("/v1/missions", OPEN, Authorization=f"Bearer {exeat.token()}", Origin="http://evil.test")
    assert foreign.json()["code"] == "origin_refused"


def test_the_page_knows_of_the_login_and_its_stream_ends_with_the_session(exeat, browser, provider):
    assert b'data-login="1" data-session="0"' in browser.call("GET", "/").content
    browser.log_in(provider, "alice")
    assert b'data-login="1" data-session="1"' in browser.call("GET", "/").content
    with browser.session.get(f"{browser.base}/v1/events", stream=True, timeout=10) as stream:
        assert stream.status_code == 200
        assert next(stream.iter_lines()) == b": exeat"
        assert browser.act("/logout", {}).json() == {"done": True}
        assert b"event" not in b"".join(stream.iter_content(None))


@pytest.mark.guard("login-state")
def test_an_answer_counts_once_and_in_the_browser_that_asked(exeat, browser, provider):
    """RFC 9700 §4.7: nobody is logged in as somebody else by following a link."""
    away = browser.call("GET", "/login")
    back = provider.browse("root", away.headers["Location"], f"{browser.base}/callback")
    other = Browser(exeat)
    other.call("GET", "/login")
    assert other.call("GET", back.removeprefix(browser.base)).json()["code"] == "login_refused"
    assert Browser(exeat).call("GET", back.removeprefix(browser.base)).json()["code"] == "login_refused"
    assert "exeat_session" not in other.session.cookies
    assert browser.call("GET", back.removeprefix(browser.base)).status_code == 200
    assert browser.call("GET", back.removeprefix(browser.base)).status_code == 403


@pytest.mark.parametrize(("wrong", "status"), [
    ({"code": "x"}, 403), ({"code": None}, 403), ({"state": "x"}, 403), ({"state": None}, 403), ({"iss": "http://evil.test"}, 403),
    ({"iss": None}, 403), ({"error": "access_denied"}, 403), ({"extra": "1"}, 200),
])  # fmt: skip
def test_an_answer_that_was_tampered_with_opens_nothing(browser, provider, wrong, status):
    away = browser.call("GET", "/login")
    back = urllib.parse.urlsplit(provider.browse("oscar", away.headers["Location"], f"{browser.base}/callback"))
    query = dict(urllib.parse.parse_qsl(back.query)) | wrong
    kept = urllib.parse.urlencode({name: value for name, value in query.items() if value is not None})
    answer = browser.call("GET", f"/callback?{kept}")
    assert answer.status_code == status, answer.text
    assert ("exeat_session" in browser.session.cookies) is (status == 200)


def test_the_code_is_of_no_use_to_whoever_sees_it_go_by(exeat, browser, provider):
    """PKCE, nonce and state are each login's own."""
    first, second = (dict(urllib.parse.parse_qsl(browser.call("GET", "/login").headers["Location"])) for _ in range(2))
    for name in ("state", "nonce", "code_challenge"):
        assert first[name] != second[name]
        assert re.fullmatch(r"[A-Za-z0-9_-]{43}", first[name])
    assert first["code_challenge_method"] == "S256"
    everything = exeat.everything_written()
    assert CLIENT_SECRET.encode() not in everything
    assert first["state"].encode() not in everything


def terminal(exeat, home):
    """``exeat login`` that waits for its code, and where it sends its user."""
    environ = {
        "EXEAT_CONFIG": str(exeat.file),
        "XDG_STATE_HOME": str(home),
        "EXEAT_ADMIN__TOKEN_FILE": str(home / "none"),
    }
    process = subprocess.Popen(
        [*COMMAND, "login"], cwd=exeat.folder, text=True, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env=clean_environment() | environ,
    )  # fmt: skip
    url = re.search(r"open (\S+)", process.stderr.readline())[1]
    return process, url, environ


def shown_code(browser, provider, person, url):
    away = browser.call("GET", url.removeprefix(browser.base))
    back = provider.browse(person, away.headers["Location"], f"{browser.base}/callback")
    page = browser.call("GET", back.removeprefix(browser.base))
    assert page.status_code == 200, page.text
    assert "exeat_session" not in browser.session.cookies
    return re.search(r"<h1>([2-9A-Z]{5}-[2-9A-Z]{5})</h1>", page.text)[1]


def test_the_command_line_gets_a_session_for_the_code_that_the_browser_shows(exeat, browser, provider, tmp_path):
    process, url, environ = terminal(exeat, tmp_path)
    out, err = process.communicate(shown_code(browser, provider, "oscar", url).lower() + "\n", timeout=20)
    assert (process.returncode, out) == (0, "logged in as oidc:oscar, operator, for 5 min\n"), err
    kept = next((tmp_path / "exeat").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    assert exeat.cli("mission", "list", **environ).returncode == 0
    opened = exeat.cli("mission", "open", "refunds", "--agent", "invoice-bot", "--json", **environ)
    assert opened.returncode == 0, opened.stderr
    assert exeat.audit_records("mission", event="open")[-1]["by"] == "oidc:oscar"
    assert exeat.audit_records("admin", event="login", terminal=True)
    secret = kept.read_text().strip()
    assert secret.encode() not in exeat.everything_written()
    assert exeat.admin("POST", "/logout", {}, token=secret).ok() == {"done": True}
    assert exeat.cli("mission", "list", **environ).returncode == 4


@pytest.mark.guard("login-code")
def test_a_link_that_somebody_sends_gives_them_no_session(exeat, browser, provider, tmp_path):
    """They have the verifier and made a person log in, but not the code, and may guess once."""
    process, url, _ = terminal(exeat, tmp_path)
    code = shown_code(browser, provider, "root", url)
    process.communicate("AAAAA-AAAAA\n", timeout=20)
    assert process.returncode == 5
    assert not list(tmp_path.rglob("*.token"))
    for verifier in ("x" * 43, "y" * 43):
        answer = exeat.admin("POST", "/v1/login", {"verifier": verifier, "code": code}, token=None)
        assert answer.body["code"] == "login_refused"


def test_a_provider_that_is_away_is_said_to_be(exeat, browser, provider):
    provider.stop()
    try:
        away = browser.call("GET", "/login")
        back = f"{browser.base}/callback?code=c&state={urllib.parse.parse_qs(away.headers['Location'])['state'][0]}&iss={provider.issuer}"
        answer = browser.call("GET", back.removeprefix(browser.base))
        assert (answer.status_code, answer.json()["code"]) == (503, "unavailable")
        assert exeat.admin("GET", "/v1/missions").status == 200, "tokens don't need it"
    finally:
        provider.start()
