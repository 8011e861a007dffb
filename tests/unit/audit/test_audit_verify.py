"""The verifier: every kind of tampering is found and located, and nothing else is held against a log."""

from __future__ import annotations

import hashlib
import shutil

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from exeat.audit import verify as verify_module
from exeat.audit.chain import Link, next_line
from exeat.audit.findings import Kind
from exeat.audit.seal import pack
from exeat.audit.verify import verify
from exeat.errors import UnavailableError

FIELDS = ["seq", "time", "kind", "decision_id", "decision", "path", "chain", "prev", "hash"]


def fill(trail, count=10, *, close=True, **options):
    """A chain of ``count`` denials, or what a crash leaves of it; returns its only file."""
    log = trail.open(**options)
    for number in range(count):
        trail.pair(log, number, "deny", path=f"/{number}")
    if close:
        log.close()
    else:
        crash(log)
    return trail.files()[0]


def crash(log):
    """Let go of the files as a killed process does."""
    log._writer._part.close()
    log._writer._head.close()
    log._writer._part = log._writer._head = None


def load(path):
    return path.read_bytes().splitlines(keepends=True)


def save(path, lines):
    path.write_bytes(b"".join(lines))


def forged(path, at, /, **changes):
    """A line with other content and a correct, unkeyed hash, in the place of line ``at`` (from 1)."""
    fields = orjson.loads(load(path)[at - 1])
    chain, prev = fields.pop("chain"), fields.pop("prev")
    seq, time = fields.pop("seq"), fields.pop("time")
    del fields["hash"]
    line, link = next_line(fields | changes, Link(seq - 1, prev), chain["worker"], chain["boot"], time)
    return line, link


def kinds(verdict):
    return [(finding.kind, finding.line, finding.seq) for finding in verdict.findings]


def test_a_log_closed_in_order_has_no_findings(trail):
    log = trail.open()
    for number in range(5):
        trail.pair(log, number)
    log.checkpoint()
    log.close()
    verdict = trail.verify()
    (chain,) = verdict.chains
    assert verdict.ok
    assert verdict.findings == ()
    assert (chain.records, chain.sealed, chain.closed, chain.live) == (11, 11, True, False)
    assert chain.chain == log.chain


def test_several_chains_are_each_verified(trail):
    for worker in ("w0", "w1"):
        trail.pair(trail.open(worker=worker), 1)
    assert [chain.live for chain in trail.verify().chains] == [True, True]
    path = trail.files()[1]
    lines = load(path)
    save(path, lines[1:])
    verdict = trail.verify()
    assert not verdict.ok
    assert [chain.ok for chain in verdict.chains] == [True, False]


def test_no_log_at_all_is_no_finding(trail):
    assert trail.verify().ok
    assert trail.verify().chains == ()


@pytest.mark.parametrize("at", [1, 5, 10], ids=["first", "middle", "last"])
@pytest.mark.parametrize("field", FIELDS)
def test_one_changed_byte_in_any_field_is_found_at_its_line(trail, field, at):
    path = fill(trail)
    lines = load(path)
    line = lines[at - 1]
    value = line.index(f'"{field}":'.encode()) + len(field) + 3
    position = value + (line[value] in b'"{')
    lines[at - 1] = line[:position] + (b"2" if line[position : position + 1] != b"2" else b"3") + line[position + 1 :]
    save(path, lines)
    verdict = trail.verify()
    assert not verdict.ok
    assert kinds(verdict) == [(Kind.EDITED, at, at)]
    assert str(verdict.findings[0]).startswith(f"{path}:{at}: seq {at}: edited")


@pytest.mark.parametrize("at", [1, 5, 10], ids=["first", "middle", "last"])
def test_a_record_rewritten_with_a_correct_hash_is_found_at_its_line(trail, at):
    path = fill(trail)
    lines = load(path)
    lines[at - 1], _ = forged(path, at, decision="permit")
    save(path, lines)
    assert (Kind.EDITED, at, at) in kinds(trail.verify())
    assert not trail.verify().ok


@pytest.mark.parametrize("at", [1, 5], ids=["first", "middle"])
@pytest.mark.parametrize("many", [1, 3])
def test_deleted_records_are_found_where_they_were(trail, at, many):
    path = fill(trail)
    lines = load(path)
    del lines[at - 1 : at - 1 + many]
    save(path, lines)
    assert kinds(trail.verify()) == [(Kind.DELETED, at, at)]
    assert not trail.verify().ok


