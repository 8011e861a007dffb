"""`exeat init`: what it writes is valid at once, and it overwrites nothing unasked."""

from __future__ import annotations

import stat
from datetime import date
from pathlib import Path

import orjson
import pytest

from exeat.cli.starter import starter_files, with_ignored

REPOSITORY = Path(__file__).resolve().parents[3]


def test_a_new_folder_is_complete_valid_and_private(tmp_path, monkeypatch, exeat):
    monkeypatch.chdir(tmp_path)
    code, out, _ = exeat("init", "site")
    site = tmp_path / "site"
    assert code == 0
    assert "exeat serve" in out
    assert stat.S_IMODE((site / "state").stat().st_mode) == 0o700
    assert stat.S_IMODE((site / "state/ca.key").stat().st_mode) == 0o600
    code, out, err = exeat("config", "check", "-c", "site/exeat.toml", "--json")
    assert (code, orjson.loads(out)["findings"], err) == (0, [], "")
    assert "BEGIN CERTIFICATE" in exeat("ca", "export", "-c", "site/exeat.toml")[1]


def test_nothing_is_overwritten_without_force(tmp_path, monkeypatch, exeat):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policies").mkdir()
    grant = tmp_path / "policies/grant.cedar"
    grant.write_text("mine")
    code, _, err = exeat("init")
    assert code == 2
    assert "policies/grant.cedar" in err
    assert not (tmp_path / "exeat.toml").exists()
    code, out, _ = exeat("init", "--force", "--json")
    assert code == 0
    assert "exeat.toml" in orjson.loads(out)["written"]
    assert grant.read_text() != "mine"


def test_a_folder_that_can_not_be_made_is_an_error(tmp_path, monkeypatch, exeat):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("")
    assert exeat("init", "file/site")[0] == 2


@pytest.mark.parametrize("current", ["", "state/\n", "*.pyc", "/state/\n/audit/\nexeat.db*\nadmin.token\n.env\n"])
def test_ignored_lines_are_added_once(current):
    text = with_ignored(current)
    assert text.startswith(current)
    assert with_ignored(text) == text
    assert {"audit/", "/audit/"} & set(text.splitlines())


def test_the_starter_policies_are_those_the_repository_shows():
    texts = starter_files(date(2026, 1, 1))
    for name in ("policies/grant.cedar", "policies/sensitive.cedar"):
        assert texts[name] == (REPOSITORY / name).read_text("utf-8")
    assert "expires = 2026-04-01" in texts["exeat.toml"]
