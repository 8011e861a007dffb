"""``exeat scan`` finds what is real where an agent can read it, shows nothing of it, and knows what is ours."""

from __future__ import annotations

import base64
import random
import string
import subprocess
import sys

import orjson
import pytest

from rig.config import SHARED_KEY

_CHANCE = random.Random(7)


def text(size, alphabet=string.ascii_letters + string.digits):
    """Made here, so that nothing in this repository looks like a secret."""
    return "".join(_CHANCE.choices(alphabet, k=size))


HEX, UPPER = "0123456789abcdef", string.ascii_uppercase + "234567"
REAL = {
    "GitHub token": "ghp_" + text(36),
    "GitHub fine-grained token": "github_pat_" + text(22) + "_" + text(59),
    "GitLab token": "glpat-" + text(20),
    "Slack token": f"xoxb-{text(12, string.digits)}-{text(13, string.digits)}-{text(24)}",
    "Stripe key": "sk_" + "live_" + text(24),
    "AWS access key id": "AKIA" + text(16, UPPER),
    "Anthropic key": "sk-ant-api03-" + text(95),
    "OpenAI key": "sk-proj-" + text(48),
    "Google API key": "AIza" + text(35),
    "Google access token": "ya29." + text(60),
    "npm token": "npm_" + text(36),
    "SendGrid key": "SG." + text(22) + "." + text(43),
    "Twilio API key": "SK" + text(32, HEX),
    "Vault token": "hvs." + text(40),
    "private key": "-----BEGIN EC PRIVATE" + " KEY-----",
    "JSON Web Token": f"{base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"JWT"}').decode()}.eyJzdWIiOiJhIn0{text(6)}.{text(43)}",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory, exeat):
    """What an agent's working folder may look like."""
    made = tmp_path_factory.mktemp("agent")
    (made / "sub").mkdir()
    lines = ["# keys of the old days", *(f"thing{at} {value}" for at, value in enumerate(REAL.values()))]
    (made / "sub" / "notes.txt").write_text("\n".join(lines) + "\n")
    (made / ".env").write_text(
        f"\nDATADOG_API_KEY={text(32, HEX)}\nDEBUG=true\nPUBLIC_KEY_PATH=/etc/ssl/certs/some-long-name.pem\n"
    )
    (made / "remote").write_text(f"url = https://deploy:{text(24)}@git.example.test/acme.git\n")
    (made / "link").symlink_to("/etc/shadow")
    return made


def scan(exeat, *arguments, code, **environ):
    done = exeat.cli("scan", *map(str, arguments), "--json", **environ)
    assert done.returncode == code, (done.stdout[-3000:], done.stderr[-2000:])
    return orjson.loads(done.stdout)


@pytest.mark.guard("scan-finds")
def test_every_form_is_found_with_its_line_and_nothing_of_it_is_shown(exeat, folder):
    said = scan(exeat, folder, code=1)
    at = {(find["kind"], find["where"].rpartition("/")[2], find["line"]) for find in said["findings"]}
    expected = {(kind, "notes.txt", number) for number, kind in enumerate(REAL, 2)}
    assert at == expected | {("assigned secret", ".env", 2), ("password in a URL", "remote", 1)}
    shown = orjson.dumps(said).decode() + exeat.cli("scan", str(folder)).stdout
    assert not [kind for kind, value in REAL.items() if kind != "private key" and value[-12:] in shown]
    assert all(find["advice"] for find in said["findings"])


@pytest.mark.guard("scan-ours")
def test_what_a_mission_hands_out_is_ours(exeat, mission, tmp_path):
    """The environment of an agent that was moved to placeholders is clean, whatever form they have; so is its file."""
    said = scan(
        exeat,
        "--env",
        code=0,
        **mission["env"],
        GITHUB_TOKEN="ghp_exeat" + text(31),
        AWS_ACCESS_KEY_ID="AKIAEXEAT" + text(11, UPPER),
    )
    assert (said["findings"], said["ours"] >= 4) == ([], True), said
    (tmp_path / "env").write_text("\n".join(f"export {key}={value}" for key, value in mission["env"].items()))
    assert scan(exeat, tmp_path / "env", code=0)["findings"] == []


def test_the_memory_and_environment_of_a_process(exeat):
    """A secret that lies in no file: in a variable of a program, and in its environment."""
    program = "import sys; held = [sys.stdin.readline()]; print('ready', flush=True); sys.stdin.read()"
    process = subprocess.Popen(
        [sys.executable, "-c", program], stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={"HF": "hf_" + text(34)}
    )
    try:
        process.stdin.write(f"{REAL['Slack token']}\n".encode())
        process.stdin.flush()
        assert process.stdout.readline() == b"ready\n"
        said = scan(exeat, "--pid", process.pid, code=1)
    finally:
        process.kill()
        process.communicate(timeout=5)
    assert any(find["where"].endswith("HF") and find["kind"] == "Hugging Face token" for find in said["findings"])
    assert any("memory" in find["where"] and find["kind"] == "Slack token" for find in said["findings"])
    assert exeat.cli("scan", "--pid", "999999999").returncode == 2


def test_a_registered_credential_is_found_in_any_coding_where_its_source_can_be_read(exeat, tmp_path):
    """It has no form that anybody knows; found raw and in base64, by who may read its source, and by nobody else."""
    coded = base64.b64encode(f"agent:{SHARED_KEY}".encode()).decode()
    (tmp_path / "old").write_text(f"plain {SHARED_KEY}\n\nAuthorization: Basic {coded}\n")
    said = scan(exeat, tmp_path, "--registered", code=1, **exeat.config.environ)
    assert {(find["kind"], find["line"]) for find in said["findings"]} == {
        ("registered credential of example", 1), ("registered credential of example", 3)
    }  # fmt: skip
    assert SHARED_KEY not in orjson.dumps(said).decode()
    assert exeat.cli("scan", str(tmp_path), "--registered").returncode == 2, "its source isn't to be had here"
    assert exeat.cli("scan", "/nowhere/at/all").returncode == 2
