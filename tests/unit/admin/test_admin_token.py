"""The admin token's file."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from exeat.admin.token import load_or_create_token
from exeat.errors import StartError


def test_a_token_is_made_once_for_its_owner_only(tmp_path: Path) -> None:
    file = tmp_path / "state" / "admin.token"
    token = load_or_create_token(file)
    assert file.read_text() == token.reveal() + "\n"
    assert len(token.reveal()) == 43
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert load_or_create_token(file).reveal() == token.reveal()
    assert load_or_create_token(tmp_path / "other").reveal() != token.reveal()


def test_a_token_others_can_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "admin.token"
    load_or_create_token(file)
    file.chmod(0o640)
    with pytest.raises(StartError, match="read by others"):
        load_or_create_token(file)


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"admin\n", b"x" * 31, b"two words that are long enough to be one\n", b"\xff" * 40]
)
def test_a_file_without_one_long_word_is_refused_and_not_quoted(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "admin.token"
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(StartError) as caught:
        load_or_create_token(file)
    assert "two words" not in str(caught.value) + caught.value.hint
