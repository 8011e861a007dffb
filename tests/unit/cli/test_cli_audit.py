"""`exeat audit` reads the files themselves, shows them harmlessly and finds tampering with file and line."""

from __future__ import annotations

import secrets

import orjson
import pytest

from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.files import private_folder, write_private


@pytest.fixture
def log(folder):
    state = private_folder(folder / "state")
    key = secrets.token_bytes(32)
    write_private(state / "audit-seal.key", key)
    log = AuditLog(folder / "audit", key, SystemClock(), heads_folder=state / "audit-heads")
    log.ensure_writable()
    for number in range(6):
        denied = number % 2
        log.append(
            {
                "kind": "decision", "decision_id": f"d_{number}", "decision": "deny" if denied else "permit", "mission": f"m_{number % 3}",
                "agent": f"spiffe://x/env/prod/agent/{'bot' if denied else 'other'}", "host": "a.test", "path": "/\x1b[2J\u202e",
                "method": "GET", "code": "policy_denied" if denied else "",
            }
        )  # fmt: skip
        log.append(
            {
                "kind": "outcome",
                "decision_id": f"d_{number}",
                "outcome": "not_sent",
                "bytes": {"sent": 0, "received": 0},
                "ms": 1,
            }
        )
    log.close()
    return folder / "audit"


def ids(out):
    return [orjson.loads(line)["decision_id"] for line in out.splitlines()]


def test_the_newest_come_last_and_filters_count_before_the_limit(log, exeat):
    assert ids(exeat("audit", "tail", "-n", "2", "--json")[1]) == ["d_5", "d_5"]
    assert ids(exeat("audit", "tail", "-n", "2", "--denied", "--json")[1]) == ["d_3", "d_5"]
    assert ids(exeat("audit", "tail", "--agent", "bot", "--mission", "m_1", "--json")[1]) == ["d_1"]
    assert exeat("audit", "tail", "-n", "0", "--json")[1] == ""


def test_people_see_one_harmless_line_a_record(log, exeat):
    code, out, _ = exeat("audit", "tail")
    assert code == 0
    lines = out.splitlines()
    assert len(lines) == 12
    assert all(line.isprintable() for line in lines)
    assert any("DENY" in line and "policy_denied" in line for line in lines)


def test_an_intact_log_is_0(log, exeat):
    code, out, _ = exeat("audit", "verify")
    assert code == 0
    assert out == "intact: 12 records in 1 chains\n"
    assert orjson.loads(exeat("audit", "verify", "--json")[1])["ok"] is True


def test_one_changed_byte_is_1_with_file_and_line(log, exeat):
    file = next(log.glob("*.jsonl"))
    file.write_bytes(file.read_bytes().replace(b'"d_1"', b'"d_9"', 1))
    code, out, _ = exeat("audit", "verify")
    assert code == 1
    assert f"{file}:3" in out
    code, out, _ = exeat("audit", "verify", "--json")
    verdict = orjson.loads(out)
    assert (code, verdict["ok"]) == (1, False)
    assert verdict["chains"][0]["findings"][0]["line"] == 3


def test_without_the_seal_key_nothing_is_called_intact(log, folder, exeat):
    (folder / "state/audit-seal.key").unlink()
    code, out, err = exeat("audit", "verify")
    assert (code, out) == (6, "")
    assert "audit-seal.key" in err


def test_no_log_yet_is_no_error_for_tail(folder, exeat):
    assert exeat("audit", "tail") == (0, "", "")
