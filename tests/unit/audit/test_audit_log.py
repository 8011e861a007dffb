"""The log: one whole, sealed line an append, and a refusal that leaves no trace when that fails."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from exeat.audit.findings import Kind
from exeat.audit.log import AuditLog
from exeat.errors import RefusalError, StartError
from exeat.model.reason import Reason


class Fault:
    """Makes one system call fail for the audit's own files, until mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, name: str, kind: str = "error") -> None:
        self.broken = False
        self.left = -1
        real = getattr(os, name)

        def call(descriptor, *arguments):
            ours = name in {"fsync", "ftruncate"} or bytes(arguments[0][:5]) in (b'{"seq', b"exeat")
            if not (self.broken and ours and self.left):
                return real(descriptor, *arguments)
            self.left -= 1
            if kind == "short":
                return real(descriptor, arguments[0][:10], *arguments[1:])
            if kind == "interrupt":
                real(descriptor, *arguments)
                raise KeyboardInterrupt
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(os, name, call)


def decisions(count, start=0):
    return [{"kind": "decision", "decision_id": f"d{n}", "decision": "deny"} for n in range(start, start + count)]


def lines(trail):
    return [orjson.loads(line) for path in trail.files() for line in path.read_bytes().splitlines()]


def test_each_record_is_in_the_file_when_append_returns(trail):
    log = trail.open()
    for count, record in enumerate(decisions(3), 1):
        log.append(record)
        written = lines(trail)
        assert [line["seq"] for line in written] == list(range(1, count + 1))
        assert written[-1]["decision_id"] == record["decision_id"]


def test_names_times_and_modes_are_as_documented(trail):
    log = trail.open(worker="w7")
    trail.clock.now += 1.5
    log.append({"kind": "decision"})
    (path,) = trail.files()
    stamp = datetime.fromtimestamp(1_800_000_000, UTC).strftime("%Y%m%dT%H%M%S")
    assert path.name.startswith(f"{stamp}-w7-")
    assert path.stem == log.chain
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(trail.head().stat().st_mode) == 0o600
    assert stat.S_IMODE(trail.folder.stat().st_mode) == 0o700
    (record,) = lines(trail)
    assert record["time"] == "2027-01-15T08:00:01.750000Z"
    assert record["chain"] == {"worker": "w7", "boot": path.stem[-16:]}


@pytest.mark.parametrize("call", ["write", "pwrite"])
@pytest.mark.parametrize("kind", ["error", "short", "interrupt"])
def test_a_failed_write_refuses_leaves_no_trace_and_mends_itself(trail, monkeypatch, call, kind):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "before"})
    fault = Fault(monkeypatch, call, kind)
    fault.broken = True
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt if kind == "interrupt" else RefusalError) as refused:
            log.append({"kind": "decision", "decision_id": "lost"})
        if kind != "interrupt":
            assert refused.value.reason is Reason.AUDIT_UNAVAILABLE
        assert not log.healthy
    fault.broken = False
    log.append({"kind": "decision", "decision_id": "after"})
    assert log.healthy
    assert [(line["seq"], line["decision_id"]) for line in lines(trail)] == [(1, "before"), (2, "after")]
    assert len(trail.files()) == 1
    log.close()
    verdict = trail.verify()
    assert verdict.ok
    assert verdict.findings == ()


def test_a_torn_line_that_cannot_be_cut_off_keeps_refusing_until_it_can(trail, monkeypatch):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "before"})
    write, truncate = Fault(monkeypatch, "write", "short"), Fault(monkeypatch, "ftruncate")
    write.broken = truncate.broken = True
    with pytest.raises(RefusalError):
        log.append({"kind": "decision", "decision_id": "torn"})
    write.broken = False
    with pytest.raises(RefusalError):
        log.append({"kind": "decision", "decision_id": "refused"})
    truncate.broken = False
    log.append({"kind": "decision", "decision_id": "after"})
    assert [line["decision_id"] for line in lines(trail)] == ["before", "after"]
    assert trail.verify().findings == ()


