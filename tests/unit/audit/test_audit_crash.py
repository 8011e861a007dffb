"""A killed writer loses no record that append had returned for, and leaves a chain that verifies."""

from __future__ import annotations

import select
import signal
import subprocess
import sys
import time

import pytest

from exeat.audit.query import records

# Reports each number after append has returned for it, through a pipe that outlives the process.
WRITER = """
import os, sys
from pathlib import Path
from exeat.audit.log import AuditLog
from exeat.clock import SystemClock

root = Path(sys.argv[1])
log = AuditLog(root / "audit", b"k" * 32, SystemClock(), heads_folder=root / "state" / "audit-heads", max_bytes=100_000)
log.ensure_writable()
number = 0
while True:
    number += 1
    log.append({"kind": "decision", "decision_id": f"d{number}", "decision": "deny", "path": "/" + "x" * (number % 2000)})
    os.write(1, b"%d\\n" % number)
"""


@pytest.fixture
def writer(trail):
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(trail.root)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], 20)[0], "the writer never started"
    yield process
    process.kill()
    process.wait(5)
    process.stdout.close()


@pytest.mark.parametrize("life", [0.0, 0.03, 0.1, 0.2])
def test_a_killed_writer_loses_no_record_and_leaves_a_chain_that_verifies(trail, writer, life):
    deadline = time.monotonic() + life
    seen = b""
    while True:
        seen = (seen + writer.stdout.read1(1 << 16))[-64:]
        if time.monotonic() >= deadline:
            break
    writer.send_signal(signal.SIGKILL)
    seen = (seen + writer.stdout.read())[-64:]
    writer.wait(5)
    returned = int(seen[: seen.rindex(b"\n")].split(b"\n")[-1])
    written = [record["decision_id"] for record in records(trail.folder)]
    # One more than returned: its append had done its work when the kill came.
    assert written[:returned] == [f"d{number + 1}" for number in range(returned)]
    assert len(written) - returned in (0, 1)
    verdict = trail.verify()
    assert verdict.ok, list(map(str, verdict.findings))
    assert len(verdict.findings) <= 1
    (chain,) = verdict.chains
    assert not chain.closed
    assert not chain.live
    assert chain.sealed >= returned


def test_a_busy_living_writer_can_be_verified_at_any_moment(trail, writer):
    for _ in range(8):
        writer.stdout.read1(1 << 16)
        verdict = trail.verify()
        assert verdict.findings == (), list(map(str, verdict.findings))
        assert verdict.chains[0].live
