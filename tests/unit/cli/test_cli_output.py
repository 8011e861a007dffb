"""What is shown can't act on a terminal, and colour follows the conventions."""

from __future__ import annotations

import io
from datetime import UTC, datetime

import orjson
import pytest

from exeat.cli import output


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\x07", "a\nb", "\x9b31m", "\u202eabc", "\u2066", "\u200b", "\r", "\x7f"])
def test_no_text_acts_on_a_terminal(nasty, capsys):
    assert output.printable(f"x{nasty}").isprintable()
    output.table(("HEAD",), [(nasty,)])
    output.pairs({"key": nasty})
    output.show_finding(output.Finding(nasty, nasty, field=nasty, fix=nasty), __import__("sys").stderr)
    captured = capsys.readouterr()
    assert all(line.isprintable() for line in (captured.out + captured.err).split("\n"))


@pytest.mark.parametrize("nasty", ["\x1b[2J", "\x9b31m", "\u202eabc", "\x7f"])
def test_json_carries_any_text_unchanged_and_harmless(nasty, capsys):
    output.emit({"text": nasty})
    out = capsys.readouterr().out
    assert out.strip().isprintable()
    assert orjson.loads(out) == {"text": nasty}


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("environ", "stream", "expected"),
    [
        ({}, Terminal(), True),
        ({}, io.StringIO(), False),
        ({"NO_COLOR": "1"}, Terminal(), False),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, Terminal(), False),
        ({"FORCE_COLOR": "1"}, io.StringIO(), True),
        ({"TERM": "dumb"}, Terminal(), False),
    ],
)
def test_colour_follows_the_conventions(monkeypatch, environ, stream, expected):
    for variable in ("NO_COLOR", "FORCE_COLOR", "TERM"):
        monkeypatch.delenv(variable, raising=False)
    for key, value in environ.items():
        monkeypatch.setenv(key, value)
    assert output.coloured(stream) is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-01T00:00:30Z", "in 30 s"),
        ("2026-01-01T00:30:00Z", "in 30 min"),
        ("2025-12-31T21:00:00Z", "3 h ago"),
        ("2026-01-11T00:00:00Z", "in 10 d"),
        ("nonsense", "nonsense"),
        ("2026-01-01T00:00:30", "2026-01-01T00:00:30"),
    ],
)
def test_times_are_relative_for_people(text, expected):
    assert output.until(text, datetime(2026, 1, 1, tzinfo=UTC)) == expected
