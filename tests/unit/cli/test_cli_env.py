"""`exeat env`: one mission's settings in the words of each place, and nothing a place could misread."""

from __future__ import annotations

import json
import subprocess
import textwrap

import orjson
import pytest
from ruamel.yaml import YAML

from exeat.cli.formats import FORMATS, render
from exeat.errors import InvalidRequestError

NASTY = "a 'b' \"c\" $d `e` \\ ; & é"
OPENED = {
    "mission": "m_01ABC",
    "env": {"SSL_CERT_FILE": "/s/ca-bundle.pem", "NODE_EXTRA_CA_CERTS": "/s/ca.pem", "X": NASTY},
}


def test_a_shell_reads_back_exactly_what_was_meant():
    script = render("shell", OPENED) + '\nprintf %s "$X"'
    assert subprocess.run(["/bin/sh", "-c", script], capture_output=True, text=True, timeout=10).stdout == NASTY


def test_docker_gets_plain_lines_and_the_mounts():
    lines = render("docker", OPENED).splitlines()
    assert (
        lines[0]
        == "# docker run --env-file THIS_FILE -v /s/ca-bundle.pem:/s/ca-bundle.pem:ro -v /s/ca.pem:/s/ca.pem:ro …"
    )
    assert f"X={NASTY}" in lines


def test_compose_values_are_quoted_and_dollars_doubled():
    text = render("compose", OPENED)
    line = next(line for line in text.splitlines() if line.startswith("  X: "))
    assert orjson.loads(line[5:]) == NASTY.replace("$", "$$")
    assert '  - "/s/ca.pem:/s/ca.pem:ro"' in text


def test_kubernetes_gets_a_secret_with_a_legal_name():
    text = render("k8s", OPENED)
    assert "kind: Secret" in text
    assert "metadata: {name: exeat-m-01abc}" in text
    line = next(line for line in text.splitlines() if line.startswith("  X: "))
    assert orjson.loads(line[5:]) == NASTY


def test_github_gets_plain_lines():
    assert f"X={NASTY}" in render("github", OPENED).splitlines()


@pytest.mark.parametrize("form", ["docker", "github"])
def test_a_line_break_is_refused_where_it_would_make_a_new_variable(form):
    with pytest.raises(InvalidRequestError):
        render(form, {"env": {"X": "a\nLD_PRELOAD=x"}})


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    "opened",
    [
        {},
        {"env": {}},
        {"env": []},
        {"env": {"A B": "x"}},
        {"env": {"A": 1}},
        {"env": {"A": "\0"}},
        {"env": {"A;x": ""}},
    ],
)
def test_what_is_no_opened_mission_is_refused(form, opened):
    with pytest.raises(InvalidRequestError):
        render(form, opened)


def test_from_a_file_no_configuration_is_needed(tmp_path, monkeypatch, exeat):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "opened.json").write_text(json.dumps(OPENED))
    code, out, err = exeat("env", "--from", "opened.json", "--json")
    assert (code, orjson.loads(out), err) == (0, OPENED["env"], "")


def test_from_stdin(exeat):
    process = subprocess.run(
        [__import__("sys").executable, "-m", "exeat.cli.main", "env", "--from", "-", "--shell"],
        input=json.dumps(OPENED), capture_output=True, text=True, timeout=30,
    )  # fmt: skip
    assert process.returncode == 0
    assert "export NODE_EXTRA_CA_CERTS=/s/ca.pem" in process.stdout


def test_or_it_opens_a_mission(site, stub, exeat):
    code, out, _ = exeat("env", "--mission", "refunds", "--agent", "invoice-bot", "--ttl", "5m")
    assert code == 0
    assert "export EXEAT_MISSION=m_01ABC" in out
    assert stub.asked[0][2] == {"template": "refunds", "agents": ["invoice-bot"], "ttl": "5m"}


@pytest.mark.parametrize(
    "words",
    [[], ["--from", "a", "--mission", "b"], ["--mission", "refunds"], ["--from", "gone.json"], ["--from", "bad.json"], ["--from", "ok.json", "--k8s", "--docker"]],
)  # fmt: skip
def test_wrong_use_is_told_before_anything_is_opened(site, stub, exeat, words):
    (site / "bad.json").write_text("[]")
    (site / "ok.json").write_text(json.dumps(OPENED))
    code, out, _ = exeat("env", *words)
    assert (code, out) == (2, "")
    assert not stub.asked


JAVA = "-Djavax.net.ssl.trustStore=/s/ca-truststore.p12 -Djavax.net.ssl.trustStorePassword=changeit"
FULL = {**OPENED, "env": {**OPENED["env"], "JAVA_TOOL_OPTIONS": JAVA, "WGETRC": "/s/wgetrc"}}


def yaml(text):
    """A real YAML 1.2 reader: mitmproxy's own."""
    return YAML(typ="safe", pure=True).load(text)


def test_a_real_yaml_reader_reads_compose_as_meant():
    service = yaml("services:\n  agent:\n    image: x\n" + textwrap.indent(render("compose", FULL), "    "))[
        "services"
    ]["agent"]
    assert {key: value.replace("$$", "$") for key, value in service["environment"].items()} == FULL["env"]
    files = ("ca-bundle.pem", "ca.pem", "wgetrc", "ca-truststore.p12")
    assert service["volumes"] == [f"/s/{name}:/s/{name}:ro" for name in files]


def test_a_real_yaml_reader_reads_the_secret_as_meant():
    secret = yaml(render("k8s", FULL))
    assert (secret["apiVersion"], secret["kind"], secret["type"]) == ("v1", "Secret", "Opaque")
    assert secret["stringData"] == FULL["env"]


def test_a_real_bash_reads_every_variable_as_meant():
    done = subprocess.run(
        ["bash", "-c", 'eval "$1"; env -0', "bash", render("shell", FULL)], capture_output=True, text=True, timeout=10, env={},
    )  # fmt: skip
    assert FULL["env"].items() <= dict(entry.split("=", 1) for entry in done.stdout.split("\0") if entry).items()


def docker_reads(text):
    """docker run --env-file: '#' lines and empty ones are left out, the rest is cut at the first '='; no quoting."""
    lines = (line.lstrip(" \t") for line in text.split("\n"))
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@pytest.mark.parametrize("form", ["docker", "github"])
def test_a_line_by_line_reader_reads_as_meant(form):
    assert docker_reads(render(form, FULL)) == FULL["env"]
