"""What the caller gets: one answer with all a client needs, and the pass nowhere else."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import unquote, urlsplit

from mission_world import CONNECTION, a_mission, agent

from exeat.missions.opened import Opened, ProxyOffer
from exeat.model.secret import Secret


def opened(*names: str) -> Opened:
    mission = a_mission(agents=names)
    return Opened(
        mission, tuple(agent(name) for name in names), tuple(Secret(f"p/{name}+=") for name in names), CONNECTION
    )


def test_the_answer_holds_every_promised_member() -> None:
    answer = opened("invoice-bot").as_dict()
    assert answer["mission"] == "m_00000000000000000000000001"
    assert answer["agent"] == "spiffe://exeat.internal/env/prod/agent/invoice-bot"
    assert answer["expires_at"] == "2027-01-15T08:30:00.000Z"
    assert answer["pass"] == "p/invoice-bot+="
    assert answer["ca_file"] == "/state/ca.pem"
    assert answer["placeholders"] == {"example": "exeat-ph-example-invoice-bot", "other": "exeat-ph-other"}
    assert "agents" not in answer


def test_the_proxy_url_carries_the_pass_as_its_quoted_password() -> None:
    url = urlsplit(opened("invoice-bot").as_dict()["proxy_url"])
    assert (url.scheme, url.username, url.hostname, url.port) == ("http", "mission", "127.0.0.1", 8080)
    assert unquote(url.password or "") == "p/invoice-bot+="
    assert "/" not in (url.password or "")


def test_an_ipv6_listener_is_bracketed() -> None:
    assert (
        replace(CONNECTION, proxy=ProxyOffer("http", "::1", 8080)).proxy_url(Secret("p"))
        == "http://mission:p@[::1]:8080"
    )


def test_the_environment_routes_and_trusts_and_replaces_the_shared_credential() -> None:
    answer = opened("invoice-bot").as_dict()
    env = answer["env"]
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"):
        assert env[name] == answer["proxy_url"]
    assert env["NO_PROXY"] == env["no_proxy"] == "localhost,127.0.0.1,::1"
    for name in (
        "SSL_CERT_FILE",
        "REQUESTS_CA_BUNDLE",
        "CURL_CA_BUNDLE",
        "GIT_SSL_CAINFO",
        "AWS_CA_BUNDLE",
        "PIP_CERT",
    ):
        assert env[name] == "/state/ca-bundle.pem"
    assert env["NODE_EXTRA_CA_CERTS"] == "/state/ca.pem"
    assert env["NODE_USE_ENV_PROXY"] == "1"
    assert env["EXEAT_MISSION"] == answer["mission"]
    assert env["EXAMPLE_KEY"] == "exeat-ph-example-invoice-bot"
    assert "exeat-ph-other" not in env.values()


def test_a_service_variable_never_replaces_one_of_ours() -> None:
    hostile = replace(CONNECTION, variables={"example": "HTTPS_PROXY"})
    one = opened("invoice-bot")
    env = Opened(one.mission, one.agents, one.passes, hostile).as_dict()["env"]
    assert env["HTTPS_PROXY"].startswith("http://mission:")


def test_each_of_several_agents_gets_its_own_pass_and_the_first_is_on_top() -> None:
    answer = opened("invoice-bot", "report-bot").as_dict()
    assert [entry["pass"] for entry in answer["agents"]] == ["p/invoice-bot+=", "p/report-bot+="]
    assert answer["agent"] == answer["agents"][0]["agent"]
    assert answer["agents"][1]["env"]["EXAMPLE_KEY"] == "exeat-ph-example-report-bot"


def test_showing_an_opened_mission_shows_no_pass() -> None:
    assert "p/invoice-bot" not in repr(opened("invoice-bot"))
