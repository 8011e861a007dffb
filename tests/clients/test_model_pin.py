"""The real SDKs of OpenAI and Anthropic, unchanged: the pinned model answers, another one is refused and ends the mission."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest
from llm_origin import ANTHROPIC, KEYS, OPENAI, LlmOrigin

from rig.proxy import clean_environment

HERE = Path(__file__).parent
PYTHON = HERE.parents[1] / ".venv-clients" / "bin" / "python"
PINNED = {"openai": "gpt-5", "anthropic": "claude-opus-4-1"}
OTHER = {"openai": "gpt-4.1", "anthropic": "claude-haiku-4-5"}
SDKS = list(PINNED)


@pytest.fixture(scope="module")
def llm(authority):
    if not PYTHON.exists():
        assert not os.environ.get("CI"), "run scripts/setup-clients"
        pytest.skip("not installed: .venv-clients (run scripts/setup-clients)")
    with LlmOrigin(authority) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, llm):
    for name, host in (("openai", OPENAI), ("anthropic", ANTHROPIC)):
        variable = f"{name.upper()}_API_KEY"
        config.environ[variable] = KEYS[name]
        config.tables["service"].append({"name": name, "shared": {"source": f"env:{variable}"}})
        config.allow(host, local=llm.port)
        config.template["operations"].append(f"{name}:write")
    config.template["models"] = list(PINNED.values())
    return config


@pytest.fixture
def call(exeat, tmp_path, llm):
    """Run a script that knows nothing but what opening the mission returned: what its caller could read, call by call."""
    llm.models.clear()
    llm.instead = ""

    def run(mission, sdk, *models):
        given = mission["env"]
        plain = {name: value for name, value in clean_environment().items() if name not in given}
        done = subprocess.run(
            [PYTHON, HERE / "scripts" / "call_model.py", sdk, *models], env={**plain, "HOME": str(tmp_path), **given},
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        lines = done.stdout.splitlines()
        assert len(lines) == len(models), done.stdout + done.stderr
        return lines

    return run


def ended(exeat, mission):
    """The one firing that ended the mission."""
    deadline = time.monotonic() + 5
    while exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] != "revoked":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    [fired] = exeat.audit_records("mission", event="deviation", mission=mission["mission"])
    assert (fired["rule"], fired["then"]) == ("model-pin", "revoke")
    return fired["evidence"]


@pytest.mark.parametrize("sdk", SDKS)
def test_the_pinned_model_answers_and_another_one_ends_the_mission(exeat, mission, llm, call, sdk):
    pinned, other = PINNED[sdk], OTHER[sdk]
    said = call(mission, sdk, pinned, f"{pinned}+stream", f"{other}+stream", pinned, other)
    assert said[:2] == ["ANSWERED All is well"] * 2
    for line in said[2:]:  # what the caller reads: that this is the end, and why
        assert line.startswith("RAISED PermissionDeniedError"), line
        assert "mission_ended" in line
    assert ended(exeat, mission)["in"] == "request"
    assert ended(exeat, mission)["seen"] == other
    assert llm.models == [pinned] * 2
    for key in KEYS.values():
        assert key.encode() not in exeat.everything_written()


@pytest.mark.parametrize(("sdk", "how"), [("openai", ""), ("anthropic", "+stream")])
def test_a_router_that_answers_with_another_model_ends_the_mission(exeat, mission, llm, call, sdk, how):
    llm.instead = OTHER[sdk]
    call(mission, sdk, PINNED[sdk] + how)
    evidence = ended(exeat, mission)
    assert (evidence["seen"], evidence["in"]) == (OTHER[sdk], "answer")


def test_a_dated_edition_of_the_pinned_model_may_answer(exeat, mission, llm, call):
    llm.instead = f"{PINNED['anthropic']}-20250805"
    assert call(mission, "anthropic", f"{PINNED['anthropic']}+stream") == ["ANSWERED All is well"]
    assert exeat.audit_records("mission", event="deviation", mission=mission["mission"]) == []
