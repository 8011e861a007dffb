"""An agent's process with vendors' SDKs in it: all they do works, and nothing in its memory or environment is worth anything."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from itertools import count
from pathlib import Path

import orjson
import pytest
from client_origin import ServiceOrigin
from client_sites import describe
from client_world import HERE, PYTHON

from rig.canaries import forms
from rig.config import SHARED_KEY, Config, operation
from rig.origin import Origin
from rig.proxy import Exeat, clean_environment

AWS_ID, AWS_SECRET = "AKIAREALCANARY0F7D2C", "real/canary+secret+of+forty+characters/9c4"
SCRIPT = HERE / "scripts" / "hold_sdks.py"
LARGEST = 64 * 1024 * 1024
"""Bytes of one mapping that are looked at; an interpreter's own are smaller."""


class Vendors(ServiceOrigin):
    """Hands out tokens at ``/oauth/token``, other ones each time."""

    def __init__(self, *arguments):
        super().__init__(*arguments)
        self.numbers = count(1)
        self.handed = []

    async def answer(self, seen, reply):
        if seen.path != "/oauth/token":
            await super().answer(seen, reply)
            return
        number = next(self.numbers)
        names = ("access_token", "refresh_token")
        answer = {name: f"handed-{name}-{number}-9c41d07be2" for name in names}
        self.handed += answer.values()
        body = orjson.dumps(answer | {"token_type": "Bearer", "expires_in": 3600})
        await reply.start(200, [("content-type", "application/json")], len(body))
        await reply.write(body)
        await reply.finish()


def memory_of(pid):
    """Everything that a process of this user may write to, and the names and arguments it was started with."""
    found, proc = {}, Path(f"/proc/{pid}")
    with (proc / "maps").open() as maps, (proc / "mem").open("rb", 0) as memory:
        for line in maps:
            start, end = (int(part, 16) for part in line.split()[0].split("-"))
            if line.split()[1][:2] == "rw" and end - start <= LARGEST:
                memory.seek(start)
                found[line.strip()] = memory.read(end - start)
    for name in ("environ", "cmdline"):
        found[name] = (proc / name).read_bytes()
    return found


@pytest.fixture(scope="module")
def authority_and_origin(authority):
    with Vendors(authority, "*.example.test") as running:
        yield authority, running


@pytest.mark.guard("nothing-real")
def test_a_memory_dump_and_the_environment_hold_no_real_credential(authority_and_origin, tmp_path):
    """Shared keys, minted tokens and tokens that the origin handed out: none of them, in no coding; placeholders are there."""
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "missing: .venv-clients (run scripts/setup-clients)"
        pytest.skip("not installed: .venv-clients")
    authority, origin = authority_and_origin
    with Origin(authority, "*.example.test") as decoy:
        config = Config(origin, authority.file, decoy)
        describe(config, origin, decoy, {})
        config.service("example")["operation"].append(
            operation("POST /oauth/token", "oauth/token", "write", hands_out="oauth")
        )
        config.service("our-repos")["issuer"] = {"kind": "stored_key"}
        config.service("our-repos")["placeholder"] = "ghp_{36}"
        config.service("our-s3").update(credential={"in": "aws_sigv4"}, shared={"source": "env:S3_KEY"})
        config.environ["S3_KEY"] = f"{AWS_ID}:{AWS_SECRET}"
        with Exeat(tmp_path, config) as exeat:
            mission = exeat.open()
            assert re.fullmatch(r"ghp_exeat[A-Za-z0-9]{31}", mission["env"]["REPOS_KEY"])
            dump, said = _held(mission)
    assert "[200, 200, 200, 200, 200]" in said, said
    placeholders = [mission["placeholders"]["example"], mission["placeholders"]["our-repos"]]
    placeholders += mission["placeholders"]["our-s3"].split(":")
    for known in placeholders:
        assert any(known.encode() in text for text in dump.values()), "this is a dump of that process"
    shown = [value for seen in origin.requests for value in seen.header("authorization")]
    assert not [value for value in shown if any(known in value for known in placeholders)]
    (signature,) = (value.rpartition("Signature=")[2] for value in shown if AWS_ID in value)
    real = {value.partition(" ")[2] for value in shown} | {
        AWS_ID,
        AWS_SECRET,
        signature,
        SHARED_KEY,
        config.environ["REPOS_KEY"],
        *origin.handed,
    }
    assert len(origin.handed) == 4
    assert len(real) >= 10, real
    signatures = {token.rpartition(".")[2] for token in real if token.count(".") == 2}
    assert signatures, "tokens of ours were minted"
    for secret in (real | signatures) - {""}:
        for form in forms(secret.encode()):
            assert [where for where, text in dump.items() if form in text] == [], secret


def _held(mission):
    """What the agent's process holds while it lives, and what it said."""
    environ = {name: value for name, value in clean_environment().items() if name in ("PATH", "LANG", "HOME")}
    process = subprocess.Popen(
        [str(PYTHON), str(SCRIPT), "permit"], env=environ | mission["env"] | {"PYTHONUTF8": "1"}, stdin=subprocess.PIPE,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True, text=True,
    )  # fmt: skip
    try:
        said = ""
        while line := process.stdout.readline():
            said += line
            if line.startswith("HOLDS"):
                return memory_of(process.pid), said
        raise AssertionError(said)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=5)
