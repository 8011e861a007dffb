"""A real disk under the audit that is full, or gone: refused at once, and well again by itself when there is room.

A disk that turns read-only under open files can't be made without breaking it; ``test_port_faults`` has the error it gives.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest

from rig.wire import ask, refused

SIZE = 24 * 1024 * 1024
"""Of the disk: 16 MiB are kept in reserve by the audit itself."""


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True, timeout=10)


@pytest.fixture(scope="module")
def disk(tmp_path_factory):
    """A small file system of its own."""
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    folder = tmp_path_factory.mktemp("disk")
    try:
        _mount("-t", "tmpfs", "-o", f"size={SIZE},mode=700", "tmpfs", str(folder))
    except (subprocess.CalledProcessError, OSError) as error:
        pytest.skip(f"no tmpfs can be mounted here: {error}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True, timeout=10)


@pytest.fixture(scope="module")
def config(config, disk):
    config.tables["audit"]["path"] = str(disk / "audit")
    return config


@pytest.fixture(scope="module")
def exeat(exeat):
    exeat.lossy = True
    return exeat


def _again(exeat, mission, limit=10.0):
    """Serves again by itself, without anything being done about it."""
    deadline = time.monotonic() + limit
    while ask(exeat, mission, "GET", "/v1/refunds").status != 200:
        assert time.monotonic() < deadline, "it doesn't recover"
        time.sleep(0.2)


def _fill(path: Path, leave: int = 0) -> None:
    """Take all the room there is, but for some bytes."""
    with path.open("wb", buffering=0) as file:
        piece = bytes(64 * 1024)
        try:
            while True:
                file.write(piece)
        except OSError:
            pass
        if leave:
            file.truncate(file.tell() - leave)


def _refused_soon(exeat, mission, origin):
    """At once, or within the second after which the disk is looked at; from then on nothing reaches the origin."""
    deadline = time.monotonic() + 5
    while (answer := ask(exeat, mission, "GET", "/v1/refunds")).status == 200:
        assert time.monotonic() < deadline, "still serving"
        time.sleep(0.1)
    refused(answer, "audit_unavailable", status=503)
    origin.wait_quiet()
    origin.clear()
    refused(ask(exeat, mission, "GET", "/v1/refunds"), "audit_unavailable", status=503)
    assert origin.connections == []


@pytest.mark.row("M09")
@pytest.mark.parametrize("leave", [0, 4 * 1024 * 1024])
def test_a_full_disk_refuses_and_recovers(exeat, mission, origin, disk, leave):
    """Also when a little is left: that is kept for the outcomes of what is under way."""
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    filler = disk / "filler"
    try:
        _fill(filler, leave)
        _refused_soon(exeat, mission, origin)
        assert exeat.admin("GET", "/readyz", token=None).status == 503
        assert exeat.admin("POST", "/v1/missions", {"template": "refunds", "agents": ["invoice-bot"]}).status in (
            200,
            201,
            503,
        )
    finally:
        filler.unlink()
    _again(exeat, mission)
    assert exeat.admin("GET", "/readyz", token=None).status == 200


@pytest.mark.row("M09")
def test_a_disk_that_goes_away_refuses_and_recovers(exeat, mission, origin, disk):
    """The folder is gone, as after an unmount: nothing is written somewhere else instead, and nothing is let through."""
    assert ask(exeat, mission, "GET", "/v1/refunds").status == 200
    aside = (disk / "audit").rename(disk / "audit.aside")
    (disk / "audit").write_text("in the way")
    try:
        _refused_soon(exeat, mission, origin)
    finally:
        (disk / "audit").unlink()
        aside.rename(disk / "audit")
    _again(exeat, mission)