def test_a_failure_is_logged_once_and_its_end_too(trail, monkeypatch, caplog):
    log = trail.open()
    fault = Fault(monkeypatch, "write")
    fault.broken = True
    for record in decisions(5):
        with pytest.raises(RefusalError):
            log.append(record)
    fault.broken = False
    log.append({"kind": "decision"})
    log.append({"kind": "decision"})
    assert [record.levelname for record in caplog.records] == ["ERROR", "WARNING"]


def test_a_refused_value_costs_the_chain_nothing(trail):
    log = trail.open()
    with pytest.raises(RefusalError):
        log.append({"kind": "decision", "field": object()})
    assert log.healthy
    log.append({"kind": "decision"})
    assert [line["seq"] for line in lines(trail)] == [1]


def test_a_nearly_full_disk_takes_no_decision_but_still_takes_outcomes(trail, monkeypatch):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "d1", "decision": "permit"})
    free = os.fstatvfs(0)
    monkeypatch.setattr(os, "fstatvfs", lambda _: type("Status", (), {"f_bavail": 1, "f_frsize": 4096})())
    trail.clock.now += 1
    with pytest.raises(RefusalError, match="almost full"):
        log.append({"kind": "decision", "decision_id": "d2"})
    assert not log.healthy
    log.append({"kind": "outcome", "decision_id": "d1", "outcome": "sent"})
    monkeypatch.setattr(os, "fstatvfs", lambda _: free)
    trail.clock.now += 1
    log.append({"kind": "decision", "decision_id": "d3"})
    assert log.healthy
    assert [line["decision_id"] for line in lines(trail)] == ["d1", "d1", "d3"]


def test_a_start_on_a_nearly_full_disk_is_refused_with_the_fix(trail, monkeypatch):
    monkeypatch.setattr(os, "fstatvfs", lambda _: type("Status", (), {"f_bavail": 1, "f_frsize": 4096})())
    with pytest.raises(StartError) as refused:
        trail.open()
    assert refused.value.hint


FULL_DISK = """
import resource, sys
from pathlib import Path
from exeat.audit.log import AuditLog
from exeat.clock import SystemClock
from exeat.errors import RefusalError

root = Path(sys.argv[1])
log = AuditLog(root / "audit", b"k" * 32, SystemClock(), heads_folder=root / "state" / "audit-heads")
log.ensure_writable()
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
written = refused = 0
for _ in range(100):
    try:
        log.append({"kind": "decision", "path": "/x" * 20})
        written += 1
    except RefusalError as error:
        assert error.reason == "audit_unavailable"
        refused += 1
resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
log.append({"kind": "decision", "path": "/after"})
log.close()
print(written, refused)
"""


def test_a_really_full_file_refuses_and_recovers_when_there_is_room_again(trail):
    process = subprocess.run(
        [sys.executable, "-c", FULL_DISK, str(trail.root)], capture_output=True, text=True, timeout=30, check=True
    )
    written, refused = map(int, process.stdout.split())
    assert written + refused == 100
    assert refused > 0
    records = lines(trail)
    assert [record["seq"] for record in records] == list(range(1, written + 2))
    assert records[-1]["path"] == "/after"
    assert trail.verify().findings == ()


@pytest.mark.parametrize("trick", ["truncated", "appended", "deleted", "replaced", "head deleted"])
def test_a_part_somebody_else_touched_is_left_as_evidence_and_the_chain_goes_on(trail, trick, caplog):
    log = trail.open()
    for record in decisions(3):
        log.append(record)
    (path,) = trail.files()
    content = path.read_bytes()
    match trick:
        case "truncated":
            os.truncate(path, len(content) - 10)
        case "appended":
            path.write_bytes(content + b"forged\n")
        case "deleted":
            path.unlink()
        case "replaced":
            path.unlink()
            path.write_bytes(content)
        case "head deleted":
            trail.head().unlink()
    left = path.read_bytes() if path.exists() else b""
    trail.clock.now += 1
    log.append({"kind": "decision", "decision_id": "after"})
    assert "somebody else touched" in caplog.text
    assert (path.read_bytes() if path.exists() else b"") == left
    assert lines_of(trail.files()[-1]) == ["after"]
    log.close()
    assert trail.verify().ok is (trick in ("replaced", "head deleted"))