@pytest.mark.parametrize("many", [1, 3, 10])
@pytest.mark.parametrize("close", [True, False], ids=["closed", "crashed"])
def test_records_cut_off_the_end_are_found(trail, many, close):
    path = fill(trail, close=close)
    save(path, load(path)[:-many])
    assert kinds(trail.verify()) == [(Kind.TRUNCATED, 10 - many, 11 - many)]
    assert not trail.verify().ok


@pytest.mark.parametrize("close", [True, False], ids=["closed", "crashed"])
def test_a_line_cut_in_the_middle_is_found(trail, close):
    path = fill(trail, close=close)
    lines = load(path)
    lines[-1] = lines[-1][:40]
    save(path, lines)
    verdict = trail.verify()
    assert not verdict.ok
    assert (Kind.TRUNCATED, 10, 10) in kinds(verdict)


@pytest.mark.parametrize(("one", "other"), [(1, 2), (5, 6), (3, 8), (9, 10)])
def test_swapped_records_are_found(trail, one, other):
    path = fill(trail)
    lines = load(path)
    lines[one - 1], lines[other - 1] = lines[other - 1], lines[one - 1]
    save(path, lines)
    verdict = trail.verify()
    assert not verdict.ok
    assert {kind for kind, _, _ in kinds(verdict)} == {Kind.REORDERED}
    assert (Kind.REORDERED, other, one) in kinds(verdict)


@pytest.mark.parametrize(("what", "where"), [(1, 2), (5, 6), (5, 9), (10, 11)])
def test_a_record_written_twice_is_found_at_the_second(trail, what, where):
    path = fill(trail)
    lines = load(path)
    lines.insert(where - 1, lines[what - 1])
    save(path, lines)
    assert kinds(trail.verify()) == [(Kind.INSERTED, where, what)]
    assert not trail.verify().ok


