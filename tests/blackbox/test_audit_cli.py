"""The audit trail from the command line: it can be read, and any change to it shows."""

from __future__ import annotations

import json
import shutil

import pytest

from rig.wire import ask


@pytest.fixture(scope="module")
def written(exeat, origin):
    """A folder with a closed and a live chain in it."""
    mission = exeat.open()
    for n in range(4):
        ask(exeat, mission, "GET", f"/v1/refunds/{n}")
    ask(exeat, mission, "POST", "/v1/payouts", body=b"{}")
    exeat.stop()
    exeat.start()
    ask(exeat, mission, "GET", "/v1/refunds")
    return mission


def test_tail_shows_who_did_what(exeat, written):
    lines = exeat.cli("audit", "tail", "-n", "50", "--json").stdout.splitlines()
    records = [json.loads(line) for line in lines]  # noqa: TID251
    mine = [
        record for record in records if record.get("mission") == written["mission"] and record["kind"] == "decision"
    ]
    assert [record["action"] for record in mine] == ["example:refunds/get"] * 4 + [
        "example:payouts/create",
        "example:refunds/list",
    ]
    denied = exeat.cli("audit", "tail", "-n", "50", "--denied").stdout
    assert "payouts" in denied
    assert "refunds/list" not in denied


def test_verify_is_content_with_an_untouched_trail(exeat, written):
    done = exeat.cli("audit", "verify", "--json")
    assert done.returncode == 0, done.stdout + done.stderr


def _edit(path, line, change):
    lines = path.read_bytes().splitlines(keepends=True)
    lines[line] = change(lines[line])
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("damage", ["byte", "delete", "truncate", "file", "swap"])
@pytest.mark.row("M10")
def test_verify_finds_and_locates_damage(exeat, written, tmp_path, damage):
    """M10, on a copy."""
    copy = tmp_path / "copy"
    shutil.copytree(exeat.folder, copy, ignore=shutil.ignore_patterns("*.log"))
    chain = max((copy / "audit").rglob("*.jsonl"), key=lambda file: file.stat().st_size)
    if damage == "byte":
        _edit(
            chain,
            2,
            lambda line: (
                line.replace(b"/v1/refunds/", b"/v1/refundx/", 1)
                if b"/v1/refunds/" in line
                else line[:30] + bytes([line[30] ^ 1]) + line[31:]
            ),
        )
    elif damage == "delete":
        _edit(chain, 2, lambda _: b"")
    elif damage == "truncate":
        lines = chain.read_bytes().splitlines(keepends=True)
        chain.write_bytes(b"".join(lines[:-2]))
    elif damage == "file":
        chain.unlink()
    else:
        lines = chain.read_bytes().splitlines(keepends=True)
        lines[1], lines[2] = lines[2], lines[1]
        chain.write_bytes(b"".join(lines))
    done = exeat.cli("audit", "verify", "-c", str(copy / "exeat.toml"))
    assert done.returncode == 1, done.stdout + done.stderr
    assert chain.name.split("-")[0] in done.stdout + done.stderr


def test_a_killed_process_leaves_a_trail_that_verifies(exeat, written):
    mission = exeat.open()
    ask(exeat, mission, "GET", "/v1/refunds")
    exeat.kill()
    done = exeat.cli("audit", "verify")
    exeat.start()
    assert done.returncode == 0, done.stdout + done.stderr
