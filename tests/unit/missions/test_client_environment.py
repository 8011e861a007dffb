"""The variables route and convince clients, and the pass stands in the proxy URL alone."""

from __future__ import annotations

import shlex

from exeat.missions.environment import client_environment

PASS = "PASS-SENTINEL"


def environment(proxy_url: str = f"http://mission:{PASS}@127.0.0.1:8080", folder: str = "/state") -> dict[str, str]:
    return client_environment(
        proxy_url, mission="m_1", ca_file=f"{folder}/ca.pem", bundle_file=f"{folder}/ca-bundle.pem", placeholders={}, variables={}
    )  # fmt: skip


def test_only_proxy_variables_hold_the_pass() -> None:
    holding = {name for name, value in environment().items() if PASS in value}
    assert holding == {"HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"}


def test_java_is_told_the_proxy_and_the_store_and_may_show_a_pass_in_basic() -> None:
    options = environment()["JAVA_TOOL_OPTIONS"].split(" ")
    assert "-Djavax.net.ssl.trustStore=/state/ca-truststore.p12" in options
    assert {"-Dhttps.proxyHost=127.0.0.1", "-Dhttps.proxyPort=8080", "-Dhttp.proxyHost=127.0.0.1"} <= set(options)
    assert "-Djdk.http.auth.tunneling.disabledSchemes=" in options


def test_java_options_survive_a_folder_with_a_space() -> None:
    words = shlex.split(environment(folder="/my state")["JAVA_TOOL_OPTIONS"])
    assert "-Djavax.net.ssl.trustStore=/my state/ca-truststore.p12" in words


def test_without_a_proxy_java_is_told_what_to_trust_alone() -> None:
    assert "proxyHost" not in environment(proxy_url="")["JAVA_TOOL_OPTIONS"]


def test_an_ipv6_listener_is_written_without_brackets_for_java() -> None:
    assert "-Dhttps.proxyHost=::1" in environment(proxy_url="http://mission:p@[::1]:8080")["JAVA_TOOL_OPTIONS"]


def test_clients_that_replace_their_roots_get_a_file_that_holds_the_systems_too() -> None:
    env = environment()
    assert env["WGETRC"] == "/state/wgetrc"
    assert env["npm_config_cafile"] == env["SSL_CERT_FILE"] == "/state/ca-bundle.pem"
    assert env["NODE_EXTRA_CA_CERTS"] == "/state/ca.pem"