@pytest.mark.parametrize("at", [1, 5, 10], ids=["first", "middle", "last"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_forged_record_with_a_correct_hash_is_told_from_the_genuine_one(trail, at, before):
    path = fill(trail)
    lines = load(path)
    line, _ = forged(path, at, path="/forged")
    where = at if before else at + 1
    lines.insert(where - 1, line)
    save(path, lines)
    assert kinds(trail.verify()) == [(Kind.INSERTED, where, at)]
    assert not trail.verify().ok


@pytest.mark.parametrize("close", [True, False], ids=["closed", "crashed"])
@pytest.mark.parametrize("many", [1, 2])
def test_records_forged_after_the_end_are_never_vouched_for(trail, close, many):
    path = fill(trail, close=close)
    link = Link(10, orjson.loads(load(path)[-1])["hash"])
    worker, boot = path.stem.split("-")[1:]
    for _ in range(many):
        line, link = next_line({"kind": "decision"}, link, worker, boot, "2030-01-01T00:00:00.000000Z")
        save(path, [*load(path), line])
    verdict = trail.verify()
    assert [finding.kind for finding in verdict.findings] == [Kind.UNSEALED]
    assert verdict.findings[0].line == 10 + many
    # One record after a crash is what a crash can leave: it is shown, and not held against the log.
    assert verdict.ok is (many == 1 and not close)
    assert verdict.findings[0].warning is verdict.ok


@pytest.mark.parametrize("close", [True, False], ids=["closed", "crashed"])
@pytest.mark.parametrize("extra", [0, 1, -1], ids=["same length", "one more", "one less"])
def test_a_whole_chain_forged_anew_does_not_fit_its_head(trail, close, extra):
    path = fill(trail, close=close)
    worker, boot = path.stem.split("-")[1:]
    lines, link = [], Link(0, "0" * 64)
    for number in range(10 + extra):
        line, link = next_line({"kind": "decision", "n": number}, link, worker, boot, "2030-01-01T00:00:00.000000Z")
        lines.append(line)
    save(path, lines)
    assert not trail.verify().ok


@pytest.mark.parametrize("rubbish", [b"\n", b"{}\n", b"rubbish\n", b"\xff" * 100 + b"\n", b"x" * 2_000_000 + b"\n"])
@pytest.mark.parametrize("at", [1, 5, 11], ids=["first", "middle", "last"])
def test_an_inserted_line_that_is_no_record_is_found(trail, rubbish, at):
    path = fill(trail)
    lines = load(path)
    lines.insert(at - 1, rubbish)
    save(path, lines)
    verdict = trail.verify()
    assert not verdict.ok
    assert at in [finding.line for finding in verdict.findings]


def test_a_file_full_of_rubbish_is_reported_within_bounds(trail):
    path = fill(trail)
    path.write_bytes(b"\n" * 50_000)
    (chain,) = trail.verify().chains
    assert len(chain.findings) < 300
    assert not chain.ok


def test_a_deleted_file_is_found(trail):
    path = fill(trail)
    path.unlink()
    verdict = trail.verify()
    assert not verdict.ok
    assert [(finding.kind, finding.file) for finding in verdict.findings] == [(Kind.FILE_MISSING, str(path))]


@pytest.mark.parametrize("number", [1, 2, 4], ids=["first", "middle", "last"])
def test_a_deleted_part_is_found(trail, number):
    log = trail.open(max_bytes=1000)
    for count in range(10):
        trail.pair(log, count, "deny", path="/" + "x" * 50)
    log.close()
    files = trail.files()
    assert len(files) == 4
    files[number - 1].unlink()
    verdict = trail.verify()
    assert not verdict.ok
    (finding,) = verdict.findings
    assert finding.kind is (Kind.TRUNCATED if number == 4 else Kind.FILE_MISSING)
    if number != 4:
        assert files[number - 1].name in finding.message


def test_a_deleted_head_is_found(trail):
    fill(trail)
    trail.head().unlink()
    verdict = trail.verify()
    assert not verdict.ok
    assert [finding.kind for finding in verdict.findings] == [Kind.HEAD_MISSING]


@pytest.mark.parametrize(
    "how", ["another key", "another chain", "one byte", "cut", "empty", "rubbish", "no longer shut"]
)
def test_a_forged_head_is_found(trail, how):
    path = fill(trail)
    head = trail.head()
    content = head.read_bytes()
    link = Link(10, orjson.loads(load(path)[-1])["hash"])
    head.write_bytes(
        {
            "another key": pack(path.stem, link, b"x" * 32),
            "another chain": pack(path.stem[:-1] + "x", link, trail.key),
            "one byte": content[:15] + b"7" + content[16:],
            "cut": content[:50],
            "empty": b"",
            "rubbish": b"\xff" * len(content),
            "no longer shut": content.replace(b"shut", b"open"),
        }[how]
    )
    verdict = trail.verify()
    assert not verdict.ok
    assert [finding.kind for finding in verdict.findings] == [Kind.HEAD_FORGED]


def test_the_wrong_seal_key_is_a_finding_not_a_pass(trail):
    fill(trail)
    assert not verify(trail.folder, trail.heads, b"x" * 32).ok


def test_a_chain_renamed_to_another_is_found(trail):
    path = fill(trail)
    path.rename(path.with_name(path.name.replace("-w0-", "-w1-")))
    verdict = trail.verify()
    assert not verdict.ok
    assert {Kind.FILE_MISSING, Kind.HEAD_MISSING} <= {finding.kind for finding in verdict.findings}


def test_a_file_of_no_chain_is_a_warning(trail):
    path = fill(trail)
    shutil.copy(path, trail.folder / "copy.jsonl")
    verdict = trail.verify()
    assert verdict.ok
    assert [(finding.kind, finding.warning) for finding in verdict.findings] == [(Kind.STRAY_FILE, True)]


def test_a_crashed_chain_is_whole_up_to_its_head(trail):
    fill(trail, close=False)
    verdict = trail.verify()
    assert verdict.ok
    assert verdict.findings == ()
    assert (verdict.chains[0].closed, verdict.chains[0].live) == (False, False)


@pytest.mark.parametrize("close", [True, False], ids=["closed", "crashed"])
def test_an_unfinished_line_after_the_head_is_what_a_crash_can_leave(trail, close):
    path = fill(trail, close=close)
    path.write_bytes(path.read_bytes() + b'{"seq":11,"ti')
    verdict = trail.verify()
    assert verdict.ok is not close
    assert kinds(verdict) == [(Kind.UNSEALED, 11, 11)]


def test_a_crash_before_the_first_record_is_no_loss(trail):
    log = trail.open()
    crash(log)
    assert trail.verify().findings == ()
    trail.files()[0].unlink()
    verdict = trail.verify()
    assert verdict.ok
    assert [finding.warning for finding in verdict.findings] == [True]


def test_a_living_chain_verifies_and_is_known_to_live(trail):
    log = trail.open()
    for number in range(5):
        trail.pair(log, number)
        (chain,) = trail.verify().chains
        assert chain.live
        assert not chain.closed
        assert chain.findings == ()


def test_a_record_that_a_living_writer_has_not_sealed_yet_is_waited_for(trail, monkeypatch):
    log = trail.open()
    trail.pair(log, 1)
    sealed = trail.head().read_bytes()
    trail.pair(log, 2, "deny")
    newest = trail.head().read_bytes()
    trail.head().write_bytes(sealed)
    pauses = []

    def pause(seconds):
        pauses.append(seconds)
        trail.head().write_bytes(newest)

    monkeypatch.setattr(verify_module.time, "sleep", pause)
    verdict = trail.verify()
    assert verdict.findings == ()
    assert verdict.chains[0].records == 3
    assert len(pauses) == 1


def test_a_record_that_a_living_writer_never_seals_is_a_finding(trail, monkeypatch):
    log = trail.open()
    trail.pair(log, 1)
    (path,) = trail.files()
    worker, boot = path.stem.split("-")[1:]
    line, _ = next_line({"kind": "mission"}, log._writer.link, worker, boot, "2030-01-01T00:00:00.000000Z")
    save(path, [*load(path), line])
    monkeypatch.setattr(verify_module.time, "sleep", lambda _: None)
    verdict = trail.verify()
    assert not verdict.ok
    assert kinds(verdict) == [(Kind.UNSEALED, 3, 3)]


def test_an_outcome_needs_a_decision_before_it(trail):
    log = trail.open()
    log.append({"kind": "outcome", "decision_id": "d1", "outcome": "sent"})
    log.append({"kind": "decision", "decision_id": "d1", "decision": "deny"})
    log.close()
    verdict = trail.verify()
    assert not verdict.ok
    assert kinds(verdict) == [(Kind.OUTCOME_WITHOUT_DECISION, 1, 1)]


@pytest.mark.parametrize("decision", ["permit", "deny"])
def test_a_decision_has_one_outcome_at_most(trail, decision):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "d1", "decision": decision})
    for _ in range(2):
        log.append({"kind": "outcome", "decision_id": "d1", "outcome": "sent"})
    log.close()
    verdict = trail.verify()
    assert not verdict.ok
    assert kinds(verdict) == [(Kind.TWO_OUTCOMES, 3, 3)]


