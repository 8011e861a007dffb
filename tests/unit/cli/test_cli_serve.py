"""`exeat serve` and `exeat demo` hand over to those who do the work, and return their code."""

from __future__ import annotations

import sys
from types import SimpleNamespace

import orjson
import pytest


@pytest.fixture
def started(monkeypatch):
    """What the proxy and the demo were started with; both end with 7."""
    calls = []

    def serve(loaded):
        calls.append(loaded)
        return 7

    def demo(keep=False):
        sys.stdout.write("story\n")
        calls.append(keep)
        return 7

    monkeypatch.setitem(sys.modules, "exeat.serving.main", SimpleNamespace(serve=serve))
    monkeypatch.setitem(sys.modules, "exeat.demo", SimpleNamespace(main=demo))
    return calls


def test_serve_starts_with_the_loaded_configuration(folder, started, exeat):
    assert exeat("serve") == (7, "", "")
    assert started[0].base == folder
    code, out, _ = exeat("serve", "-c", folder / "exeat.toml", "--json")
    assert code == 7
    assert orjson.loads(out) == {
        "config": str(folder / "exeat.toml"), "proxy": ["http://127.0.0.1:8080"], "admin": "http://127.0.0.1:1",
    }  # fmt: skip


def test_serve_never_starts_with_a_wrong_configuration(folder, started, exeat):
    (folder / "exeat.toml").write_text("[proxy]\nlisten = 1\n")
    code, out, err = exeat("serve")
    assert (code, out) == (2, "")
    assert "exeat.toml:2:1: error: proxy.listen" in err
    assert not started


def test_demo_tells_its_story_on_stdout_or_its_result_as_json(started, exeat):
    assert exeat("demo", "--keep") == (7, "story\n", "")
    code, out, err = exeat("demo", "--json")
    assert (code, err) == (7, "story\n")
    assert orjson.loads(out)["ok"] is False
    assert started == [True, False]
