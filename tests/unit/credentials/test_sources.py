"""Secret sources: the content is returned or the reference is named, never both."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from exeat.credentials.sources import Sources
from exeat.errors import StartError


def private(path: Path, content: bytes) -> Path:
    path.write_bytes(content)
    path.chmod(0o600)
    return path


def test_env_is_read(tmp_path):
    """``env:NAME`` is the variable's value."""
    assert Sources(tmp_path, {"KEY": "sk-123"}).load("env:KEY").reveal() == "sk-123"


@pytest.mark.parametrize("content", [b"sk-123", b"sk-123\n", b"sk-123\r\n"])
def test_file_is_read_without_its_last_newline(tmp_path, content):
    """``file:PATH`` starts at the configuration's folder; one newline at the end doesn't count."""
    private(tmp_path / "key", content)
    assert Sources(tmp_path, {}).load("file:key").reveal() == "sk-123"


def test_absolute_file_is_read(tmp_path):
    """An absolute path stays one."""
    path = private(tmp_path / "key", b"sk-123")
    assert Sources(Path("/nowhere"), {}).load(f"file:{path}").reveal() == "sk-123"


def test_inner_spaces_are_part_of_a_secret(tmp_path):
    """A space inside is kept."""
    assert Sources(tmp_path, {"KEY": "a b"}).load("env:KEY").reveal() == "a b"


@pytest.mark.parametrize(
    "reference", ["", "env:", "env:A-B", "env:1A", "file:", "vault:x", "sk-123", "ENV:KEY", "env:KEY\n", " env:KEY"]
)
def test_other_references_are_refused(tmp_path, reference):
    """Only ``env:NAME`` and ``file:PATH`` are sources."""
    with pytest.raises(StartError) as refused:
        Sources(tmp_path, {"KEY": "x"}).load(reference)
    assert refused.value.hint


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\n",
        b"\r\n",
        b"two\nlines",
        b"sk\n\n",
        b" sk",
        b"sk ",
        b"\tsk",
        b"s\x00k",
        b"s\xffk",
        b"\xef\xbb\xbfsk",
        b"sk\r"[:2] + b"\x7f",
    ],
)
def test_what_cannot_travel_in_a_header_is_refused(tmp_path, content):
    """Empty, of several lines, with control or other bytes: refused, and the content isn't in the error."""
    private(tmp_path / "key", content)
    with pytest.raises(StartError) as refused:
        Sources(tmp_path, {}).load("file:key")
    assert "file:key" in str(refused.value)
    assert refused.value.__cause__ is None


def test_an_unset_variable_is_named(tmp_path):
    """The error names the variable and the fix."""
    with pytest.raises(StartError, match="env:KEY") as refused:
        Sources(tmp_path, {}).load("env:KEY")
    assert "KEY" in refused.value.hint


def test_an_empty_variable_is_refused(tmp_path):
    """Empty is not a secret."""
    with pytest.raises(StartError, match="empty"):
        Sources(tmp_path, {"KEY": ""}).load("env:KEY")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o606, 0o644])
def test_a_file_others_can_touch_is_refused(tmp_path, mode):
    """A secret that others can read or write isn't used; the error says chmod."""
    private(tmp_path / "key", b"sk-very-secret").chmod(mode)
    with pytest.raises(StartError, match="file:key") as refused:
        Sources(tmp_path, {}).load("file:key")
    assert "chmod 600" in refused.value.hint
    assert "sk-very-secret" not in str(refused.value)


def test_missing_folders_pipes_and_long_files_are_refused(tmp_path):
    """What isn't a short regular file is refused without blocking."""
    (tmp_path / "folder").mkdir(mode=0o700)
    os.mkfifo(tmp_path / "pipe", 0o600)
    private(tmp_path / "long", b"a" * 70_000)
    for name in ("missing", "folder", "pipe", "long"):
        with pytest.raises(StartError, match=f"file:{name}"):
            Sources(tmp_path, {}).load(f"file:{name}")


@settings(max_examples=150)
@given(st.text(min_size=1, max_size=40))
def test_a_loaded_secret_is_always_one_clean_line(value):
    """Property: whatever loads is printable ASCII without white space at its ends, and exactly what was given."""
    try:
        loaded = Sources(Path(), {"KEY": value}).load("env:KEY").reveal()
    except StartError:
        return
    assert loaded == value
    assert loaded.isascii()
    assert loaded.isprintable()
    assert loaded == loaded.strip()