def lines_of(path: Path):
    return [orjson.loads(line).get("decision_id") for line in path.read_bytes().splitlines()]


def test_a_full_part_is_followed_by_another_of_the_same_chain(trail):
    log = trail.open(max_bytes=1000)
    for number in range(10):
        trail.pair(log, number)
    assert len(trail.files()) > 3
    assert all(path.name.startswith(log.chain) for path in trail.files())
    log.checkpoint()
    log.close()
    (chain,) = trail.verify().chains
    assert chain.findings == ()
    assert chain.records == 21
    assert [path.name for path in chain.files][:2] == [f"{log.chain}.jsonl", f"{log.chain}_0002.jsonl"]


def test_a_part_that_cannot_be_opened_refuses_and_mends_itself(trail, monkeypatch):
    log = trail.open(max_bytes=1)
    log.append({"kind": "decision", "decision_id": "d1"})
    real = os.open

    def broken(path, *arguments, **options):
        if str(path).endswith(".jsonl"):
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        return real(path, *arguments, **options)

    monkeypatch.setattr(os, "open", broken)
    for _ in range(2):
        with pytest.raises(RefusalError):
            log.append({"kind": "decision", "decision_id": "lost"})
    monkeypatch.setattr(os, "open", real)
    log.append({"kind": "decision", "decision_id": "d2"})
    assert [line["decision_id"] for line in lines(trail)] == ["d1", "d2"]
    log.close()
    assert trail.verify().findings == ()


def test_a_checkpoint_is_signed_and_reaches_the_disk_before_it_returns(trail, monkeypatch):
    key = Ed25519PrivateKey.generate()
    log = trail.open(signer=key.sign, max_bytes=400)
    trail.pair(log, 1)
    trail.pair(log, 2)
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: (synced.append(str(Path(f"/proc/self/fd/{descriptor}").readlink())), real(descriptor)),
    )
    link = log.checkpoint()
    assert {str(path) for path in trail.files()} <= set(synced)
    assert str(trail.head()) in synced
    assert link.seq == 5

    def accepts(public, signature, message):
        try:
            public.verify(signature, message)
        except InvalidSignature:
            return False
        return True

    log.close()
    assert trail.verify(check_signature=lambda *pair: accepts(key.public_key(), *pair)).ok
    stranger = Ed25519PrivateKey.generate().public_key()
    verdict = trail.verify(check_signature=lambda *pair: accepts(stranger, *pair))
    assert [finding.kind for finding in verdict.findings] == [Kind.SIGNATURE]


def test_an_append_waits_for_no_disk(trail, monkeypatch):
    log = trail.open(max_bytes=1000)
    monkeypatch.setattr(os, "fsync", lambda _: pytest.fail("fsync in append"))
    for record in decisions(50):
        log.append(record)
    assert len(trail.files()) > 5
    monkeypatch.undo()


def test_a_checkpoint_makes_new_files_last_too(trail, monkeypatch):
    log = trail.open(max_bytes=1000)
    log.checkpoint()
    synced = []
    real = os.fsync
    monkeypatch.setattr(
        os,
        "fsync",
        lambda descriptor: (synced.append(Path(f"/proc/self/fd/{descriptor}").readlink()), real(descriptor)),
    )
    log.checkpoint()
    assert trail.folder not in synced
    for record in decisions(10):
        log.append(record)
    log.checkpoint()
    assert {trail.folder, trail.heads, *trail.files()} <= set(synced)


def test_a_part_that_fills_up_during_a_checkpoint_is_not_lost_to_it(trail, monkeypatch):
    log = trail.open(max_bytes=1000)
    real = os.fsync
    appended = []

    def busy(descriptor):
        if not appended:
            appended.extend(decisions(20))
            for record in appended:
                log.append(record)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", busy)
    log.checkpoint()
    log.checkpoint()
    log.close()
    (chain,) = trail.verify().chains
    assert chain.findings == ()
    assert chain.records == 22
    assert not [
        path for path in Path("/proc/self/fd").iterdir() if path.exists() and path.resolve().parent == trail.folder
    ]


