"""``systemd:NAME``: what systemd hands to a unit, and nothing else."""

from __future__ import annotations

from pathlib import Path

import pytest

from exeat.credentials.sources import Sources
from exeat.errors import StartError


def handed(folder: Path, mode: int = 0o440) -> Sources:
    """As systemd does where it gives the file away by an ACL, whose mask shows as the group's bits."""
    (folder / "github").write_bytes(b"ghp_value\n")
    (folder / "github").chmod(mode)
    return Sources(Path("/nowhere"), {"CREDENTIALS_DIRECTORY": str(folder)})


def test_a_credential_of_the_unit_is_read(tmp_path: Path) -> None:
    assert handed(tmp_path).load("systemd:github").reveal() == "ghp_value"


@pytest.mark.parametrize("mode", [0o444, 0o460, 0o404])
def test_one_that_others_could_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    with pytest.raises(StartError, match="read by others"):
        handed(tmp_path, mode).load("systemd:github")


@pytest.mark.parametrize("name", ["../github", "sub/github", "..", ".hidden", "", "a" * 300])
def test_a_name_never_leaves_the_folder(tmp_path: Path, name: str) -> None:
    with pytest.raises(StartError):
        handed(tmp_path).load(f"systemd:{name}")


def test_without_systemd_the_fix_is_named(tmp_path: Path) -> None:
    with pytest.raises(StartError, match="CREDENTIALS_DIRECTORY") as refused:
        Sources(tmp_path, {}).load("systemd:github")
    assert "LoadCredentialEncrypted=github" in refused.value.hint
    with pytest.raises(StartError, match="systemd:gitlab can't be read"):
        handed(tmp_path).load("systemd:gitlab")
