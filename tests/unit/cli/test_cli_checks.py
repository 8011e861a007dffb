"""The checking verbs: config, policy, service, ca."""

from __future__ import annotations

import orjson
import pytest


def test_a_sound_configuration_is_0_and_says_so(folder, exeat):
    code, out, err = exeat("config", "check")
    assert (code, out, err) == (0, "the configuration is valid\n", "")


def test_configuration_findings_are_2_with_file_line_and_field(folder, exeat):
    file = folder / "exeat.toml"
    file.write_text(file.read_text().replace('group = "write"', 'group = "wriet"'))
    code, out, _ = exeat("config", "check", "--json")
    finding = orjson.loads(out)["findings"][0]
    assert code == 2
    assert (finding["file"], finding["line"], finding["field"]) == ("exeat.toml", 19, "service[0].operation[0].group")
    code, out, err = exeat("service", "list", "--json")
    assert (code, out) == (2, "")
    assert "exeat.toml:19:1: error: service[0].operation[0].group" in err


def test_findings_of_the_catalogue_get_their_line(folder, exeat):
    file = folder / "exeat.toml"
    file.write_text(file.read_text().replace('group = "write"', 'group = "write"\nresource = "Nothing"'))
    code, out, _ = exeat("config", "check", "--json")
    finding = orjson.loads(out)["findings"][0]
    assert code == 2
    assert finding["file"].endswith("exeat.toml")
    assert finding["line"] == 20
    assert finding["field"].startswith("service[0].operation[0]")


def test_an_operation_that_no_service_knows_is_a_finding(folder, exeat):
    file = folder / "exeat.toml"
    file.write_text(file.read_text().replace("example:write", "example:wriet"))
    code, out, _ = exeat("config", "check")
    assert code == 2
    assert "no service knows the operation 'example:wriet'" in out


@pytest.fixture
def policies(folder):
    (folder / "policies").mkdir()
    file = folder / "exeat.toml"
    file.write_text('policy = { path = "policies" }\n' + file.read_text())
    return folder / "policies"


@pytest.mark.parametrize("verb", [("policy", "check"), ("config", "check")])
def test_policy_findings_are_3_with_file_and_line(policies, exeat, verb):
    (policies / "a.cedar").write_text('@id("a")\npermit (principal, action, resource)\nwhen { principal.nonsense };\n')
    code, out, _ = exeat(*verb, "--json")
    data = orjson.loads(out)
    assert (code, data["ok"]) == (3, False)
    assert any(finding["file"].endswith("a.cedar") and finding["line"] for finding in data["findings"])
    code, out, _ = exeat(*verb)
    assert code == 3
    assert "a.cedar" in out


def test_valid_policies_are_0(policies, exeat):
    (policies / "a.cedar").write_text(
        '@id("a")\npermit (principal, action, resource)\nwhen { action in principal.operations };\n'
    )
    code, out, _ = exeat("policy", "check")
    assert code == 0
    assert "the policies are valid" in out


def test_the_schema_names_every_section(exeat):
    code, out, _ = exeat("config", "schema")
    schema = orjson.loads(out)
    assert code == 0
    assert {"proxy", "admin", "service", "mission_template"} <= set(schema["properties"])


def test_services_are_listed_and_shown_without_their_secret(folder, exeat, monkeypatch):
    monkeypatch.setenv("EXAMPLE_KEY", "SENTINEL")
    code, out, _ = exeat("service", "list", "--json")
    assert [service["name"] for service in orjson.loads(out)["services"]] == ["example"]
    assert "example" in exeat("service", "list")[1]
    code, out, _ = exeat("service", "show", "example")
    assert code == 0
    assert "example:refunds/create" in out
    assert "env:EXAMPLE_KEY" in out
    code, data, _ = exeat("service", "show", "example", "--json")
    assert orjson.loads(data)["operations"][0]["action"] == "example:refunds/create"
    assert "SENTINEL" not in out + data
    code, _, err = exeat("service", "show", "exmaple")
    assert code == 1
    assert "did you mean 'example'" in err


def test_unknown_sections_in_the_environment_are_warned_about_on_stderr(folder, exeat, monkeypatch):
    monkeypatch.setenv("EXEAT_PROXI__LISTEN", "x")
    code, out, err = exeat("service", "list", "--json")
    assert code == 0
    orjson.loads(out)
    assert "EXEAT_PROXI__LISTEN: warning" in err


def test_the_certificate_is_exported_and_never_its_key(folder, exeat):
    assert exeat("ca", "export")[0] == 1
    state = folder / "state"
    state.mkdir(mode=0o700)
    (state / "ca.pem").write_text("PEM\n")
    (state / "ca-bundle.pem").write_text("ROOTS\nPEM\n")
    (state / "ca.key").write_text("SENTINEL")
    assert exeat("ca", "export")[1] == "PEM\n"
    assert exeat("ca", "export", "--bundle")[1] == "ROOTS\nPEM\n"
    assert orjson.loads(exeat("ca", "export", "--json")[1])["pem"] == "PEM\n"
    out = exeat("ca", "env")[1]
    assert f"export NODE_EXTRA_CA_CERTS={state / 'ca.pem'}" in out
    assert f"export SSL_CERT_FILE={state / 'ca-bundle.pem'}" in out
    assert "PROXY" not in out
    assert orjson.loads(exeat("ca", "env", "--json")[1])["REQUESTS_CA_BUNDLE"] == str(state / "ca-bundle.pem")
