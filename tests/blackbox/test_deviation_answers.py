"""An answer that says it is from another model than the pinned one: too late for the request, not for the mission."""

from __future__ import annotations

import json
import time

import pytest

from rig.config import operation
from rig.scripted_origin import ScriptedOrigin
from rig.wire import ask, refused

HOST = "llm.example.test"


@pytest.fixture(scope="module")
def llm(authority):
    with ScriptedOrigin(authority, HOST) as running:
        yield running


@pytest.fixture(scope="module")
def config(config, llm):
    chat = operation("POST /v1/chat", "chat", "write", reader="json", captures={"model": "/model"}, resource="Model")
    config.tables["service"].append(
        {"name": "llm", "hosts": [HOST], "operation": [chat, operation("POST /v1/other", "other", "write")],
         "resource": [{"type": "Model", "id": "{model}"}]}
    )  # fmt: skip
    config.allow(HOST, local=llm.port)
    config.template["operations"].append("llm:*")
    config.template["models"] = ["gpt-5"]
    return config


def answer(kind, body):
    return f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


def plain(model):
    return answer("application/json", json.dumps({"id": "1", "model": model, "choices": []}).encode())


def events(model):
    lines = [{"type": "ping"}, {"type": "message_start", "message": {"model": model}}, {"type": "message_stop"}]
    return answer("text/event-stream", b"".join(b"data: " + json.dumps(line).encode() + b"\n\n" for line in lines))


def call(exeat, mission, path="/v1/chat"):
    return ask(exeat, mission, "POST", path, "Content-Type: application/json", host=HOST, body=b'{"model": "gpt-5"}')


@pytest.mark.guard("answered-by")
@pytest.mark.parametrize("how", [plain, events])
def test_another_model_that_answers_ends_the_mission(exeat, mission, llm, how):
    llm.answer(how("gpt-4.1"))
    assert call(exeat, mission).status == 200
    deadline = time.monotonic() + 3
    while exeat.admin("GET", f"/v1/missions/{mission['mission']}").ok()["state"] != "revoked":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    [fired] = exeat.audit_records("mission", event="deviation", mission=mission["mission"])
    assert fired["evidence"] == {"seen": "gpt-4.1", "pinned": "gpt-5", "in": "answer", "destination": f"{HOST}:443"}
    refused(call(exeat, mission), "mission_ended")


@pytest.mark.parametrize("how", [plain, events])
@pytest.mark.parametrize("model", ["gpt-5", "gpt-5-2025-08-07"])
def test_the_pinned_model_and_its_dated_edition_may_answer(exeat, mission, llm, how, model):
    llm.answer(how(model))
    assert [call(exeat, mission).status for _ in range(2)] == [200, 200]
    assert exeat.audit_records("mission", event="deviation", mission=mission["mission"]) == []


def test_what_isn_t_a_call_of_a_model_may_speak_of_any(exeat, mission, llm):
    llm.answer(plain("gpt-4.1"))
    assert [call(exeat, mission, "/v1/other").status for _ in range(2)] == [200, 200]
    assert exeat.audit_records("mission", event="deviation", mission=mission["mission"]) == []