@pytest.mark.parametrize("close", [True, False], ids=["closed", "living"])
def test_a_permit_without_outcome_is_a_warning_once_its_chain_is_closed(trail, close):
    log = trail.open()
    log.append({"kind": "decision", "decision_id": "d1", "decision": "permit"})
    log.append({"kind": "decision", "decision_id": "d2", "decision": "deny"})
    if close:
        log.close()
    verdict = trail.verify()
    assert verdict.ok
    assert kinds(verdict) == ([(Kind.NO_OUTCOME, 1, 1)] if close else [])


def test_a_log_that_cannot_be_read_is_unavailable_not_intact(trail):
    trail.folder.write_text("not a folder")
    with pytest.raises(UnavailableError):
        trail.verify()


def test_verdicts_become_json(trail):
    path = fill(trail)
    save(path, load(path)[1:])
    (trail.folder / "copy.jsonl").touch()
    value = orjson.loads(orjson.dumps(trail.verify().as_dict()))
    assert value["ok"] is False
    assert value["chains"][0]["findings"][0]["kind"] == "deleted"
    assert value["strays"][0]["warning"] is True


def test_the_documented_hash_can_be_checked_without_our_code(trail):
    path = fill(trail)
    prev = "0" * 64
    for line in load(path):
        body, _, rest = line.rpartition(b',"hash":')
        assert orjson.loads(line)["prev"] == prev
        prev = hashlib.sha256(body + b"}").hexdigest()
        assert rest == b'"%b"}\n' % prev.encode()


record = st.dictionaries(
    st.sampled_from(["path", "host", "kind", "detail"]), st.text(max_size=20) | st.integers(), max_size=4
)


@given(data=st.data(), written=st.lists(record, min_size=1, max_size=8), close=st.booleans())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_records_verify_and_no_single_changed_byte_does(trails, data, written, close):
    trail = trails()
    log = trail.open(max_bytes=data.draw(st.sampled_from([500, 100_000])))
    for fields in written:
        log.append(fields)
    if close:
        log.close()
    else:
        crash(log)
    assert trail.verify().findings == ()
    path = data.draw(st.sampled_from([path for path in trail.files() if path.stat().st_size] + [trail.head()]))
    content = path.read_bytes()
    at = data.draw(st.integers(0, len(content) - 1))
    path.write_bytes(content[:at] + bytes([content[at] ^ data.draw(st.integers(1, 255))]) + content[at + 1 :])
    assert not trail.verify().ok


@given(data=st.data())
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_rearrangement_of_lines_is_found(trails, data):
    trail = trails()
    path = fill(trail, 6)
    lines = load(path)
    changed = data.draw(st.lists(st.sampled_from(lines), max_size=8).filter(lambda some: some != lines))
    save(path, changed)
    assert not trail.verify().ok
