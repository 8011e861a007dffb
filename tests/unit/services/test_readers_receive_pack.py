"""A push says at its beginning which refs it moves; what has no one reading refuses the whole push."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from readers_kit import posted, why

from exeat.services.readers.reading import UnreadableError
from exeat.services.readers.receive_pack import TYPE, CommandsEnd, read_receive_pack

NONE, OLD, NEW = "0" * 40, "1" * 40, "2" * 40
MAIN = "refs/heads/main"
PUSH = posted(TYPE)


def line(content):
    content = content if isinstance(content, bytes) else content.encode()
    return b"%04x" % (len(content) + 4) + content


def push(*commands, capabilities="\0 report-status side-band-64k agent=git/2.43", pack=b"PACK..."):
    first, *others = commands
    return b"".join([line(first + capabilities), *map(line, others), b"0000", pack])


def found(body):
    return [(asked.select, asked.arguments) for asked in read_receive_pack(PUSH, body)]


@pytest.mark.parametrize(("command", "select"), [
    (f"{NONE} {NEW} {MAIN}", f"create:{MAIN}"), (f"{OLD} {NEW} {MAIN}", f"update:{MAIN}"), (f"{OLD} {NONE} {MAIN}", f"delete:{MAIN}"),
    (f"{OLD} {NEW} refs/tags/v1.0", "update:refs/tags/v1.0"), (f"{OLD} {NEW} refs/heads/caf\u00e9/x@y", "update:refs/heads/caf\u00e9/x@y"),
    (f"{'0' * 64} {'a' * 64} {MAIN}", f"create:{MAIN}"),
])  # fmt: skip
def test_a_command_creates_updates_or_deletes_one_ref(command, select):
    assert found(push(command)) == [(select, {"ref": select.partition(":")[2]})]
    assert found(push(command, capabilities="\n", pack=b"")) == found(push(command))


def test_each_command_of_a_push_is_found():
    body = push(f"{OLD} {NEW} {MAIN}", f"{OLD} {NONE} refs/heads/old", f"shallow {OLD}", f"{NONE} {NEW} refs/tags/v2\n")
    assert [select for select, _ in found(body)] == [f"update:{MAIN}", "delete:refs/heads/old", "create:refs/tags/v2"]


def test_a_push_of_nothing_asks_whether_the_credentials_hold():
    assert found(b"0000") == [("probe", {})]


@pytest.mark.parametrize("body", [
    b"", b"000", b"0001", b"00040000", b"PACK", push(f"{OLD} {NEW} {MAIN}").replace(b"0000PACK", b""), b"ffff" + b"x" * 10,
    push(f"{OLD} {NEW} {MAIN}", f"{OLD} {NONE} {MAIN}"), push(f"{NONE} {NONE} {MAIN}"), push(f"{OLD}  {NEW} {MAIN}"), push(f"{OLD} {NEW}"),
    push(f"{OLD[1:]} {NEW} {MAIN}"), push(f"{OLD} {NEW.replace('2', 'A')} {MAIN}"), push("push-cert"), push(f"{OLD} {NEW} {MAIN}", f"{OLD} {NEW} refs/heads/b\0atomic"),
    push(f"{OLD} {NEW} {MAIN}", capabilities="\0report-status push-options"), b"%04X" % 0x65 + push(f"{OLD} {NEW} {MAIN}")[4:].upper(),
    push(f"{OLD} {NEW} {MAIN}").replace(b"main", b"m\xff\xfe"), push(f"{OLD} {NEW} {MAIN}\nx"),
    *(push(f"{OLD} {NEW} {ref}") for ref in ("HEAD", "main", "refs", "refs/", "refs//main", "refs/heads/", "refs/heads/../main", "refs/heads/a..b", "refs/heads/.a",
        "refs/heads/a.", "refs/heads/a.lock", "refs/heads/a b", "refs/heads/a~1", "refs/heads/a*", "refs/heads/a\\b", "refs/heads/a@{1}", " refs/heads/main")),
])  # fmt: skip
def test_what_has_no_one_reading_refuses_the_push(body):
    assert why(read_receive_pack, body, PUSH)


@pytest.mark.parametrize("kind", ["", "application/json", "application/x-git-upload-pack-request"])
def test_it_has_to_say_that_it_is_a_push(kind):
    assert why(read_receive_pack, push(f"{OLD} {NEW} {MAIN}"), posted(kind))


def test_a_compressed_push_is_not_read():
    assert why(read_receive_pack, push(f"{OLD} {NEW} {MAIN}"), posted(TYPE, (b"content-encoding", b"gzip")))


def test_enough_is_there_with_the_end_of_the_commands():
    body = push(f"{OLD} {NEW} {MAIN}", f"{OLD} {NONE} refs/heads/old", pack=b"")
    for size in (1, 7, len(body)):
        growing = CommandsEnd()
        answers = [growing(body[at : at + size]) for at in range(0, len(body), size)]
        assert (any(answers[:-1]), answers[-1]) == (False, True)
    assert CommandsEnd()(b"nope")  # no more of it makes a push of this


def test_what_is_kept_to_find_the_end_is_one_line_however_many_came():
    """A push of many commands in tiny pieces costs what its bytes cost, not their square."""
    growing = CommandsEnd()
    for number in range(500):
        command = line(f"{OLD} {NEW} refs/heads/{number}")
        for at in range(len(command)):
            assert not growing(command[at : at + 1])
        assert growing._line == b""
    assert growing(b"0000PACK")


@given(
    st.lists(
        st.sampled_from([b"0000", b"0065", b"0008", OLD.encode(), b" ", b"\0", b"\n", MAIN.encode(), b"PACK", b"\xff"]),
        max_size=14,
    )
)
def test_no_beginning_breaks_the_reader(pieces):
    body = b"".join(pieces)
    try:
        read_receive_pack(PUSH, body)
    except UnreadableError:
        return
    assert CommandsEnd()(body)


@given(st.data())
def test_objects_after_the_commands_change_nothing(data):
    body = push(f"{OLD} {NEW} {MAIN}", pack=b"")
    assert found(body + data.draw(st.binary(max_size=64))) == found(body)