def test_appends_go_on_while_a_checkpoint_waits_for_the_disk(trail, monkeypatch):
    log = trail.open()
    log.append({"kind": "decision"})
    waiting, go_on = threading.Event(), threading.Event()
    real = os.fsync

    def slow(descriptor):
        waiting.set()
        assert go_on.wait(5)
        real(descriptor)

    monkeypatch.setattr(os, "fsync", slow)
    thread = threading.Thread(target=log.checkpoint)
    thread.start()
    assert waiting.wait(5)
    log.append({"kind": "decision"})
    go_on.set()
    thread.join(5)
    assert not thread.is_alive()
    assert [line["kind"] for line in lines(trail)] == ["decision", "checkpoint", "decision"]


def test_a_failing_disk_fails_the_checkpoint_and_the_chain_goes_on_in_a_new_file(trail, monkeypatch):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "d1"})
    fault = Fault(monkeypatch, "fsync")
    fault.broken, fault.left = True, 1
    with pytest.raises(RefusalError):
        log.checkpoint()
    assert not log.healthy
    log.append({"kind": "decision", "decision_id": "d2"})
    assert len(trail.files()) == 2
    log.close()
    assert trail.verify().findings == ()


def test_a_signer_that_fails_fails_the_checkpoint_only(trail):
    def broken(_):
        raise RuntimeError("no key")

    log = trail.open(signer=broken)
    with pytest.raises(RefusalError):
        log.checkpoint()
    log.append({"kind": "decision"})
    assert log.healthy


def test_a_closed_log_refuses_and_closing_twice_is_harmless(trail):
    log = trail.open()
    log.append({"kind": "decision"})
    log.close()
    log.close()
    assert not log.healthy
    with pytest.raises(RefusalError):
        log.append({"kind": "decision"})
    with pytest.raises(RefusalError):
        log.checkpoint()
    with pytest.raises(StartError):
        log.ensure_writable()
    assert trail.verify().chains[0].closed


def test_a_log_never_used_touches_nothing_and_closes(trail):
    AuditLog(trail.folder, trail.key, trail.clock, heads_folder=trail.heads).close()
    assert not trail.folder.exists()


def test_many_threads_make_one_chain(trail):
    log = trail.open()
    threads = [
        threading.Thread(target=lambda n=n: [log.append(record) for record in decisions(50, 50 * n)]) for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    log.close()
    (chain,) = trail.verify().chains
    assert chain.records == 200
    assert chain.findings == ()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda trail: trail.folder.write_text("a file"), "can't be written"),
        (lambda trail: (trail.folder.mkdir(), trail.folder.chmod(0o777)), "by others"),
        (lambda trail: (trail.heads.mkdir(parents=True), trail.heads.chmod(0o770)), "by others"),
    ],
    ids=["not a folder", "folder open to all", "heads open to a group"],
)
def test_a_start_without_a_writable_folder_is_refused_with_the_fix(trail, spoil, words):
    spoil(trail)
    with pytest.raises(StartError, match=words) as refused:
        trail.open()
    assert refused.value.hint


def test_an_unwritable_folder_refuses_appends_too(trail):
    trail.folder.write_text("a file")
    log = AuditLog(trail.folder, trail.key, trail.clock, heads_folder=trail.heads)
    with pytest.raises(RefusalError) as refused:
        log.append({"kind": "decision"})
    assert refused.value.reason is Reason.AUDIT_UNAVAILABLE
    trail.folder.unlink()
    log.append({"kind": "decision"})
    assert log.healthy
    log.close()


@pytest.mark.parametrize(
    "change",
    [{"seal_key": b"short"}, {"worker": "W/../0"}, {"heads_folder": "same"}],
    ids=["weak key", "worker name", "one folder"],
)
def test_a_wrong_setting_is_refused_at_once(trail, change):
    options = {"seal_key": trail.key, "worker": "w0", "heads_folder": trail.heads} | change
    if options["heads_folder"] == "same":
        options["heads_folder"] = trail.folder
    with pytest.raises(StartError):
        AuditLog(
            trail.folder, options["seal_key"], trail.clock, options["worker"], heads_folder=options["heads_folder"]
        )
