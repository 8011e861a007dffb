"""Every Python and command-line client through every cell, unchanged, with the mission's environment and nothing else.

For each refusal: nothing reached any origin or the decoy, the record holds the decision, and what the caller can read holds
its reason and its id.
"""

from __future__ import annotations

import base64
import os
import shutil
from collections.abc import Iterator
from typing import Any

import jwt
import pytest
from client_origin import SIZE
from client_world import PYTHON as INTERPRETER
from client_world import Ran, World, script

from matrix import CELLS, CLIENTS, REFUSALS, Client
from rig.certs import Authority
from rig.config import SHARED_KEY
from rig.proxy import check_what_was_written

ROWS = [(client, cell) for client in CLIENTS for cell in client.cells]
CODES = {
    "refused": {"policy_denied", "operation_unknown"}, "no_identity": {"identity_missing"},
    "origin_tls_error": {"upstream_untrusted"}, "redirect_refused": {"destination_not_allowed"},
}  # fmt: skip
CALLS = {"websockets": 1, "git": 3, "pip": 2, "uv": 2}
"""Requests of the cell ``keep_alive``, where they aren't the four of ``scripts/cells.py``."""
PROGRAMS = {"curl": "curl", "curl_h2": "curl", "wget": "wget", "git": "git", "git_lfs": "git-lfs"}
LFS_TOKEN = "lfs-object-token-3c1f88e0d4"
"""What the git server's LFS batch hands out (``servers/serve_git.py``)."""
NO_CREDENTIAL = ("boto3", "pip", "uv")
"""Clients whose service takes no credential from us."""


def test_the_matrix_has_all_its_cells() -> None:
    assert (len(CLIENTS), len(CELLS), len(ROWS)) == (24, 8, 173)
    assert len({client.name for client in CLIENTS}) == len(CLIENTS)
    asked = [(client, cell) for client, cell in ROWS if cell in REFUSALS]
    mute = [(client, cell) for client, cell in asked if cell in client.mute]
    assert (len(asked), len(mute)) == (89, 10)
    readable = {client.name for client in CLIENTS if "refused" not in client.mute}
    assert len(readable) == 23, "a refusal inside TLS is readable with every client but these"


@pytest.fixture(scope="module")
def programs() -> None:
    """Skipped only where what the matrix runs isn't installed; never in CI."""
    missing = [name for name in dict.fromkeys(PROGRAMS.values()) if shutil.which(name) is None]
    if not INTERPRETER.exists():
        missing.append(".venv-clients (run scripts/setup-clients)")
    if missing:
        assert not os.environ.get("CI"), f"missing: {missing}"
        pytest.skip(f"not installed: {', '.join(missing)}")


@pytest.fixture(scope="module")
def world(programs: None, authority: Authority, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """One installation, its origins and real servers; what it wrote must be sound afterwards."""
    folder = tmp_path_factory.mktemp("clients")
    with World(folder, authority, Authority(folder, "rogue-ca")) as made:
        yield made
    check_what_was_written(made.exeat)


@pytest.mark.parametrize(("client", "cell"), ROWS, ids=[f"{client.name}-{cell}" for client, cell in ROWS])
def test_cell(world: World, client: Client, cell: str) -> None:
    world.begin()
    ran = world.run(script(client, cell), world.environment(cell))
    if cell in REFUSALS:
        check_refusal(world, client, cell, ran)
        return
    assert ran.answered, (ran.code, ran.text[-3000:])
    if client.name == "git_lfs" and cell == "permit":  # which shows all that it sends and gets
        assert "exeat_" in ran.text
    assert LFS_TOKEN not in ran.text
    check_requests(world, client)
    if cell == "streaming":
        check_pace(ran.text)
    elif cell == "large_upload":
        longest = max(seen["length"] for seen in world.seen())
        assert longest >= SIZE or str(SIZE) in ran.text, (longest, ran.text[-500:])
    elif cell == "keep_alive":
        seen = world.seen()
        connections = len({each["connection"] for each in seen})
        assert len(seen) >= CALLS.get(client.name, 4), seen
        assert connections == 1 or connections * 2 <= len(seen), (connections, len(seen))


def check_requests(world: World, client: Client) -> None:
    """What every allowed request looks like at its origin: one scoped token, one tag, no shared key, one decision."""
    seen = world.seen()
    assert seen, "nothing arrived"
    agent, mission = world.mission["agent"], world.mission["mission"]
    for request in seen:
        headers = [(name.lower(), value) for name, value in request["headers"]]
        assert [value for name, value in headers if name == "exeat-agent"] == [agent]
        assert [value for name, value in headers if name == "exeat-mission"] == [mission]
        assert not [value for name, value in headers if name == "proxy-authorization"]
        if request["path"].startswith("/lfs/"):
            assert [value for name, value in headers if name == "authorization"] == [f"Bearer {LFS_TOKEN}"]
        elif client.name not in NO_CREDENTIAL:
            assert claims([value for name, value in headers if name == "authorization"])["sub"] == agent
        assert not [value for _, value in headers if SHARED_KEY in value or "_canary_" in value]
    permitted = [record for record in world.decisions(len(seen)) if record["decision"] == "permit"]
    assert len(permitted) == len(seen), (permitted, seen)
    assert {record["mission"] for record in permitted} == {mission}


def claims(values: list[str]) -> dict[str, Any]:
    """The claims of the only token in the only ``Authorization`` field; its signature is the rig's and other tests' business."""
    assert len(values) == 1, values
    scheme, _, token = values[0].partition(" ")
    if scheme.lower() == "basic":
        token = base64.b64decode(token).decode().partition(":")[2]
    return dict(jwt.decode(token, options={"verify_signature": False}))


def check_pace(text: str) -> None:
    """The pieces came one by one: several, over most of the time the origin took."""
    said = dict(part.split("=") for part in text.split() if "=" in part)
    assert int(said["pieces"]) >= 5, text
    assert float(said["seconds"]) > 0.12, text


def check_refusal(world: World, client: Client, cell: str, ran: Ran) -> None:
    assert not ran.answered, ran.text[-2000:]
    assert not world.decoy.connections, "the decoy was reached"
    decisions = world.decisions(2 if cell == "redirect_refused" else 1)
    ends = {record["decision_id"]: record["code"] for record in world.outcomes(len(decisions))}
    codes = {record["decision_id"]: record["code"] or ends.get(record["decision_id"], "") for record in decisions}
    ours = {decision: code for decision, code in codes.items() if code in CODES[cell]}
    assert ours, codes
    sent = [decision for decision, code in codes.items() if not code]
    assert len(world.seen()) == len(sent), "exactly what was permitted arrived"
    if cell in client.mute:
        return
    told = [decision for decision, code in ours.items() if decision in ran.text and code in ran.text]
    assert told, (ours, ran.text[-3000:])
